"""Writing tables and figures, each atomically, with captions that say when a sweep is partial."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol, cast

import pandas as pd
from matplotlib.figure import Figure

from aevae.errors import InputError
from aevae.files import publish, publish_text
from analysis.figures import captions, style
from analysis.formats import FORMATS
from analysis.load import Sweep
from analysis.selection import MissingIngredient
from analysis.tables import TABLES

# Without dates, the same results give the same bytes.
SAVING: dict[str, dict[str, Any]] = {
    "png": {},
    "pdf": {"metadata": {"CreationDate": None}},
    "svg": {"metadata": {"Date": None}},
    "webp": {"dpi": 150, "pil_kwargs": {"quality": 65}},  # small, for pages
}


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


class Recipe(Protocol):
    """What a module of `analysis.figures` offers."""

    def gather(self, sweep: Sweep) -> Any:  # noqa: ANN401 - each figure has its own data
        """Read what the figure shows, or raise MissingIngredient."""

    def draw(self, data: Any) -> Figure:  # noqa: ANN401
        """Make the figure."""

    def caption(self, data: Any) -> str:  # noqa: ANN401
        """Describe the figure from its data."""


@dataclass(frozen=True)
class Drawing:
    """A figure with its caption (Markdown)."""

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class Skipped:
    """A figure whose ingredients the sweep lacks."""

    name: str
    reason: str


def prepare_folder(folder: Path) -> Path:
    """Resolve an output folder and make sure that it exists.

    Raises
    ------
    InputError
        It cannot be created, or is no folder.
    """
    try:
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise InputError(f"--to: cannot create the folder {folder}: {reason}") from None
    return folder


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
    return Table(name, data, for_readers, _with_note(caption, sweep, " "))


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


def write_figure(drawing: Drawing, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write a figure in some formats, and its caption beside it."""
    paths = [folder / f"{drawing.name}.{suffix}" for suffix in formats]
    for path, suffix in zip(paths, formats, strict=True):
        publish(path, saver(drawing.figure, suffix))
    caption = folder / f"{drawing.name}.md"
    publish_text(caption, drawing.caption + "\n")
    return [*paths, caption]


def draw_figure(sweep: Sweep, name: str) -> Drawing | Skipped:
    """Draw one of `FIGURES`."""
    recipe = cast(Recipe, import_module(f"analysis.figures.{name}"))
    try:
        data = recipe.gather(sweep)
    except MissingIngredient as error:
        return Skipped(name, str(error))
    caption = _with_note(recipe.caption(data), sweep, "\n\n")
    return Drawing(name, recipe.draw(data), caption)


def saver(figure: Figure, suffix: str) -> Callable[[IO[bytes]], object]:
    """Return what saves a figure to a file: the same results give the same bytes."""

    def save(file: IO[bytes]) -> None:
        with style.styled():
            figure.savefig(file, format=suffix, **SAVING[suffix])

    return save


def _with_note(text: str, sweep: Sweep, separator: str) -> str:
    return separator.join(filter(None, [text, captions.sentence(sweep.partial_note)]))
