"""What a module of this package offers, and how tables are made and written."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import pandas as pd

from aevae.files.atomic import publish_text
from analysis.sweep.groups import MissingIngredient
from analysis.sweep.load import Sweep
from analysis.tables import TABLES
from analysis.write import prose
from analysis.write.formats import FORMATS


class TableRecipe(Protocol):
    """What a module of `analysis.tables` offers."""

    def make(self, sweep: Sweep) -> pd.DataFrame:
        """Compute the tidy table, or raise MissingIngredient."""

    def for_readers(self, table: pd.DataFrame) -> pd.DataFrame | None:
        """Shorten it for a page; None if it is for programs only."""

    def caption(self, sweep: Sweep) -> str:
        """Say what the numbers are."""


@dataclass(frozen=True)
class Table:
    """A table to be written, with what a reader gets to see of it."""

    name: str
    data: pd.DataFrame
    for_readers: pd.DataFrame | None
    caption: str


def make_tables(
    sweep: Sweep,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
    names: Sequence[str] = tuple(TABLES),
) -> tuple[list[Table], dict[str, str]]:
    """Compute tables one after the other.

    Returns
    -------
    made
        The tables, in the order of their names.
    omitted
        Reason by name, for each table that does not apply to this sweep.
    """
    made: list[Table] = []
    omitted: dict[str, str] = {}
    for name in track(names):
        recipe = cast(TableRecipe, import_module(f"analysis.tables.{name}"))
        try:
            data = recipe.make(sweep)
        except MissingIngredient as error:
            omitted[name] = str(error)
            continue
        made.append(captioned(sweep, name, data, recipe.for_readers(data), recipe.caption(sweep)))
    return made, omitted


def captioned(
    sweep: Sweep, name: str, data: pd.DataFrame, for_readers: pd.DataFrame | None, caption: str
) -> Table:
    """Make a table whose caption says when the sweep is partial."""
    return Table(name, data, for_readers, prose.with_note(caption, sweep, " "))


def write_tables(tables: Sequence[Table], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write tables: whole as CSV, shortened as Markdown and LaTeX unless only for programs."""
    written = []
    for format_ in formats:
        suffix, render = FORMATS[format_]
        for table in tables:
            data = table.data if format_ == "csv" else table.for_readers
            if data is not None:
                path = folder / (table.name + suffix)
                publish_text(path, render(data, table.caption))
                written.append(path)
    return written
