"""What the images look like: the first test images of each class."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.parts import style, tiles
from analysis.figures.parts.classes import Classes, find_classes
from analysis.figures.recipe import FigureRecipe
from analysis.measures.study import Study
from analysis.sweep.load import Run
from analysis.write import prose

PER_CLASS = 10
INCHES = 3.3
LINES = 10  # classes below each other; more stand in several blocks side by side
ABREAST = 20  # images beside each other in several blocks
NAME_INCHES = 1.0  # room for a name
MARGIN = 0.1  # above and below several blocks
NAME_TILES = 2  # the same in several blocks, in tiles


@dataclass(frozen=True)
class Digits:
    """What the figure shows: rows of test images in [0, 1] by class, shape (L, C, H, W[, 3]).

    Without classes, the rows hold the first test images. No run has a part in it.
    """

    classes: Classes
    images: style.Image
    n_test: int
    runs: tuple[Run, ...] = ()

    @property
    def blocks(self) -> list[slice]:
        """Classes of each block."""
        return _blocks(len(self.images))


def _blocks(classes: int) -> list[slice]:
    count = -(-classes // LINES)
    lines = -(-classes // count)
    return [slice(start, start + lines) for start in range(0, classes, lines)]


def gather(study: Study) -> Digits:
    """Read the first test images of each class, at most ten and as many as the rarest has."""
    classes, n_test = find_classes(study), study.data.counts["test"]
    if not classes.labelled:
        count = min(LINES * PER_CLASS, n_test)
        columns = min(PER_CLASS, count)
        rows = np.arange(count // columns * columns).reshape(-1, columns)
    else:
        labels = study.sweep.labels("test")
        blocks = len(_blocks(len(classes.shown)))
        most = PER_CLASS if blocks == 1 else ABREAST // blocks
        shown = min(most, *(int((labels == label).sum()) for label in classes.shown))
        rows = np.array([np.flatnonzero(labels == label)[:shown] for label in classes.shown])
    images = tiles.intensities(study.sweep.images("test")[rows], study.data.image_shape)
    return Digits(classes, images, n_test)


@style.styled()
def draw(data: Digits) -> Figure:
    """Draw one row per class, in several blocks if there are many."""
    rows, columns = data.blocks[0].stop, data.images.shape[1]
    high, wide = tiles.tile_size(data.classes.data.image_shape)
    blocks = len(data.blocks)
    width = style.COLUMN_INCHES if blocks == 1 else style.PAGE_INCHES
    # A single block is as long as the column is wide; several share the page.
    inches, room = INCHES / max(rows, columns), NAME_INCHES
    if blocks > 1:
        inches = width / (blocks * (columns + NAME_TILES))
        room = 0.8 * NAME_TILES * inches
    figure = style.new_figure(width, inches * rows * high / wide + MARGIN * (blocks > 1))
    all_axes = figure.subplots(1, blocks, squeeze=False)[0]
    for axes, block in zip(all_axes, data.blocks, strict=True):
        tiles.show_strip(axes, data.images[block], "")
        axes.set_anchor("N")
        if data.classes.labelled:
            tiles.label_lines(axes, data.classes.names(room)[block])
    return figure


def caption(data: Digits) -> str:
    """Say which images are shown."""
    dataset = data.classes.data
    if not data.classes.labelled:
        return (
            f"The first {np.prod(data.images.shape[:2])} test images of {dataset.title}, in rows; "
            f"there are {data.n_test:,} test images."
        )
    listed = prose.listed(dataset.class_names[label] for label in data.classes.shown)
    return (
        f"The first {data.images.shape[1]} test images of each {dataset.noun} "
        f"({listed}, in rows) of {dataset.title}; there are "
        f"{data.n_test:,} test images.{data.classes.note}"
    )


FIGURE = FigureRecipe("digits", gather, draw, caption)
