"""One look for all figures: colours, sizes, fonts, and images laid out as tiles.

Nothing here or in the figures uses pyplot, so no state outlives a figure.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ContextDecorator
from typing import Any, cast

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    LogLocator,
    NullFormatter,
    NullLocator,
)
from matplotlib.typing import ColorType
from numpy.typing import NDArray

Image = NDArray[Any]

COLUMN_INCHES = 3.5
PAGE_INCHES = 7.16
PNG_DPI = 200
TINY, SMALL = 6.0, 7.0

# Strips of tiles: pixels of an image's side and of a gap; room for labels in inches.
SIDE, GAP = 28, 2
LABEL_INCHES, HEAD_INCHES = 0.7, 0.2

LABEL_DISTANCE = 0.065  # least distance of the digits on a map, in shares of its extent

# Petroff (2021), arXiv:2107.02270: distinguishable with every common colour-vision deficiency.
DIGIT_COLOURS = tuple(to_hex(colour) for colour in matplotlib.color_sequences["petroff10"])
ALL_DIGITS_COLOUR = "black"
# Okabe and Ito (2008): as distinguishable, and no colour is that of a digit.
MODEL_COLOURS = {"ae": "#d55e00", "vae": "#0072b2", "cvae": "#009e73", "pca": "#777777"}

# A signed difference of images, centred on zero.
RESIDUAL: dict[str, Any] = {"vmin": -1, "vmax": 1, "cmap": "RdBu_r"}

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.1,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.4,
    "axes.axisbelow": True,
    "image.cmap": "gray",
    "pdf.fonttype": 42,  # text stays text in the PDF
    "svg.hashsalt": "aevae",  # the names of parts of an SVG are the same each time
    "savefig.dpi": PNG_DPI,
}


class _Context(AbstractContextManager[None], ContextDecorator):
    """A context manager that may also decorate a function."""


def styled() -> _Context:
    """Apply the style within a ``with`` block, or as a decorator of a drawing function."""
    # The style starts from matplotlib's defaults, so that a user's matplotlibrc changes no figure.
    return cast(_Context, matplotlib.style.context(["default", _RC]))


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches whose parts will not overlap."""
    return Figure(figsize=(width, height), layout="constrained")


def latent_colours(latent_sizes: Sequence[int]) -> dict[int, str]:
    """Assign sequential colours to latent sizes, dark to light as they grow."""
    ordered = sorted(set(latent_sizes))
    places = np.linspace(0.0, 0.88, len(ordered)) if len(ordered) > 1 else [0.4]
    return dict(zip(ordered, map(to_hex, matplotlib.colormaps["viridis"](places)), strict=True))


def plain_log_ticks(axis: XAxis | YAxis) -> None:
    """Label a log axis 10, 20, 50, 100 instead of with powers of ten."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def latent_size_axis(axes: Axes, sizes: Sequence[int]) -> None:
    """Make the horizontal axis one of latent sizes: logarithmic, ticks at the sizes there are."""
    axes.set_xscale("log")
    axes.set_xlim(min(sizes) / 1.3, max(sizes) * 1.3)
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FixedFormatter(_spaced_names(sizes)))
    axes.xaxis.set_minor_locator(NullLocator())


def _spaced_names(sizes: Sequence[int]) -> list[str]:
    """Name sizes on a log axis, but not those too close to the one named before."""
    least = 0.1 * np.log(max(sizes) / min(sizes))
    names: list[str] = []
    last = -np.inf
    for place in np.log(sizes):
        named = place - last >= least
        names.append(str(sizes[len(names)]) if named else "")
        last = place if named else last
    return names


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


def scatter_digits(axes: Axes, places: Image, labels: Image, alpha: float = 0.7) -> None:
    """Draw a map of points (N, 2) in the colours of their digits, each named near its median.

    The axes are square, and equally long on both are equal distances.
    """
    # Points are drawn in random order: drawn digit by digit, the last digit would hide the others.
    order = np.random.default_rng(0).permutation(len(places))
    colours = np.array(DIGIT_COLOURS)[labels[order]]
    x, y = places[order].T
    axes.scatter(x, y, c=colours, s=2.5, linewidths=0, alpha=alpha, rasterized=True)
    digits = np.unique(labels)
    medians = [np.median(places[labels == digit], axis=0) for digit in digits]
    least = LABEL_DISTANCE * float(np.ptp(places, axis=0).max())
    for digit, place in zip(digits, spread_apart(medians, least), strict=True):
        label_digit(axes, digit, place)
    axes.set_box_aspect(1)
    axes.set_aspect("equal", adjustable="datalim")


def hide_axes(axes: Axes) -> None:
    """Leave out lines and ticks of axes along which positions have neither unit nor direction."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.margins(0.01)


def label_digit(axes: Axes, digit: int, place: Sequence[float] | Image) -> None:
    """Write a digit on a disc of its colour, centred at `place` (x, y)."""
    disc = {"boxstyle": "circle,pad=0.15", "facecolor": DIGIT_COLOURS[digit], "edgecolor": "white"}
    axes.text(place[0], place[1], str(digit), ha="center", va="center", fontsize=SMALL,
              color=ink_on(DIGIT_COLOURS[digit]), fontweight="bold", bbox=disc)  # fmt: skip


def ink_on(colour: ColorType) -> str:
    """Return black or white, whichever is easier to read on `colour` (ITU-R BT.709 luma)."""
    luma = np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722))
    return "black" if luma > 0.5 else "white"


def spread_apart(points: Sequence[Sequence[float]], least: float) -> Image:
    """Move points (P, 2) that are closer than `least` apart, so that labels there stay legible."""
    places = np.array(points, dtype=np.float64)
    for _ in range(100):
        offset = places[:, None] - places[None]
        distance = np.hypot(*offset.transpose(2, 0, 1))
        # A point neither moves itself, nor is it moved by those far enough away.
        overlap = np.where((distance > 0) & (distance < least), least - distance, 0)
        if not overlap.any():
            break
        push = offset / np.where(distance > 0, distance, 1)[..., None] * overlap[..., None]
        places += 0.3 * push.sum(axis=1)
    return places
