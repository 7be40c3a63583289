"""Showing run states: a live table on a terminal, plain lines elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from jobs.sweep.state import State
from jobs.sweep.status import RunStatus, SweepReport

STYLES = {
    State.DONE: "green",
    State.RUNNING: "cyan",
    State.INTERRUPTED: "yellow",
    State.FAILED: "red",
    State.UNKNOWN: "magenta",
}
MOST_ROWS = 200
EXPECTED = (State.PLANNED, State.PENDING, State.DONE)


def status_table(statuses: Sequence[RunStatus]) -> Group:
    """A row per run, the reasons why some are not done, all epochs as a bar, totals.

    Of more than 200 runs, those are left out that wait or are done.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in ("epoch", "val loss", "images/s", "ETA", "silent", "tries"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("where", overflow="ellipsis")
    listed = list(statuses)
    if len(statuses) > MOST_ROWS:
        listed = [s for s in statuses if s.state not in EXPECTED][:MOST_ROWS]
    for status in listed:
        state = status.phase if status.phase == "evaluating" else status.state
        table.add_row(
            status.run_id,
            Text(state, STYLES.get(status.state, "dim")),
            f"{status.epoch}/{status.epochs}",
            _number(status.val_loss, ".3f"),
            _number(status.images_per_second, ",.0f"),
            format_duration(status.eta_seconds),
            format_duration(status.silent_seconds),
            str(status.attempts or ""),
            f"job {status.job}" if status.state is State.PENDING else status.node,
        )
    bar = ProgressBar(
        total=sum(status.epochs for status in statuses),
        completed=sum(status.epoch for status in statuses),
        width=40,
    )
    totals = Table.grid(padding=(0, 2))
    totals.add_row(bar, Text(summary_line(statuses), "bold"))
    unlisted = len(statuses) - len(listed)
    rest = [Text(f"{unlisted:,} runs are not listed here (--json has all)")] if unlisted else []
    return Group(*([table] if listed else []), *rest, *_reasons(statuses), totals)


def report_view(report: SweepReport) -> Group:
    """The table of all runs, what they cost, and when the scheduler and the files were asked."""
    asked = datetime.fromisoformat(report.asked_at).astimezone()
    footer = [f"as of {asked:%Y-%m-%d %H:%M:%S}"]
    if report.gpu_hours is not None:
        footer.append(
            f"{report.gpu_hours:.2f} GPU-hours used, {format_duration(report.wall_seconds)} from "
            f"the first start to the last end, by {report.gpu_hours_source}"
        )
    return Group(status_table(report.runs), Text("; ".join(footer)))


def summary_line(statuses: Sequence[RunStatus]) -> str:
    """Totals by state, for example ``4 runs: 3 done, 1 running``."""
    counts = Counter(status.state for status in statuses)
    parts = [f"{counts[state]} {state}" for state in State if counts[state]]
    return f"{len(statuses)} runs: {', '.join(parts)}"


@contextmanager
def shown(console: Console) -> Iterator[Callable[[list[RunStatus]], None]]:
    """Yield a function that shows states: redrawn on a terminal, as changes elsewhere."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
            yield lambda statuses: live.update(status_table(statuses), refresh=True)
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
    """A line for each reason for which runs are not done."""
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
