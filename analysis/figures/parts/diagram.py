"""Parts of a diagram of a network: layers as bars, linear maps as areas between them.

Coordinates are inches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from analysis.figures.parts import style

BAR_INCHES = 0.1  # width of a bar
INCHES_PER_ROOT = 0.035  # the height of a bar is at most this times the root of its units
GAP = 0.04
COLOURS = {"layer": "#4a6fa5", "latent": "#d55e00", "label": "#009e73"}
MAP_COLOUR = "#e4e8ef"


@dataclass(frozen=True)
class Bar:
    """A layer in the diagram, centred at (x, y)."""

    x: float
    y: float
    units: int
    scale: float = INCHES_PER_ROOT

    @property
    def height(self) -> float:
        """Inches, so that a layer of two units can still be seen beside one of 784."""
        return self.scale * sqrt(self.units)

    @property
    def top(self) -> float:
        """Upper end."""
        return self.y + self.height / 2

    @property
    def bottom(self) -> float:
        """Lower end."""
        return self.y - self.height / 2

    @property
    def left(self) -> float:
        """Left side, where a map ends."""
        return self.x - BAR_INCHES / 2

    @property
    def right(self) -> float:
        """Right side, where a map begins."""
        return self.x + BAR_INCHES / 2


def scale_for(units: Sequence[int], labels: int, room: float) -> float:
    """Return the height of a layer of one unit for which the lower half of every layer fits.

    Parameters
    ----------
    units
        Of the layers.
    labels
        Units of a label, which stand below a layer.
    room
        Inches below the middle of the layers.
    """
    roots = sqrt(max(units)) / 2 + sqrt(labels)
    return min(INCHES_PER_ROOT, (room - GAP) / roots)


def draw_bar(axes: Axes, bar: Bar, kind: str, name: str) -> Bar:
    """Draw a layer of a kind named in `COLOURS`, with its name above."""
    corner = (bar.left, bar.bottom)
    axes.add_patch(Rectangle(corner, BAR_INCHES, bar.height, color=COLOURS[kind], linewidth=0))
    write(axes, bar.x, bar.top, name)
    return bar


def draw_map(axes: Axes, sources: Sequence[Bar], target: Bar) -> None:
    """Draw the linear map from all of `sources` to `target`."""
    start, end = sources[0].right, target.left
    corners = [
        (start, sources[0].top), (end, target.top), (end, target.bottom),
        (start, sources[-1].bottom),
    ]  # fmt: skip
    axes.add_patch(Polygon(corners, facecolor=MAP_COLOUR, linewidth=0, zorder=0))


def draw_arrow(axes: Axes, start: tuple[float, float], target: Bar) -> None:
    """Draw an arrow from a place to the left side of a layer."""
    axes.annotate(
        "",
        (target.left, target.y),
        start,
        arrowprops={"arrowstyle": "->", "shrinkA": 1, "shrinkB": 1},
    )


def write(axes: Axes, x: float, y: float, text: str, *, below: bool = False) -> None:
    """Write small text above (or below) a place."""
    y, anchor = (y - GAP, "top") if below else (y + GAP, "bottom")
    axes.text(x, y, text, ha="center", va=anchor, fontsize=style.SMALL)
