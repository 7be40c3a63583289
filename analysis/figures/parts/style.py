"""One look for all figures: colours, sizes, fonts, axes.

Nothing here or in the figures uses pyplot, so no state outlives a figure.
"""

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, ContextDecorator
from typing import Any, cast

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.colors import LogNorm, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    LogLocator,
    NullFormatter,
    NullLocator,
)
from matplotlib.typing import ColorType
from numpy.typing import NDArray

from aevae.kinds import KINDS

Image = NDArray[Any]

COLUMN_INCHES = 3.5
PAGE_INCHES = 7.16
PNG_DPI = 200
TINY, SMALL = 6.0, 7.0
FAMILY = "DejaVu Sans"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

MODEL_COLOURS = {**{name: kind.colour for name, kind in KINDS.items()}, "pca": "#333333"}

_RC: dict[str, Any] = {
    "font.family": FAMILY,
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


def log_norm(values: NDArray[Any]) -> LogNorm:
    """Return the norm of a logarithmic map of errors, some of which may be zero or undefined.

    The scale has at most a factor of 1,000, and smaller errors have its first colour. For example,
    PCA with as many components as an image has pixels has errors of rounding only, near 1e-28; a
    scale down to them would show all other errors in one colour.
    """
    largest = max(values[np.isfinite(values)], default=0.0) or 1.0
    shown = values[values >= largest / 1000]  # NaN is not
    least = min(shown, default=largest)
    return LogNorm(least if least < largest else largest / 2, largest, clip=True)


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


def ink_on(colour: ColorType) -> str:
    """Return black or white, whichever is easier to read on `colour` (ITU-R BT.709 luma)."""
    luma = np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722))
    return "black" if luma > 0.5 else "white"


def lighter(colour: ColorType, share: float) -> str:
    """Return a colour mixed with white; `share` is that of the colour, from 0 to 1."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(colour))
    return to_hex((red, green, blue))


def fitted(text: str, inches: float, size: float = SMALL) -> str:
    """Return a name as text of a figure, shortened with an ellipsis to the room that there is."""
    kept, shown = text, plain(text)
    while len(kept) > 1 and text_width(shown, size) > inches:
        kept = kept[:-1].rstrip()
        shown = f"{plain(kept)}{ELLIPSIS}"
    return shown


def plain(text: str) -> str:
    """Return a name as text of a figure, in which a dollar sign begins no formula."""
    return text.replace("$", r"\$")


def text_width(text: str, size: float = SMALL) -> float:
    """Return the width of text in inches, as wide as the font has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of characters that the font lacks
        font = FontProperties(family=FAMILY)
        path = TextPath((0, 0), text, size=size, prop=font)
    return float(path.get_extents().width) / 72
