"""States of many runs, counted by the settings that they have."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from aevae.axes import find_axes, value_of
from aevae.config import RunConfig
from jobs.cli.status_styles import GAP, STYLES
from jobs.sweep.settings import shown_value
from jobs.sweep.state import State
from jobs.sweep.status import RunStatus

MOST_GROUPS = 60  # more lines than these are too many to be read at once
UNKNOWN = "?"  # the value of a run whose configuration cannot be read


@dataclass(frozen=True)
class Grouping:
    """Runs by the values of some keys; `names` are the keys, and `left_out` those that vary too."""

    names: tuple[str, ...]
    left_out: tuple[str, ...]
    groups: Mapping[tuple[str, ...], Sequence[RunStatus]]


def table_of_groups(
    statuses: Sequence[RunStatus], configs: Mapping[str, RunConfig], width: int
) -> tuple[Table, str]:
    """Return a row for each cell of the sweep, or a coarser table; and a line that explains it.

    Parameters
    ----------
    statuses
        States of the runs.
    configs
        Configurations of the runs, by id.
    width
        Characters in a line. Keys are left out, the last one first, until there are at most 60
        rows and they fit.
    """
    labels = _labels(statuses, configs)
    names = tuple(labels)
    while True:
        grouping = _group(statuses, labels, names)
        table, used = _table(grouping)
        if len(names) == 1 or (len(grouping.groups) <= MOST_GROUPS and used <= width):
            return table, _explained(grouping)
        names = names[:-1]


def _labels(
    statuses: Sequence[RunStatus], configs: Mapping[str, RunConfig]
) -> dict[str, list[str]]:
    """Return the values of all runs by the name of the column: model, d and the axes."""
    found = [configs.get(status.run_id) for status in statuses]
    known = [config for config in found if config is not None]
    columns = {
        "model": {id(config): config.model.kind for config in known},
        "d": {id(config): str(config.model.latent_size) for config in known},
    }
    for axis in find_axes(known):
        columns[axis.name] = {
            id(config): "" if (value := value_of(config, axis.key)) is None else shown_value(value)
            for config in known
        }
    return {
        name: [UNKNOWN if config is None else values[id(config)] for config in found]
        for name, values in columns.items()
    }


def _group(
    statuses: Sequence[RunStatus], labels: Mapping[str, Sequence[str]], names: tuple[str, ...]
) -> Grouping:
    groups: dict[tuple[str, ...], list[RunStatus]] = defaultdict(list)
    for status, *values in zip(statuses, *(labels[name] for name in names), strict=True):
        groups[tuple(values)].append(status)
    return Grouping(names, tuple(name for name in labels if name not in names), groups)


def _table(grouping: Grouping) -> tuple[Table, int]:
    """Return the table and the characters of its longest line."""
    present = {status.state for runs in grouping.groups.values() for status in runs}
    states = [state for state in State if state in present]
    head = [*grouping.names, "runs", "epochs", *states]
    rows = [
        [*values, str(len(runs)), _progress(runs), *_counts(runs, states)]
        for values, runs in grouping.groups.items()
    ]
    table = Table(box=None, padding=(0, len(GAP), 0, 0), pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
    styles = [*[""] * (len(head) - len(states)), *(STYLES.get(state, "dim") for state in states)]
    for row in rows:
        table.add_row(*(Text(text, style) for text, style in zip(row, styles, strict=True)))
    columns = zip(head, *rows, strict=True)
    return table, sum(max(map(len, column)) + len(GAP) for column in columns) - len(GAP)


def _progress(runs: Sequence[RunStatus]) -> str:
    """Return the part of all epochs that is done; 100 % only if every epoch is done."""
    done, epochs = sum(run.epoch for run in runs), sum(run.epochs for run in runs)
    return f"{100 * done // epochs} %" if epochs else ""


def _counts(runs: Sequence[RunStatus], states: Sequence[State]) -> list[str]:
    counts = Counter(run.state for run in runs)
    return [str(counts[state] or "") for state in states]


def _explained(grouping: Grouping) -> str:
    if not grouping.left_out:
        return "a line counts the seeds of a cell (--json has all runs)"
    return (
        f"a line counts all values of {', '.join(grouping.left_out)}, and all seeds; "
        "--only KEY=VALUE shows some runs, and --json has all"
    )
