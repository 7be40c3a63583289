"""What a launch comprises, by axis of the sweep, and the question before a launch of many runs."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from aevae.axes import Value, find_axes, value_of
from aevae.config import RunConfig
from aevae.errors import InputError
from aevae.words import counted
from jobs.cli.console import messages
from jobs.sweep.folder import Sweep, is_there
from jobs.sweep.settings import shown_value

# The largest shipped sweep has 153 runs. More than 200 are more often a mistake in a grid, whose
# lists multiply, than a plan.
MOST_UNASKED = 200
MOST_VALUES = 10  # in a line


def overview(configs: Sequence[RunConfig]) -> Iterator[str]:
    """Yield a line for each list of a sweep: its values, and how many runs have each of them."""
    axes = find_axes(configs)
    columns: dict[str, list[Value]] = {
        "model": [config.model.kind for config in configs],
        "latent_size": [config.model.latent_size for config in configs],
        **{axis.key: [value_of(config, axis.key) for config in configs] for axis in axes},
    }
    cells = len(set(zip(*columns.values(), strict=True)))
    columns["seed"] = [config.seed for config in configs]
    orders = {axis.key: axis.values for axis in axes}
    widest = max(map(len, columns))
    for name, values in columns.items():
        yield f"{name:{widest}}  {_counts(values, orders.get(name))}"
    counts = f"{counted(len(configs), 'run')} in {counted(cells, 'cell')}"
    yield f"{counts}; the seeds of a cell are its replicates"


def _counts(values: Sequence[Value], order: Sequence[Value] | None) -> str:
    """Write how often each value occurs, for example ``2, 10, 20 (51 runs each)``."""
    found = Counter(values)
    without = found.pop(None, 0)
    counts = {shown_value(value): found[value] for value in order or found}
    rest = f"; {counted(without, 'run')} without this setting" if without else ""
    numbers = sorted(set(counts.values()))
    names = list(counts)
    if len(names) > MOST_VALUES:
        more = len(names) - MOST_VALUES + 1
        names = [*names[: MOST_VALUES - 2], f"... {more:,} more ...", names[-1]]
    elif len(numbers) > 1:
        named = (f"{name} ({counted(number, 'run')})" for name, number in counts.items())
        return ", ".join(named) + rest
    least = f"{numbers[0]:,} to " if len(numbers) > 1 else ""
    each = " each" if len(counts) > 1 else ""
    return f"{', '.join(names)} ({least}{counted(numbers[-1], 'run')}{each}){rest}"


def confirm(sweep: Sweep, run_ids: Sequence[str], *, yes: bool) -> None:
    """Ask before a launch of more than 200 runs that are not done; without a terminal, refuse.

    Parameters
    ----------
    sweep
        The sweep, whose files need not be written yet.
    run_ids
        The runs to launch.
    yes
        Whether the user has agreed already.

    Raises
    ------
    InputError
        The user does not agree, or cannot be asked.
    """
    if yes or len(run_ids) <= MOST_UNASKED:
        return
    count = sum(not is_there(sweep.paths.run(run_id).evaluation) for run_id in run_ids)
    if count <= MOST_UNASKED:
        return
    if not (sys.stdin.isatty() and messages.is_terminal):
        raise InputError(
            f"{count:,} runs are more than the {MOST_UNASKED} that start without a question: "
            "look at them with --dry-run, then start them with --yes"
        )
    try:
        answer = messages.input(f"{count:,} runs will start. Go on? [y/N] ", markup=False)
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise InputError("not confirmed: nothing was written or started")
