"""Names of values in a figure, on an axis or at points, so that none touches another."""

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.axis import XAxis

from analysis.figures.parts import style

GAP_INCHES = 0.04  # between the names of two values
SLANTED = 35  # degrees
SLANTED_INCHES, UPRIGHT_INCHES = 0.17, 0.12  # that a name takes of an axis if it is turned
OFFSET_POINTS = 3  # of a name from its point


def name_side_by_side(axis: XAxis, names: Sequence[str], inches: float) -> None:
    """Name equally spaced ticks, that are so far apart; long names are turned, some left out."""
    widest = max(map(style.text_width, names)) + GAP_INCHES
    if widest <= inches:
        axis.set_ticklabels(names)
    elif inches >= SLANTED_INCHES:
        axis.set_ticklabels(names, rotation=SLANTED, ha="right", rotation_mode="anchor")
    else:
        every = int(-(-UPRIGHT_INCHES // inches))
        kept = [name if place % every == 0 else "" for place, name in enumerate(names)]
        axis.set_ticklabels(kept, rotation=90)


class PointNames:
    """Names of the points of a panel; one that would cover another is left out.

    Scales and limits of the panel must have been set.

    Parameters
    ----------
    axes
        The panel.
    width, height
        Its size in inches.
    """

    def __init__(self, axes: Axes, width: float, height: float) -> None:
        self._axes, self._size = axes, (width, height)
        self._taken: list[tuple[float, float, float, float]] = []

    def add(self, point: tuple[float, float], name: str, colour: str, *, below: bool) -> None:
        """Write a name above or below a point, to its right if it then fits, else to its left."""
        share = (self._axes.transScale + self._axes.transLimits).transform(point)
        gap, high = OFFSET_POINTS / 72, style.TINY / 72
        wide = style.text_width(name, style.TINY)
        x, y = (float(part * size) for part, size in zip(share, self._size, strict=True))
        side: Literal["left", "right"] = "left" if x + gap + wide < self._size[0] else "right"
        left = x + gap if side == "left" else x - gap - wide
        low = y - gap - high if below else y + gap
        box = left, low, left + wide, low + high
        if any(_overlap(box, other) for other in self._taken):
            return
        self._taken.append(box)
        offset = (OFFSET_POINTS if side == "left" else -OFFSET_POINTS,
                  -OFFSET_POINTS if below else OFFSET_POINTS)  # fmt: skip
        self._axes.annotate(style.plain(name), point, offset, color=colour, ha=side,
                            va="top" if below else "bottom", textcoords="offset points",
                            fontsize=style.TINY)  # fmt: skip


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes (left, low, right, high) share some place."""
    return (
        one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    )  # fmt: skip
