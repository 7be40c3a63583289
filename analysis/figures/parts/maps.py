"""Maps of points in the colours of their classes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.parts.classes import OTHERS_COLOUR, Classes
from analysis.figures.parts.style import SMALL, Image, ink_on
from analysis.maths.metrics import Labels

LABEL_DISTANCE = 0.065  # least distance of the names on a map, in shares of its extent
NAME_INCHES, HANDLE_INCHES, LINE_INCHES = 1.1, 0.35, 0.14  # of an entry of a legend


def scatter(
    axes: Axes, places: Image, labels: Labels | None, classes: Classes, alpha: float = 0.7
) -> None:
    """Draw a map of points (N, 2) in the colours of their classes.

    Short names stand near the median of their class; `add_legend` shows the others. The axes are
    square, and equally long on both are equal distances.
    """
    # Points are drawn in random order: drawn class by class, the last class would hide the others.
    order = np.random.default_rng(0).permutation(len(places))
    if labels is not None and classes.summarised:
        order = order[np.argsort(np.isin(labels[order], classes.shown), kind="stable")]
    colours = np.array(classes.colours_of(labels, len(places)))[order]
    x, y = places[order].T
    axes.scatter(x, y, c=colours, s=2.5, linewidths=0, alpha=alpha, rasterized=True)
    if labels is not None and classes.on_discs:
        medians = [np.median(places[labels == label], axis=0) for label in classes.shown]
        least = LABEL_DISTANCE * float(np.ptp(places, axis=0).max())
        named = zip(classes.colours.items(), spread_apart(medians, least), strict=True)
        for (label, colour), place in named:
            label_class(axes, classes.data.class_names[label], colour, place)
    axes.set_box_aspect(1)
    axes.set_aspect("equal", adjustable="datalim")


def add_legend(figure: Figure, classes: Classes) -> None:
    """Name the classes below the maps of a figure, which grows, unless they are named on them."""
    if classes.on_discs:
        return
    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=4, color=colour, label=name)
        for name, colour in legend_entries(classes, NAME_INCHES)
    ]
    wide = int(figure.get_figwidth() / (NAME_INCHES + HANDLE_INCHES))
    columns = min(len(handles), max(1, wide))
    lines = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + LINE_INCHES * (lines + 1))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=1)


def legend_entries(classes: Classes, inches: float) -> list[tuple[str, str]]:
    """Return names and colours for a legend of the classes."""
    colours = classes.colours
    entries = [(classes.name(label, inches), colours[label]) for label in classes.shown]
    return [*entries, ("others", OTHERS_COLOUR)] if classes.summarised else entries


def hide_axes(axes: Axes) -> None:
    """Leave out lines and ticks of axes along which positions have neither unit nor direction."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.margins(0.01)


def label_class(axes: Axes, name: str, colour: str, place: Sequence[float] | Image) -> None:
    """Write the short name of a class on a disc of its colour, centred at `place` (x, y)."""
    disc = {"boxstyle": "circle,pad=0.15", "facecolor": colour, "edgecolor": "white"}
    axes.text(place[0], place[1], name, ha="center", va="center", fontsize=SMALL,
              color=ink_on(colour), fontweight="bold", bbox=disc)  # fmt: skip


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
