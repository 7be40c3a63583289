"""Showing run states: a live table on a terminal, plain lines elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from aevae.config import RunConfig
from aevae.words import counted
from jobs.cli.status_groups import table_of_groups
from jobs.cli.status_styles import GAP, STYLES
from jobs.sweep.state import State
from jobs.sweep.status import RunStatus, SweepReport

# With more runs than these, a row stands for a cell of the sweep instead of a run.
MANY_RUNS = 100
MOST_LISTED = 30  # runs beside the table of the cells
BAR_WIDTH = 40
ALWAYS = ("run", "state")
NUMBERS = ("epoch", "val loss", "ETA", "silent", "tries", "images/s")
# Runs in these states are listed beside the table of the cells, in this order.
NOTABLE = (State.FAILED, State.UNKNOWN, State.INTERRUPTED, State.RUNNING)


def status_table(
    statuses: Sequence[RunStatus], configs: Mapping[str, RunConfig], width: int
) -> Group:
    """Return a row per run, the reasons why runs are not done, a bar of all epochs, and totals.

    If there are more than 100 runs, a row stands for a cell of the sweep, and only runs that failed
    or are at work are listed as well.

    Parameters
    ----------
    statuses
        States of the runs.
    configs
        Configurations of the runs, by id.
    width
        Characters in a line. Empty columns are left out. If the others do not fit into a line, the
        less useful ones are left out too.
    """
    if len(statuses) > MANY_RUNS:
        parts = _parts_of_many(statuses, configs, width)
    else:
        parts = [*_listed(statuses, width), *_reasons(statuses)]
    return Group(*parts, _totals(statuses, width))


def _parts_of_many(
    statuses: Sequence[RunStatus], configs: Mapping[str, RunConfig], width: int
) -> list[Table | Text]:
    """Return the table of the cells, some runs that need a look, and some reasons."""
    groups, explained = table_of_groups(statuses, configs, width)
    notable = [status for state in NOTABLE for status in statuses if status.state is state]
    reasons = _reasons(statuses)
    parts = [groups, Text(explained), *_listed(notable[:MOST_LISTED], width)]
    if len(notable) > MOST_LISTED:
        more = len(notable) - MOST_LISTED
        parts.append(Text(f"{more:,} more such runs are not listed here (--json has all)"))
    parts += reasons[:MOST_LISTED]
    if len(reasons) > MOST_LISTED:
        parts.append(Text(f"{len(reasons) - MOST_LISTED:,} more reasons (--json has all)"))
    return parts


def _listed(statuses: Sequence[RunStatus], width: int) -> list[Table | Text]:
    """Return the table of some runs, and a line about the columns for which there is no room."""
    if not statuses:
        return []
    table, left_out = _table_of_runs(statuses, width)
    note = Text(f"no room for {', '.join(left_out)} (--json has all)")
    return [table, note] if left_out else [table]


def _totals(statuses: Sequence[RunStatus], width: int) -> Table:
    """Return a bar of all epochs, and the number of runs in each state."""
    bar = ProgressBar(
        total=sum(status.epochs for status in statuses),
        # Early stopping ends a run before all its epochs are trained.
        completed=sum(s.epochs if s.state is State.DONE else s.epoch for s in statuses),
        width=BAR_WIDTH,
    )
    counts = Text(summary_line(statuses), "bold")
    totals = Table.grid(padding=(0, len(GAP)))
    beside = BAR_WIDTH + len(GAP) + len(counts) <= width
    for row in [(bar, counts)] if beside else [(bar,), (counts,)]:
        totals.add_row(*row)
    return totals


def _table_of_runs(listed: Sequence[RunStatus], width: int) -> tuple[Table, list[str]]:
    """Return a table of the columns that fit, and the names of the other columns."""
    rows = [_cells(status) for status in listed]
    filled = [name for name in _cells(RunStatus("", State.PLANNED)) if any(r[name] for r in rows)]
    shown, left_out, used = [], [], 0
    for name in filled:
        widest = max(len(text) for text in (name, *(row[name] for row in rows)))
        if used + widest <= width or name in ALWAYS:
            shown.append(name)
            used += widest + len(GAP)
        else:
            left_out.append(name)
    table = Table(box=None, padding=(0, len(GAP), 0, 0), pad_edge=False, header_style="bold")
    for name in shown:
        table.add_column(name, justify="right" if name in NUMBERS else "left", no_wrap=True)
    for status, row in zip(listed, rows, strict=True):
        style = STYLES.get(status.state, "dim")
        table.add_row(*(Text(row[name], style if name == "state" else "") for name in shown))
    return table, left_out


def _cells(status: RunStatus) -> dict[str, str]:
    """Return the cells of a run's row, the most useful first."""
    waits = status.state is State.PENDING
    return {
        "run": status.run_id,
        "state": status.phase if status.phase == "evaluating" else status.state,
        "epoch": f"{status.epoch}/{status.epochs}",
        "val loss": _number(status.val_loss, ".3f"),
        "ETA": format_duration(status.eta_seconds),
        # The first part of a host's name is enough.
        "where": f"job {status.job}" if waits else (status.node or "").partition(".")[0],
        "silent": format_duration(status.silent_seconds),
        "tries": str(status.attempts or ""),
        "images/s": _number(status.images_per_second, ",.0f"),
    }


