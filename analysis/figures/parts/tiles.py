"""Images laid out as tiles, in strips as wide as a page.

Images have shape (..., H, W), or (..., H, W, 3) in colour, and intensities in [0, 1].
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from analysis.figures.parts.style import PAGE_INCHES, TINY, Image

GAP = 2  # pixels between tiles
LONGEST = 96  # pixels of a side of a tile; a tile is hardly larger in any figure
LABEL_INCHES, HEAD_INCHES = 0.7, 0.2  # room for labels beside strips and above

# A signed difference of images, centred on zero.
RESIDUAL: dict[str, Any] = {"vmin": -1, "vmax": 1, "cmap": "RdBu_r"}


def intensities(images: Image, image_shape: Sequence[int]) -> Image:
    """Return stored images as they are shown: intensities in [0, 1], large images scaled down.

    Parameters
    ----------
    images
        Shape (..., *image_shape), uint8.
    image_shape
        (height, width), or (height, width, 3) in colour.
    """
    height, width, *channels = image_shape
    factor = _factor(image_shape)
    if factor == 1:
        return images / 255
    lead = images.shape[: images.ndim - len(image_shape)]
    rest = [(0, 0)] * len(channels)
    margins = [(0, 0)] * len(lead) + [(0, -height % factor), (0, -width % factor), *rest]
    whole = np.pad(images, margins, mode="edge") if np.any(margins) else images
    high, wide = tile_size(image_shape)
    blocks = whole.reshape(*lead, high, factor, wide, factor, *channels)
    return np.asarray(blocks.mean(axis=(len(lead) + 1, len(lead) + 3)) / 255)


def tile_size(image_shape: Sequence[int]) -> tuple[int, int]:
    """Return height and width in pixels of an image as it is shown."""
    factor = _factor(image_shape)
    return -(-image_shape[0] // factor), -(-image_shape[1] // factor)


def _factor(image_shape: Sequence[int]) -> int:
    return -(-max(image_shape[:2]) // LONGEST)


def residual(decoded: Image, images: Image, image_shape: Sequence[int]) -> Image:
    """Return decoded minus original images, in colour the mean over the channels."""
    difference = decoded - images
    return np.asarray(difference.mean(axis=-1)) if len(image_shape) == 3 else difference


def tile(images: Image, gap: int = 0, fill: float = 1.0) -> Image:
    """Lay images out as one picture.

    Parameters
    ----------
    images
        Shape (R, C, H, W), or (R, C, H, W, 3) in colour; row 0 on top.
    gap
        Pixels between neighbours.
    fill
        Value of the gaps; NaN is transparent.

    Returns
    -------
    ndarray
        Shape (R * (H + gap) - gap, C * (W + gap) - gap); in colour (..., 4), with opacity.
    """
    rows, columns, height, width, *channels = images.shape
    framed = np.full((rows, height + gap, columns, width + gap, *channels), fill, dtype=np.float64)
    framed[:, :height, :, :width] = images.swapaxes(1, 2)
    flat = framed.reshape(rows * (height + gap), columns * (width + gap), *channels)
    flat = flat[: flat.shape[0] - gap, : flat.shape[1] - gap]
    if not channels:
        return flat
    opaque = np.isfinite(flat).all(axis=-1)
    return np.dstack([np.nan_to_num(flat), opaque])


def in_rows(images: Image, columns: int) -> Image:
    """Break images (N, ...) into rows, shape (R, columns, ...); NaN fills the last row."""
    rows = -(-len(images) // columns)
    whole = np.full((rows * columns, *images.shape[1:]), np.nan)
    whole[: len(images)] = images
    return whole.reshape(rows, columns, *images.shape[1:])


def strip_figure(
    lines: Sequence[int],
    image_shape: Sequence[int],
    *,
    headed: Collection[int] = (),
    columns: int = 10,
    right: float = 0.05,
) -> tuple[Figure, list[Axes]]:
    """Return a page-wide figure with strips of equally large tiles, one axes per strip.

    Parameters
    ----------
    lines
        Rows of tiles in each strip, top to bottom.
    image_shape
        (height, width), or (height, width, 3) in colour.
    headed
        The strips that get labels above their columns.
    columns
        Tiles in a row.
    right
        Inches to leave free on the right.
    """
    high, wide = tile_size(image_shape)
    width = PAGE_INCHES - LABEL_INCHES - right
    pixel = width / (columns * (wide + GAP) - GAP)
    heights = [pixel * (count * (high + GAP) - GAP) for count in lines]
    spaces = [HEAD_INCHES if strip in headed else 0.1 for strip in range(len(lines))]
    total = sum(heights) + sum(spaces) + 0.03
    figure = Figure(figsize=(PAGE_INCHES, total))
    all_axes, bottom = [], total
    for height, space in zip(heights, spaces, strict=True):
        bottom -= space + height
        box = (LABEL_INCHES / PAGE_INCHES, bottom / total, width / PAGE_INCHES, height / total)
        all_axes.append(figure.add_axes(box))
    return figure, all_axes


def show_strip(axes: Axes, images: Image, label: str, **imshow: Any) -> AxesImage:  # noqa: ANN401 - passed on
    """Show images (R, C, H, W) or (R, C, H, W, 3) with a label on the left.

    Intensities are in [0, 1] unless said otherwise.
    """
    options = {"vmin": 0, "vmax": 1, **imshow}
    picture = axes.imshow(tile(images, gap=GAP, fill=np.nan), **options)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_ylabel(label, rotation=0, ha="right", va="center", labelpad=4)
    return picture


def label_lines(axes: Axes, labels: Sequence[str]) -> None:
    """Write a label beside each line of a strip."""
    axes.set_yticks(line_centres(axes, len(labels)), labels)
    axes.tick_params(axis="y", length=0, pad=2)


def label_columns(axes: Axes, labels: Sequence[str]) -> None:
    """Write a label above each column of a strip."""
    axes.xaxis.tick_top()
    axes.set_xticks(_centres(_extent(axes)[1], len(labels)), labels)
    axes.tick_params(axis="x", length=0, pad=1)


def write_below(axes: Axes, texts: Sequence[str], columns: int) -> None:
    """Write a text below each tile of a strip of one row, in the gap above the next strip."""
    height, width = _extent(axes)
    for place, text in zip(_centres(width, columns), texts, strict=False):
        axes.text(place, height - 0.5, text, ha="center", va="top", fontsize=TINY)


def tuck_in_labels(axes: Axes) -> None:
    """Keep the first and the last label below an axis from sticking out at its sides."""
    first, *_, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")


def line_centres(axes: Axes, count: int) -> Image:
    """Return where the lines of a strip, which has `count`, have their centres, shape (count,)."""
    return _centres(_extent(axes)[0], count)


def _extent(axes: Axes) -> tuple[int, ...]:
    """Return height and width in pixels of the strip that is shown."""
    shown = axes.images[0].get_array()
    assert shown is not None
    return shown.shape[:2]


def _centres(extent: int, count: int) -> Image:
    side = (extent + GAP) // count - GAP
    return np.arange(count) * (side + GAP) + (side - 1) / 2
