"""The axis of a figure along which a setting changes: a scale of numbers, or names side by side."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from aevae.axes import Axis, Value
from analysis.figures.parts import naming, style
from analysis.maths.metrics import Floats
from analysis.sweep.axes import is_numeric, written

WIDE = 10  # greatest over least value, above which a scale is logarithmic
DECADES = 100  # greatest over least value, above which only powers of ten have names
MARGIN = 0.1  # share of the length of the axis beyond the outermost values


@dataclass(frozen=True)
class Scale:
    """Where the values of a setting stand.

    Numbers have a linear or a logarithmic scale. Other values stand side by side, and so do numbers
    that span several powers of ten and include 0, since neither scale would show them.
    """

    axis: Axis

    @property
    def type(self) -> Literal["linear", "log", "names"]:
        """How places follow from values."""
        if not is_numeric(self.axis):
            return "names"
        values = sorted(self.axis.values)
        positive = [value for value in values if value > 0]
        if not positive or positive[-1] <= WIDE * positive[0]:
            return "linear"
        return "log" if len(positive) == len(values) else "names"

    @property
    def line(self) -> str:
        """Style of lines from value to value: dotted where the values have no order."""
        ordered = all(isinstance(value, int | float | tuple) for value in self.axis.values)
        return "-" if ordered else ":"

    def place(self, value: Value, shift: float = 0) -> float:
        """Return the coordinate of a value, shifted by a share of the length of the axis."""
        values = self.axis.values
        place = float(values.index(value) if self.type == "names" else value)
        if self.type == "log":
            return place * math.pow(values[-1] / values[0], shift)
        length = len(values) - 1 if self.type == "names" else values[-1] - values[0]
        return place + float(length) * shift

    def set_up(self, axes: Axes, inches: float) -> None:
        """Make the horizontal axis, that is so long, one of this setting, with ticks at values."""
        places = [self.place(value) for value in self.axis.values]
        if self.type == "log":
            axes.set_xscale("log")
        ends = self.axis.values[0], self.axis.values[-1]
        axes.set_xlim(self.place(ends[0], -MARGIN), self.place(ends[1], MARGIN))
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
        names = [style.plain(written(value)) for value in self.axis.values]
        if self.type == "names":
            naming.name_side_by_side(axes.xaxis, names, self._inches(inches) / (len(names) - 1))
        else:
            axes.set_xticklabels(self._spaced(names, inches))
        axes.set_xlabel(self.axis.name)

    def _inches(self, whole: float) -> float:
        """Return the distance of the outermost values on an axis that is so long."""
        return whole / (1 + 2 * MARGIN)

    def _spaced(self, names: list[str], inches: float) -> list[str]:
        """Leave out names that would touch the one before."""
        places = np.array([self.place(value) for value in self.axis.values])
        places = np.log(places) if self.type == "log" else places
        centres = self._inches(inches) * (places - places[0]) / (places[-1] - places[0])
        end, kept = -np.inf, []
        for name, centre in zip(names, centres, strict=True):
            half = (style.text_width(name) + naming.GAP_INCHES) / 2
            kept.append(name if centre - half >= end else "")
            end = centre + half if kept[-1] else end
        return kept


def is_wide(values: Floats) -> bool:
    """Whether numbers need a logarithmic scale: all are positive, and they span much."""
    known = values[np.isfinite(values)]
    return len(known) > 0 and known.min() > 0 and known.max() > WIDE * known.min()


def show_all(axes: Axes, which: Literal["x", "y"], values: Floats, *, origin: bool) -> None:
    """Choose scale and limits of an axis by the numbers on it; bars may run beyond the limits.

    Parameters
    ----------
    axes, which
        The axes of the figure, and which one.
    values
        Numbers that must be seen; NaN is left out.
    origin
        Whether a linear axis starts at 0, a little below it so that points there are whole.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = float(known.min()), float(known.max())
    if is_wide(known):
        axes.set(**{f"{which}scale": "log"})
        style.plain_log_ticks(axis)
        if high > DECADES * low:
            axis.set_major_locator(LogLocator())
        margin = (high / low) ** MARGIN
        axes.set(**{f"{which}lim": (low / margin, high * margin)})
        return
    low = min(low, 0) if origin else low
    margin = MARGIN * ((high - low) or abs(high) or 1)
    axes.set(**{f"{which}lim": (low - (margin / 4 if origin else margin), high + margin)})
