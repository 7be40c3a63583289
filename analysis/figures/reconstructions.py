"""The same test images through every model, and what each model got wrong."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from aevae.files import names
from analysis.figures.parts import style, tiles
from analysis.figures.recipe import FigureRecipe
from analysis.maths import metrics
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import Run
from analysis.write import prose


@dataclass(frozen=True)
class Reconstructions:
    """What the figure shows: I images (one per digit present), intensities in [0, 1].

    `images` and each of `decoded` (by run id) have shape (I, 28, 28); `indices` are rows of the
    test split; `mean_sse` (by run id) is that of the whole split.
    """

    runs: list[Run]
    digits: list[int]
    indices: list[int]
    images: style.Image
    decoded: Mapping[str, style.Image]
    mean_sse: Mapping[str, float]
    dataset: str
    n_test: int


def gather(study: Study) -> Reconstructions:
    """Read the first test image of each digit, and its reconstruction by one run per model."""
    runs = representatives(study.sweep.runs)
    labels = study.sweep.labels("test")
    digits = [digit for digit in range(metrics.DIGITS) if (labels == digit).any()]
    indices = [int(np.argmax(labels == digit)) for digit in digits]
    decoded, mean_sse = {}, {}
    for run in runs:
        with study.sweep.open(run) as results:
            decoded[run.run_id] = (
                results.array(names.of_split("test", names.RECONSTRUCTION_AT_MEAN))[indices] / 255
            )
            mean_sse[run.run_id] = float(
                results.array(names.of_split("test", names.SSE_AT_MEAN)).mean(dtype=np.float64)
            )
    images = study.sweep.images("test")[indices] / 255
    return Reconstructions(
        runs, digits, indices, images, decoded, mean_sse, study.data.title, len(labels)
    )


@style.styled()
def draw(data: Reconstructions) -> Figure:
    """Draw the originals, then two strips per model: reconstruction and residual."""
    strips = [1] * (1 + 2 * len(data.runs))
    figure, all_axes = tiles.strip_figure(strips, headed=0, columns=len(data.digits), right=0.65)
    tiles.show_strip(all_axes[0], data.images[None], "original")
    tiles.label_columns(all_axes[0], [str(digit) for digit in data.digits])
    for run, decoded_axes, axes in zip(data.runs, all_axes[1::2], all_axes[2::2], strict=True):
        decoded = data.decoded[run.run_id]
        tiles.show_strip(decoded_axes, decoded[None], TITLES[run.model])
        residual = (decoded - data.images)[None]
        picture = tiles.show_strip(axes, residual, "residual", **tiles.RESIDUAL)
    _add_colour_bar(figure, picture)
    return figure


def _add_colour_bar(figure: Figure, picture: AxesImage) -> None:
    beside = figure.add_axes((1 - 0.55 / style.PAGE_INCHES, 0.25, 0.12 / style.PAGE_INCHES, 0.5))
    bar = figure.colorbar(picture, cax=beside, ticks=[-1, 0, 1])
    bar.set_label("reconstruction \N{MINUS SIGN} original", labelpad=0)
    bar.outline.set_visible(False)


def caption(data: Reconstructions) -> str:
    """Say which images are shown, through which runs, and how typical their errors are."""
    means = [f"{data.mean_sse[run.run_id]:.2f} ({TITLES[run.model]})" for run in data.runs]
    return (
        f"The first test image of each digit of {data.dataset} (test images "
        f"{prose.listed(data.indices)}, the same for every model) and its reconstruction, "
        f"decoding the posterior mean (the code itself for the AE), with latent size "
        f"{data.runs[0].latent_size}, {prose.seeds(data.runs)}. Residuals are reconstruction "
        "minus original: red where ink was added, blue where it is missing. Mean SSE over all "
        f"{data.n_test:,} test images: {prose.listed(means)}."
    )


FIGURE = FigureRecipe("reconstructions", gather, draw, caption)
