"""What the commands share: arguments, and the printing of messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from aevae.errors import Interrupted

if TYPE_CHECKING:
    from aevae.data.importing.source import Progress

SweepDir = Annotated[Path, typer.Argument(help="Folder of the sweep, such as runs/paper.")]
DataDir = Annotated[
    Path,
    typer.Option(envvar="AEVAE_DATA_DIR", help="Folder of the datasets (holds MNIST/raw)."),
]
ChosenDataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="AEVAE_DATA_DIR",
        help="Folder of the datasets; default: that of the cluster profile, else that of the "
        "specification, else data.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RUNS",
        help="Runs, by id, by a pattern such as 'vae-*', or by a value such as d=20; several "
        "options add up. Default: all.",
    ),
]

messages = Console(stderr=True)


def say(line: str) -> None:
    """Print one line for the user on standard error, without markup or line breaks."""
    messages.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def shown_progress() -> "Iterator[Progress]":
    """Show how far images are processed; a signal stops that at the next block of images."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from aevae.execution import StopRequest

    stop = StopRequest().install()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bars(
        *columns,
        TimeRemainingColumn(),
        console=messages,
        transient=True,
        disable=not messages.is_terminal,
    ) as bars:
        bar = bars.add_task("reading", total=None)

        def show(what: str, done: int, total: int) -> None:
            bars.update(bar, description=what, completed=done, total=total)
            if stop.signal is not None:
                raise Interrupted(stop.signal.name)

        yield show
