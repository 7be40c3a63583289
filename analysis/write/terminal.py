"""What a command prints: results on stdout; gaps, progress and notes on stderr."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from analysis.write.formats import format_cell

UNFOLDED_WIDTH = 1000

Item = TypeVar("Item")


def stdout() -> Console:
    """Return the console for results."""
    # Rich would cut numbers short to fit the terminal; a terminal wraps long lines by itself.
    return Console(width=UNFOLDED_WIDTH)


def stderr() -> Console:
    """Return the console for gaps, progress and notes."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


def note(text: str) -> None:
    """Print a line on stderr."""
    stderr().print(Text(text))


def progress(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Show a progress bar on stderr, if it is a terminal, while items are worked on."""
    console = stderr()
    return track(items, what, console=console, transient=True, disable=not console.is_terminal)


def print_table(table: pd.DataFrame) -> None:
    """Print a table on stdout."""
    rendered = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in table.columns:
        numeric = pd.api.types.is_numeric_dtype(table[name])
        rendered.add_column(Text(str(name)), justify="right" if numeric else "left", no_wrap=True)
    for row in table.itertuples(index=False):
        # As Text, brackets in the name of a class are not taken for markup.
        rendered.add_row(*(Text(format_cell(cell)) for cell in row))
    stdout().print(rendered)


def list_files(paths: Sequence[Path]) -> None:
    """Name files on stdout, one a line."""
    console = stdout()
    for path in paths:
        console.print(Text(str(path)), soft_wrap=True)
