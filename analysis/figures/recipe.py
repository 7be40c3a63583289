"""What a figure is: its recipe, the drawing that is made by it, and how drawings are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Concatenate, Generic, Protocol, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from aevae.files.atomic import publish, publish_text
from analysis.figures import EVIDENCE, FIGURES
from analysis.figures.parts import style
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, Run
from analysis.sweep.reference import described
from analysis.tables.registry import compute_table
from analysis.write import prose
from analysis.write.formats import markdown_rows

# Files carry no dates, so that the same results give the same bytes.
SAVING: dict[str, dict[str, Any]] = {
    "png": {},
    "pdf": {"metadata": {"CreationDate": None}},
    "webp": {"dpi": 150, "pil_kwargs": {"quality": 65}},  # small, for pages
}


class Shown(Protocol):
    """What a figure shows; each figure has its own data."""

    @property
    def runs(self) -> Sequence[Run]:
        """The runs that it was made from; none if only the dataset is shown."""


Data = TypeVar("Data", bound=Shown)


@dataclass(frozen=True)
class Drawing:
    """A figure with its caption, in Markdown, and the runs that it was made from.

    `caption` is one paragraph; `further` are those below it: a table, or that the sweep is partial.
    `name` is that of the recipe, `file` that of the files: where the classes are no digits, it
    speaks of classes.
    """

    name: str
    file: str
    figure: Figure
    caption: str
    runs: Sequence[Run]
    further: Sequence[str]


@dataclass(frozen=True)
class Skipped:
    """A figure whose ingredients the sweep lacks."""

    name: str
    reason: str


@dataclass(frozen=True)
class FigureRecipe(Generic[Data]):
    """How a figure is made from a study.

    Parameters
    ----------
    name
        Of the figure and its files; `analysis.figures` says what it is about.
    gather
        Reads what the figure shows from the study and the tables it needs, or raises
        MissingIngredient.
    draw
        Makes the figure of it; touches no file.
    caption
        Describes the figure, in one paragraph of Markdown.
    numbers
        Makes a table of numbers that stands below the caption.
    needs
        Names of the tables that `gather` takes after the study, in this order.
    embeddings
        Names of what is laid out by t-SNE. A command computes these layouts side by side before it
        draws the first figure.
    least_axes
        How many settings must vary, for a figure that compares the cells of a sweep. With 0, the
        figure shows the runs of the reference cell.
    """

    name: str
    gather: Callable[Concatenate[Study, ...], Data]
    draw: Callable[[Data], Figure]
    caption: Callable[[Data], str]
    numbers: Callable[[Data], pd.DataFrame] | None = None
    needs: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    least_axes: int = 0

    @property
    def about(self) -> str:
        """What the figure shows, in one line."""
        return (FIGURES | EVIDENCE)[self.name]

    def gathered(self, study: Study) -> Data:
        """Read what the figure shows, with the tables that it needs.

        Raises
        ------
        MissingIngredient
            The sweep lacks what the figure shows.
        """
        if len(study.sweep.axes) < self.least_axes:
            count = {1: "no setting varies", 2: "fewer than two settings vary"}[self.least_axes]
            raise MissingIngredient(f"{count} in this sweep")
        shown = study if self.least_axes else study.reference
        return self.gather(shown, *(compute_table(shown, name) for name in self.needs))

    def drawn(self, study: Study) -> Drawing | Skipped:
        """Draw the figure, or say what the sweep lacks for it."""
        try:
            data = self.gathered(study)
        except MissingIngredient as error:
            return Skipped(self.name, str(error))
        numbers = markdown_rows(self.numbers(data)) if self.numbers else ""
        further = [text for text in (numbers, prose.sentence(study.sweep.partial_note)) if text]
        file = study.data.file_name(self.name)
        at_cell = study.sweep.axes and not self.least_axes
        cell = described(study.reference.sweep) if at_cell else ""
        caption = f"{self.caption(data)} {prose.basis(data.runs, cell)}".rstrip()
        return Drawing(self.name, file, self.draw(data), caption, data.runs, further)


def write_figure(drawing: Drawing, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write a figure in some formats, and beside it its caption, which names the runs."""
    paths = [folder / f"{drawing.file}.{suffix}" for suffix in formats]
    for path, suffix in zip(paths, formats, strict=True):
        publish(path, saver(drawing.figure, suffix))
    caption = folder / f"{drawing.file}.md"
    first = prose.with_runs(drawing.caption, drawing.runs)
    publish_text(caption, "\n\n".join([first, *drawing.further]) + "\n")
    return [*paths, caption]


def saver(figure: Figure, suffix: str) -> Callable[[IO[bytes]], object]:
    """Return what saves a figure to a file: the same results give the same bytes."""

    def save(file: IO[bytes]) -> None:
        with style.styled():
            if (engine := figure.get_layout_engine()) is not None:
                # Parts are laid out for the first format only: a layout takes as long as a drawing.
                engine.execute(figure)
                figure.set_layout_engine(None)
            figure.savefig(file, format=suffix, **SAVING[suffix])

    return save