def report_view(report: SweepReport, configs: Mapping[str, RunConfig], width: int) -> Group:
    """Return the table of all runs, what they cost, and the time; see `status_table`."""
    asked = datetime.fromisoformat(report.asked_at).astimezone()
    footer = [f"as of {asked:%Y-%m-%d %H:%M:%S}"]
    if report.gpu_hours is not None:
        footer.append(
            f"{report.gpu_hours:.2f} GPU-hours used, {format_duration(report.wall_seconds)} from "
            f"the first start to the last end, according to {report.gpu_hours_source}"
        )
    return Group(status_table(report.runs, configs, width), Text("; ".join(footer)))


def summary_line(statuses: Sequence[RunStatus]) -> str:
    """Totals by state, for example ``4 runs: 3 done, 1 running``."""
    counts = Counter(status.state for status in statuses)
    parts = [f"{counts[state]} {state}" for state in State if counts[state]]
    return f"{counted(len(statuses), 'run')}: {', '.join(parts)}"


@contextmanager
def shown(
    console: Console, configs: Mapping[str, RunConfig]
) -> Iterator[Callable[[list[RunStatus]], None]]:
    """Yield a function that shows states; a terminal is redrawn, a file gets a line per change."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
            yield lambda statuses: live.update(
                status_table(statuses, configs, console.width), refresh=True
            )
    else:
        yield _ChangePrinter(console)


class _ChangePrinter:
    """Prints a line whenever a run changes its state."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._states: dict[str, State] = {}

    def __call__(self, statuses: list[RunStatus]) -> None:
        for status in statuses:
            before = self._states.get(status.run_id, State.PLANNED)
            if status.state != before:
                loss = f", val loss {status.val_loss:.3f}" if status.val_loss is not None else ""
                reason = f" ({status.reason})" if status.reason else ""
                self._console.print(
                    f"{status.run_id} {status.state} {status.epoch}/{status.epochs}{loss}{reason}",
                    highlight=False,
                    soft_wrap=True,
                )
            self._states[status.run_id] = status.state


def format_duration(seconds: float | None) -> str:
    """Format seconds as ``1:02:03`` or ``2:03``; nothing for None."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _reasons(statuses: Sequence[RunStatus]) -> list[Text]:
    """Return a line for each reason why runs are not done."""
    runs: dict[str, list[str]] = {}
    for status in statuses:
        if status.reason:
            start = f", may start {status.start_estimate}" if status.start_estimate else ""
            runs.setdefault(f"{status.reason}{start}", []).append(status.run_id)
    return [
        Text(f"{ids[0] if len(ids) == 1 else f'{len(ids)} runs'}: {reason}")
        for reason, ids in runs.items()
    ]


def _number(value: float | None, spec: str) -> str:
    return "" if value is None else format(value, spec)
