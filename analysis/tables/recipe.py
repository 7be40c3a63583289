"""What a table is: its recipe, the table that is made by it, and how tables are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate

import pandas as pd

from aevae.files.atomic import publish_text
from analysis.measures.study import Call, Study
from analysis.tables import EVIDENCE, TABLES
from analysis.write import prose
from analysis.write.formats import FORMATS


@dataclass(frozen=True)
class TableRecipe:
    """How a table is made from a study.

    Parameters
    ----------
    name
        Of the table; `analysis.tables` says what it is about.
    make
        Computes the tidy table from the study and the tables it needs, or raises MissingIngredient.
    caption
        Says what the numbers are.
    for_readers
        Shortens the table for a page; None if it is for programs only.
    needs
        Names of the tables that `make` takes after the study, in this order.
    measures
        Lists measures that take long, which can be computed side by side before `make` uses them.
    concerns
        Tells whether the table has a meaning for a study; without it, it always has. One that has
        none is left out without a word.
    """

    name: str
    make: Callable[Concatenate[Study, ...], pd.DataFrame]
    caption: Callable[[Study], str]
    for_readers: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    needs: tuple[str, ...] = ()
    measures: Callable[[Study], list[Call]] | None = None
    concerns: Callable[[Study], bool] | None = None

    @property
    def about(self) -> str:
        """What the table is about, in one line."""
        return (TABLES | EVIDENCE)[self.name]


@dataclass(frozen=True)
class Table:
    """A table to be written, with what a reader gets to see of it.

    Parameters
    ----------
    name
        Of the recipe.
    file
        Name of the files: where the classes are no digits, it speaks of classes.
    data, for_readers, caption
        What the recipe has made.
    notes
        Sentences below the table, one a paragraph.
    """

    name: str
    file: str
    data: pd.DataFrame
    for_readers: pd.DataFrame | None
    caption: str
    notes: Sequence[str] = ()


def captioned(study: Study, recipe: TableRecipe, data: pd.DataFrame) -> Table:
    """Make a table whose caption says when the sweep is partial."""
    shown = recipe.for_readers(data) if recipe.for_readers else None
    text = prose.with_partial(recipe.caption(study), study.sweep)
    return Table(recipe.name, study.data.file_name(recipe.name), data, shown, text)


def write_tables(tables: Sequence[Table], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write tables: whole as CSV, shortened as Markdown and LaTeX unless only for programs."""
    written = []
    for format_ in formats:
        suffix, render = FORMATS[format_]
        for table in tables:
            data = table.data if format_ == "csv" else table.for_readers
            if data is not None:
                path = folder / (table.file + suffix)
                publish_text(path, render(data, table.caption, table.notes))
                written.append(path)
    return written
