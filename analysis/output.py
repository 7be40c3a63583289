"""Writing tables and figures, each atomically, with captions that say when a sweep is partial."""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd
from matplotlib.figure import Figure

from aevae.errors import InputError
from aevae.files import publish, publish_text
from analysis import embedding_scores, tables
from analysis.figures import captions, style
from analysis.formats import FORMATS
from analysis.load import Sweep
from analysis.selection import MissingIngredient

# Without dates, the same results give the same bytes.
METADATA: dict[str, dict[str, Any]] = {"png": {}, "pdf": {"CreationDate": None}}


class Recipe(Protocol):
    """What a module of `analysis.figures` offers."""

    def gather(self, sweep: Sweep) -> Any:  # noqa: ANN401 - each figure has its own data
        """Read what the figure shows, or raise MissingIngredient."""

    def draw(self, data: Any) -> Figure:  # noqa: ANN401
        """Make the figure."""

    def caption(self, data: Any) -> str:  # noqa: ANN401
        """Describe the figure from its data."""


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


def make_tables(sweep: Sweep) -> dict[str, pd.DataFrame]:
    """Compute the tidy tables by the name of their file."""
    return {
        "per_digit_error": tables.per_digit_error(sweep),
        "summary": tables.summary(sweep),
        "history": tables.history(sweep),
    }


def write_tables(
    sweep: Sweep, made: dict[str, pd.DataFrame], folder: Path, formats: Sequence[str]
) -> list[Path]:
    """Write the tables of `make_tables`; the history, thousands of rows, as CSV only.

    For readers (Markdown, LaTeX) the per-digit table is wide, one row per run; the CSV is tidy.
    """
    per_digit = tables.wide_per_digit(made["per_digit_error"])
    for_readers = {"per_digit_error": per_digit, "summary": made["summary"]}
    written = []
    for name in formats:
        suffix, render = FORMATS[name]
        for stem, table in (made if name == "csv" else for_readers).items():
            path = folder / (stem + suffix)
            publish_text(path, render(table, table_caption(sweep, stem)))
            written.append(path)
    return written


def table_caption(sweep: Sweep, stem: str) -> str:
    """Say what the numbers of a table are, and whether runs are missing."""
    test = f"{sweep.data.counts['test']:,} test images of {sweep.data.title}"
    texts = {
        "per_digit_error": (
            f"Sum of squared pixel errors per image by digit, mean over the {test}, decoding the "
            "posterior mean (the code itself for the AE)."
        ),
        "summary": (
            f"Every run on the {sweep.data.counts['val']:,} validation images and {test}: means "
            "per image. SSE is the sum of squared pixel errors, decoding the posterior mean or "
            "one sampled z; KL, ELBO and IWAE bound are in nats; test_mse is per pixel; "
            "val_loss is the loss as minimised, at the last epoch."
        ),
        "history": "Means per image by epoch and split.",
    }
    return _with_note(texts[stem], sweep, " ")


def write_embedding_scores(sweep: Sweep, table: pd.DataFrame, folder: Path) -> list[Path]:
    """Write the scores of embeddings in every format."""
    text = _with_note(embedding_scores.caption(sweep), sweep, " ")
    written = []
    for suffix, render in FORMATS.values():
        written.append(folder / f"embedding_scores{suffix}")
        publish_text(written[-1], render(table, text))
    return written


def write_figures(
    sweep: Sweep,
    names: Sequence[str],
    folder: Path,
    formats: Sequence[str],
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> tuple[list[Path], dict[str, str]]:
    """Draw figures one after the other, and write each with its caption.

    Returns
    -------
    written
        The files.
    skipped
        Reason by name, for each figure whose ingredients the sweep lacks.
    """
    written: list[Path] = []
    skipped: dict[str, str] = {}
    for name in track(names):
        recipe = cast(Recipe, import_module(f"analysis.figures.{name}"))
        try:
            data = recipe.gather(sweep)
        except MissingIngredient as error:
            skipped[name] = str(error)
            continue
        figure = recipe.draw(data)
        for suffix in formats:
            path = folder / f"{name}.{suffix}"
            publish(path, _saver(figure, suffix))
            written.append(path)
        caption_path = folder / f"{name}.md"
        publish_text(caption_path, _with_note(recipe.caption(data), sweep, "\n\n") + "\n")
        written.append(caption_path)
    return written, skipped


def _saver(figure: Figure, suffix: str) -> Callable[[Any], object]:
    def save(file: Any) -> None:  # noqa: ANN401 - any binary file
        with style.styled():
            figure.savefig(file, format=suffix, metadata=METADATA[suffix])

    return save


def _with_note(text: str, sweep: Sweep, separator: str) -> str:
    return separator.join(filter(None, [text, captions.sentence(sweep.partial_note)]))
