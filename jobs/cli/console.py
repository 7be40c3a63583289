"""What the commands share: arguments, and the printing of messages."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

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
