"""A typical and the worst test image of each digit through every model and latent size."""

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
from analysis.figures.recipe import FigureRecipe
from analysis.maths import metrics
from analysis.maths.metrics import Floats, Labels
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, representative
from analysis.sweep.load import Run
from analysis.write import prose

CASES = ("median", "worst")
BAR_INCHES = 0.55


@dataclass(frozen=True)
class LatentSizes:
    """What the figure shows: D digits, a median and a worst image each.

    `indices` (rows of the test split) has shape (2, D), `images` has shape (2, D, 28, 28), and so
    has each of `decoded`, by model and latent size; a run that is not there is not in `decoded`.
    `mean_sse`, by the same keys, is that of the whole split.
    """

    runs: list[Run]
    digits: list[int]
    indices: Labels
    images: style.Image
    decoded: Mapping[tuple[str, int], style.Image]
    mean_sse: Mapping[tuple[str, int], float]
    dataset: str
    n_test: int

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
    labels = study.sweep.labels("test")
    error = np.zeros(len(labels))
    mean_sse = {}
    for run in runs:
        with study.sweep.open(run) as results:
            sse = results.array(names.of_split("test", names.SSE_AT_MEAN)).astype(np.float64)
        error += sse / len(runs)
        mean_sse[run.model, run.latent_size] = float(sse.mean())
    digits = [digit for digit in range(metrics.DIGITS) if (labels == digit).any()]
    indices = np.transpose([median_and_worst(error, labels, digit) for digit in digits])
    decoded = {}
    for run in runs:
        with study.sweep.open(run) as results:
            decoded[run.model, run.latent_size] = (
                results.array(names.of_split("test", names.RECONSTRUCTION_AT_MEAN))[indices] / 255
            )
    images = study.sweep.images("test")[indices] / 255
    return LatentSizes(
        runs, digits, indices, images, decoded, mean_sse, study.data.title, len(labels)
    )


def median_and_worst(error: Floats, labels: Labels, digit: int) -> tuple[int, int]:
    """Return the image of a digit with the (upper) median error, and that with the largest."""
    rows = np.flatnonzero(labels == digit)
    ordered = rows[np.argsort(error[rows], kind="stable")]
    return int(ordered[len(ordered) // 2]), int(ordered[-1])


@style.styled()
def draw(data: LatentSizes) -> Figure:
    """Draw a block per model and case: the originals, then two lines per latent size."""
    lines = 1 + 2 * len(data.sizes)
    figure, blocks = block_figure(
        [lines] * len(CASES),
        [TITLES[model] for model in data.models],
        columns=len(data.digits),
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
    originals = data.images[case]
    blank = np.full_like(originals, np.nan)
    shown, residuals = [originals], [blank]
    for size in data.sizes:
        whole = data.decoded.get((model, size))
        decoded = blank if whole is None else whole[case]
        shown += [decoded, blank]
        residuals += [blank, decoded - originals]
    tiles.show_strip(axes, np.stack(shown), "")
    return tiles.show_strip(axes, np.stack(residuals), "", **tiles.RESIDUAL)


def _label_lines(axes: Axes, sizes: Sequence[int]) -> None:
    places = tiles.centres(1 + 2 * len(sizes))
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
    median, worst = data.indices
    text = (
        f"Test images of {data.dataset} through every model and latent size d, "
        f"{prose.seeds(data.runs)}, decoding the posterior mean (the code itself for the AE); "
        "below each reconstruction the residual, reconstruction minus original: red where ink "
        "was added, blue where it is missing. The images are the same throughout: of each digit "
        f"that with the median error (test images {prose.listed(median)}) and that with the "
        f"largest ({prose.listed(worst)}) among {data.n_test:,} test images, by SSE averaged "
        "over the runs. The table has the mean SSE per image and MSE per pixel of all test images."
    )
    return text


def error_table(data: LatentSizes) -> pd.DataFrame:
    """Mean error of all test images: a row per latent size, SSE and MSE of each model."""
    table = pd.DataFrame({"d": data.sizes})
    for model in data.models:
        sse = table["d"].map(lambda size, model=model: data.mean_sse.get((model, size), np.nan))
        table[f"{TITLES[model]}: SSE"] = sse
        table[f"{TITLES[model]}: MSE"] = sse / metrics.PIXELS
    return table


FIGURE = FigureRecipe("latent_sizes", gather, draw, caption, numbers=error_table)
