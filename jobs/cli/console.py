"""What the commands share: arguments, exit codes, and where messages go."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 75  # EX_TEMPFAIL: a checkpoint is on disk, run it again
EXIT_KILLED = 130  # 128 + SIGINT, as a shell has it

SweepDir = Annotated[Path, typer.Argument(help="Folder of the sweep, such as runs/paper.")]
DataDir = Annotated[
    Path,
    typer.Option(envvar="AEVAE_DATA_DIR", help="Folder of the datasets (holds MNIST/raw)."),
]

messages = Console(stderr=True)


def say(line: str) -> None:
    """Print one line for a person, on standard error: as it is, whatever its length."""
    messages.print(line, highlight=False, markup=False, soft_wrap=True)
