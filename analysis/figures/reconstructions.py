"""The same test images through every model, and what each model got wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from aevae.files import names
from analysis.figures.parts import style, tiles
from analysis.figures.parts.classes import IN_A_ROW, Classes, chunks, columns, find_classes
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures.cells import run_errors
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import Run
from analysis.write import prose


@dataclass(frozen=True)
class Reconstructions:
    """What the figure shows: I images, as many of each class shown, intensities in [0, 1].

    `labels` are theirs, one for each; there are none without classes. `images` and each of
    `decoded` (by run id) have shape (I, H, W[, 3]), and each of `sse` has shape (I,); `indices`
    are rows of the test split; `mean_sse` (by run id) is that of the whole split.
    """

    runs: list[Run]
    classes: Classes
    labels: list[int]
    indices: list[int]
    images: style.Image
    decoded: Mapping[str, style.Image]
    sse: Mapping[str, Floats]
    mean_sse: Mapping[str, float]
    n_test: int


def gather(study: Study) -> Reconstructions:
    """Read the first test images of each class, and their reconstructions by one run per model.

    There is one image of each class, or several if there are few classes. Without classes, the
    first ten test images are read.
    """
    runs, classes, shape = (
        representatives(study.sweep.runs),
        find_classes(study),
        study.data.image_shape,
    )
    n_test = study.data.counts["test"]
    indices, shown = list(range(min(IN_A_ROW, n_test))), []
    if classes.labelled:
        labels = study.sweep.labels("test")
        beside = classes.beside(labels)
        first = [np.flatnonzero(labels == label)[:beside] for label in classes.shown]
        indices, shown = np.concatenate(first).tolist(), np.repeat(classes.shown, beside).tolist()
    decoded, sse, mean_sse = {}, {}, {}
    for run in runs:
        with study.sweep.open(run) as results:
            images = results.array(names.of_split("test", names.RECONSTRUCTION_AT_MEAN))
            decoded[run.run_id] = tiles.intensities(images[indices], shape)
            errors = run_errors(results, "test", names.SSE_AT_MEAN)
            sse[run.run_id], mean_sse[run.run_id] = errors[indices], float(errors.mean())
    originals = tiles.intensities(study.sweep.images("test")[indices], shape)
    return Reconstructions(runs, classes, shown, indices, originals, decoded, sse, mean_sse, n_test)


@style.styled()
def draw(data: Reconstructions) -> Figure:
    """Draw the originals, then two strips per model: reconstruction and residual.

    Many classes are broken into several such blocks.
    """
    image_shape, width = data.classes.data.image_shape, columns(len(data.indices))
    strips, blocks = 1 + 2 * len(data.runs), chunks(len(data.indices))
    headed = range(0, strips * len(blocks), strips) if data.classes.labelled else ()
    figure, all_axes = tiles.strip_figure(
        [1] * strips * len(blocks), image_shape, headed=headed, columns=width, right=0.65
    )
    for first, block in zip(range(0, len(all_axes), strips), blocks, strict=True):
        picture = _draw_block(all_axes[first : first + strips], data, block)
    _add_colour_bar(figure, picture)
    return figure


def _draw_block(all_axes: Sequence[Axes], data: Reconstructions, block: slice) -> AxesImage:
    """Draw a row of images through every model; return the last residuals."""
    image_shape, width = data.classes.data.image_shape, columns(len(data.indices))
    originals = data.images[block]
    tiles.show_strip(all_axes[0], tiles.in_rows(originals, width), "original")
    if data.classes.labelled:
        tiles.label_columns(all_axes[0], data.classes.heads(data.labels[block], width))
    for run, decoded_axes, axes in zip(data.runs, all_axes[1::2], all_axes[2::2], strict=True):
        decoded = data.decoded[run.run_id][block]
        tiles.show_strip(decoded_axes, tiles.in_rows(decoded, width), TITLES[run.model])
        tiles.write_below(
            decoded_axes, [f"{error:.1f}" for error in data.sse[run.run_id][block]], width
        )
        residual = tiles.residual(decoded, originals, image_shape)
        picture = tiles.show_strip(
            axes, tiles.in_rows(residual, width), "residual", **tiles.RESIDUAL
        )
    return picture


def meaning(dataset: StoredDataset) -> str:
    """Say what the colours of a residual mean."""
    if dataset.noun == "digit":
        return "red where ink was added, blue where it is missing"
    mean = ", mean over the channels" if len(dataset.image_shape) == 3 else ""
    return f"red where the reconstruction is brighter, blue where it is darker{mean}"


def _add_colour_bar(figure: Figure, picture: AxesImage) -> None:
    beside = figure.add_axes((1 - 0.55 / style.PAGE_INCHES, 0.25, 0.12 / style.PAGE_INCHES, 0.5))
    bar = figure.colorbar(picture, cax=beside, ticks=[-1, 0, 1])
    bar.set_label("reconstruction \N{MINUS SIGN} original", labelpad=0)
    bar.outline.set_visible(False)


def caption(data: Reconstructions) -> str:
    """Say which images are shown, through which runs, and how typical their errors are."""
    dataset = data.classes.data
    which, its = f"first test image of each {dataset.noun}", "its reconstruction"
    if not data.classes.labelled:
        which, its = f"first {len(data.indices)} test images", "their reconstructions"
    elif len(data.labels) > len(data.classes.shown):
        count = len(data.labels) // len(data.classes.shown)
        which, its = f"first {count} test images of each {dataset.noun}", "their reconstructions"
    means = [f"{data.mean_sse[run.run_id]:.2f} ({TITLES[run.model]})" for run in data.runs]
    return (
        f"The {which} of {dataset.title} (test images "
        f"{prose.listed(data.indices)}, the same for every model) and {its}, "
        f"decoding {prose.decoded(data.runs)}, with latent size "
        f"{data.runs[0].latent_size}, {prose.seeds(data.runs)}. Residuals are reconstruction "
        f"minus original: {meaning(dataset)}. Below each reconstruction stands its SSE. "
        f"Mean SSE over all {data.n_test:,} test images: {prose.listed(means)}.{data.classes.note}"
    )


FIGURE = FigureRecipe("reconstructions", gather, draw, caption)
