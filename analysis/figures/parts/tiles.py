"""Images laid out as tiles, in strips as wide as a page."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from analysis.figures.parts.style import PAGE_INCHES, Image

# Strips of tiles: pixels of an image's side and of a gap; room for labels in inches.
SIDE, GAP = 28, 2
LABEL_INCHES, HEAD_INCHES = 0.7, 0.2

# A signed difference of images, centred on zero.
RESIDUAL: dict[str, Any] = {"vmin": -1, "vmax": 1, "cmap": "RdBu_r"}


def tile(images: Image, gap: int = 0, fill: float = 1.0) -> Image:
    """Lay images out as one picture.

    Parameters
    ----------
    images
        Shape (R, C, H, W); row 0 on top.
    gap
        Pixels between neighbours.
    fill
        Value of the gaps.

    Returns
    -------
    ndarray
        Shape (R * (H + gap) - gap, C * (W + gap) - gap).
    """
    rows, columns, height, width = images.shape
    framed = np.full((rows, height + gap, columns, width + gap), fill, dtype=np.float64)
    framed[:, :height, :, :width] = images.transpose(0, 2, 1, 3)
    flat = framed.reshape(rows * (height + gap), columns * (width + gap))
    return flat[: flat.shape[0] - gap, : flat.shape[1] - gap]


def strip_figure(
    lines: Sequence[int], *, headed: int | None, columns: int = 10, right: float = 0.05
) -> tuple[Figure, list[Axes]]:
    """Return a page-wide figure with strips of equally large tiles, one axes per strip.

    Parameters
    ----------
    lines
        Rows of tiles in each strip, top to bottom.
    headed
        The strip that gets labels above its columns, if any.
    columns
        Tiles in a row.
    right
        Inches to leave free on the right.
    """
    width = PAGE_INCHES - LABEL_INCHES - right
    pixel = width / (columns * (SIDE + GAP) - GAP)
    heights = [pixel * (count * (SIDE + GAP) - GAP) for count in lines]
    spaces = [HEAD_INCHES if strip == headed else 0.1 for strip in range(len(lines))]
    total = sum(heights) + sum(spaces) + 0.03
    figure = Figure(figsize=(PAGE_INCHES, total))
    all_axes, bottom = [], total
    for height, space in zip(heights, spaces, strict=True):
        bottom -= space + height
        box = (LABEL_INCHES / PAGE_INCHES, bottom / total, width / PAGE_INCHES, height / total)
        all_axes.append(figure.add_axes(box))
    return figure, all_axes


def show_strip(axes: Axes, images: Image, label: str, **imshow: Any) -> AxesImage:  # noqa: ANN401 - passed on
    """Show images (R, C, 28, 28), in [0, 1] unless said otherwise, with a label on the left."""
    options = {"vmin": 0, "vmax": 1, **imshow}
    picture = axes.imshow(tile(images, gap=GAP, fill=np.nan), **options)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=4)
    return picture


def label_lines(axes: Axes, labels: Sequence[str]) -> None:
    """Write a label beside each line of a strip."""
    axes.set_yticks(centres(len(labels)), labels)
    axes.tick_params(axis="y", length=0, pad=2)


def tuck_in_labels(axes: Axes) -> None:
    """Keep the first and the last label below an axis from sticking out at its sides."""
    first, *_, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")


def centres(count: int) -> Image:
    """Return where the first tiles of a strip have their centres, shape (count,)."""
    return np.arange(count) * (SIDE + GAP) + (SIDE - 1) / 2


def label_columns(axes: Axes, labels: Sequence[str]) -> None:
    """Write a label above each column of a strip."""
    axes.xaxis.tick_top()
    axes.set_xticks(centres(len(labels)), labels)
    axes.tick_params(axis="x", length=0, pad=1)
