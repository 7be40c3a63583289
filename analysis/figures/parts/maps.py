"""Maps of points in the colours of their digits."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis.figures.parts.style import DIGIT_COLOURS, SMALL, Image, ink_on

LABEL_DISTANCE = 0.065  # least distance of the digits on a map, in shares of its extent


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
