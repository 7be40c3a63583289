"""A typical and the worst test image of each class through every model and latent size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from aevae.files import names
from aevae.kinds import KINDS
from analysis.figures.parts import style, tiles
from analysis.figures.parts.blocks import block_figure
from analysis.figures.parts.classes import IN_A_ROW, Classes, find_classes, known_labels
from analysis.figures.recipe import FigureRecipe
from analysis.figures.reconstructions import meaning
from analysis.maths.metrics import Floats, Labels
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, representative
from analysis.sweep.load import Run
from analysis.write import prose

CASES = ("median", "worst")
MOST = 10  # classes: each model has a third of the width of a page
BAR_INCHES = 0.55


@dataclass(frozen=True)
class LatentSizes:
    """What the figure shows: a median and a worst image of each class, I images each.

    `indices` (rows of the test split) has shape (2, I), `images` has shape (2, I, H, W[, 3]), and
    so has each of `decoded`, by model and latent size; a run that is not there is not in `decoded`.
    `mean_sse`, by the same keys, is that of the whole split. Of few classes, `beside` images each
    are shown; without classes, ten of all images.
    """

    runs: list[Run]
    classes: Classes
    indices: Labels
    images: style.Image
    decoded: Mapping[tuple[str, int], style.Image]
    mean_sse: Mapping[tuple[str, int], float]
    n_test: int
    beside: int

    @property
    def models(self) -> list[str]:
        """Models, from AE to CVAE."""
        return [model for model in KINDS if any(run.model == model for run in self.runs)]

    @property
    def sizes(self) -> list[int]:
        """Latent sizes, ascending."""
        return sorted({run.latent_size for run in self.runs})


def gather(study: Study) -> LatentSizes:
    """Choose the images by their mean error over the runs, and read their reconstructions."""
    keys = dict.fromkeys((run.model, run.latent_size) for run in study.sweep.runs)
    runs = [run for key in keys if (run := representative(study.sweep.runs, *key)) is not None]
    classes, image_shape = find_classes(study, MOST), study.data.image_shape
    error = np.zeros(study.data.counts["test"])
    mean_sse = {}
    for run in runs:
        with study.sweep.open(run) as results:
            sse = results.array(names.of_split("test", names.SSE_AT_MEAN)).astype(np.float64)
        error += sse / len(runs)
        mean_sse[run.model, run.latent_size] = float(sse.mean())
    labels = known_labels(study)
    beside = IN_A_ROW if labels is None else classes.beside(labels)
    indices = _choose(classes, labels, error, beside)
    decoded = {}
    for run in runs:
        with study.sweep.open(run) as results:
            images = results.array(names.of_split("test", names.RECONSTRUCTION_AT_MEAN))
            decoded[run.model, run.latent_size] = tiles.intensities(images[indices], image_shape)
    originals = tiles.intensities(study.sweep.images("test")[indices], image_shape)
    return LatentSizes(runs, classes, indices, originals, decoded, mean_sse, len(error), beside)


def _choose(classes: Classes, labels: Labels | None, error: Floats, beside: int) -> Labels:
    """Choose rows of the test split, (2, I): of median error, and the worst."""
    if labels is None:
        return median_and_worst(error, np.arange(len(error)), beside)
    members = [np.flatnonzero(labels == label) for label in classes.shown]
    return np.concatenate([median_and_worst(error, rows, beside) for rows in members], axis=1)


def median_and_worst(error: Floats, rows: Labels, count: int) -> Labels:
    """Choose among some rows those about the (upper) median error, and those with the largest.

    Returns
    -------
    ndarray
        Shape (2, count), or fewer if there are fewer rows.
    """
    ordered = rows[np.argsort(error[rows], kind="stable")]
    count = min(count, len(ordered))
    first = min(max(0, len(ordered) // 2 - count // 2), len(ordered) - count)
    return np.stack([ordered[first : first + count], ordered[len(ordered) - count :]])


@style.styled()
def draw(data: LatentSizes) -> Figure:
    """Draw a block per model and case: the originals, then two lines per latent size."""
    lines = 1 + 2 * len(data.sizes)
    figure, blocks = block_figure(
        [lines] * len(CASES),
        [TITLES[model] for model in data.models],
        data.classes.data.image_shape,
        columns=data.indices.shape[1],
        below=BAR_INCHES,
    )
    for case, row in enumerate(blocks):
        for model, axes in zip(data.models, row, strict=True):
            picture = _draw_block(axes, data, model, case)
        _label_lines(row[0], data.sizes)
        row[0].set_ylabel(f"{CASES[case]} image", rotation=90, ha="center", va="bottom")
    _add_colour_bar(figure, picture)
    return figure


def _draw_block(axes: Axes, data: LatentSizes, model: str, case: int) -> AxesImage:
    """Draw reconstructions and residuals, each on its own scale, into each other's gaps."""
    originals, image_shape = data.images[case], data.classes.data.image_shape
    blank = np.full_like(originals, np.nan)
    no_residual = tiles.residual(blank, blank, image_shape)
    shown, residuals = [originals], [no_residual]
    for size in data.sizes:
        whole = data.decoded.get((model, size))
        decoded = blank if whole is None else whole[case]
        shown += [decoded, blank]
        residuals += [no_residual, tiles.residual(decoded, originals, image_shape)]
    tiles.show_strip(axes, np.stack(shown), "")
    return tiles.show_strip(axes, np.stack(residuals), "", **tiles.RESIDUAL)


