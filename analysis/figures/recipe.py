"""What a module of this package offers, and how a figure is drawn and written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol, cast

from matplotlib.figure import Figure

from aevae.files.atomic import publish, publish_text
from analysis.figures.parts import style
from analysis.sweep.groups import MissingIngredient
from analysis.sweep.load import Sweep
from analysis.write import prose

# Without dates, the same results give the same bytes.
SAVING: dict[str, dict[str, Any]] = {
    "png": {},
    "pdf": {"metadata": {"CreationDate": None}},
    "svg": {"metadata": {"Date": None}},
    "webp": {"dpi": 150, "pil_kwargs": {"quality": 65}},  # small, for pages
}


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


def draw_figure(sweep: Sweep, name: str) -> Drawing | Skipped:
    """Draw one of `FIGURES`."""
    recipe = cast(Recipe, import_module(f"analysis.figures.{name}"))
    try:
        data = recipe.gather(sweep)
    except MissingIngredient as error:
        return Skipped(name, str(error))
    caption = prose.with_note(recipe.caption(data), sweep, "\n\n")
    return Drawing(name, recipe.draw(data), caption)


def write_figure(drawing: Drawing, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write a figure in some formats, and its caption beside it."""
    paths = [folder / f"{drawing.name}.{suffix}" for suffix in formats]
    for path, suffix in zip(paths, formats, strict=True):
        publish(path, saver(drawing.figure, suffix))
    caption = folder / f"{drawing.name}.md"
    publish_text(caption, drawing.caption + "\n")
    return [*paths, caption]


def saver(figure: Figure, suffix: str) -> Callable[[IO[bytes]], object]:
    """Return what saves a figure to a file: the same results give the same bytes."""

    def save(file: IO[bytes]) -> None:
        with style.styled():
            figure.savefig(file, format=suffix, **SAVING[suffix])

    return save