def _label_lines(axes: Axes, sizes: Sequence[int]) -> None:
    places = tiles.line_centres(axes, 1 + 2 * len(sizes))
    pairs = (places[1::2] + places[2::2]) / 2
    axes.set_yticks([places[0], *pairs], ["original", *(f"d = {size}" for size in sizes)])
    axes.tick_params(axis="y", length=0, pad=2)


def _add_colour_bar(figure: Figure, picture: AxesImage) -> None:
    height = figure.get_figheight()
    box = (0.35, (BAR_INCHES - 0.2) / height, 0.3, 0.1 / height)
    bar = figure.colorbar(
        picture, cax=figure.add_axes(box), orientation="horizontal", ticks=[-1, 0, 1]
    )
    bar.set_label("reconstruction \N{MINUS SIGN} original", labelpad=0)
    bar.outline.set_visible(False)


def caption(data: LatentSizes) -> str:
    """Say how the images were chosen and what the residuals mean, above a table of errors."""
    dataset, (median, worst) = data.classes.data, data.indices
    chosen = (
        f"of each {dataset.noun} "
        f"that with the median error (test images {prose.listed(median)}) and that with the "
        f"largest ({prose.listed(worst)}) among {data.n_test:,} test images"
    )
    if data.beside > 1:
        of_each = f"of each {dataset.noun} " if data.classes.labelled else ""
        chosen = (
            f"{of_each}those with errors about the median (test images {prose.listed(median)}) "
            f"and those with the largest ({prose.listed(worst)}) among {data.n_test:,} test images"
        )
    return (
        f"Test images of {dataset.title} through every model and latent size d, "
        f"{prose.seeds(data.runs)}, decoding {prose.decoded(data.runs)}; "
        f"below each reconstruction the residual, reconstruction minus original: "
        f"{meaning(dataset)}. The images are the same throughout: {chosen}, by SSE averaged "
        "over the runs. The table has the mean SSE per image and MSE per "
        f"{'value' if len(dataset.image_shape) == 3 else 'pixel'} of all test images."
        f"{data.classes.note}"
    )


def error_table(data: LatentSizes) -> pd.DataFrame:
    """Mean error of all test images: a row per latent size, SSE and MSE of each model."""
    table = pd.DataFrame({"d": data.sizes})
    for model in data.models:
        sse = table["d"].map(lambda size, model=model: data.mean_sse.get((model, size), np.nan))
        table[f"{TITLES[model]}: SSE"] = sse
        table[f"{TITLES[model]}: MSE"] = sse / data.classes.data.values
    return table


FIGURE = FigureRecipe("latent_sizes", gather, draw, caption, numbers=error_table)
