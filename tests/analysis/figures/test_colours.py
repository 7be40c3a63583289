"""Two colours of a figure are told apart, also with a colour-vision deficiency.

The deficiencies are simulated: Machado, Oliveira and Fernandes (2009), "A Physiologically-based
Model for Simulation of Color Vision Deficiency", table 1, severity 1.0, applied to linear RGB.
Distances are CIE 1976 colour differences in Lab with white point D65.
"""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb, to_rgba, to_rgba_array
from matplotlib.lines import Line2D

from analysis.figures.parts import classes, diagram, style
from analysis.figures.registry import RECIPES

VISION = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = [[0.4124564, 0.3575761, 0.1804375],
       [0.2126729, 0.7151522, 0.0721750],
       [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip
WHITE = (0.95047, 1.0, 1.08883)
LEAST = 15  # 2.3 is just noticeable side by side; lines far from their legend need far more
ARTICLE = [2, 5, 10, 20, 50, 100]


def lab(colour, vision):
    """Return L*, a*, b* of a colour as this vision sees it (IEC 61966-2-1, CIE 15)."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = _compressed(XYZ @ np.clip(VISION[vision] @ linear, 0, 1) / WHITE)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _compressed(t):
    return np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)


def closest(colours, vision):
    """Find the two colours that are most alike, and how far they are apart."""
    seen = {colour: lab(colour, vision) for colour in colours}
    return min((np.linalg.norm(seen[a] - seen[b]), a, b) for a, b in combinations(seen, 2))


def marks(figure):
    """Collect the colours of lines, points and areas, but for pictures, axes and their grid.

    Those of a panel that has a legend of its own are a set of their own.
    """
    colours = {}
    for axes in (axes for axes in figure.axes if not hasattr(axes, "_colorbar")):
        legend = axes if axes.get_legend() else figure
        for artist in (*axes.lines, *axes.collections, *axes.patches):
            found = [colour for colour in _colours(artist) if to_rgba(colour)[3]]
            colours.setdefault(legend, {}).update((to_hex(colour), None) for colour in found)
    return [list(found) for found in colours.values() if len(found) > 1]


def _colours(artist):
    if isinstance(artist, Line2D):
        return [artist.get_color()]
    if isinstance(artist, LineCollection):
        return list(artist.get_edgecolor())
    return list(np.atleast_2d(to_rgba_array(artist.get_facecolor())))


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(
    "palette",
    [
        (*classes.COLOURS, classes.ALL_COLOUR),
        (*classes.COLOURS, classes.OTHERS_COLOUR),
        tuple(style.MODEL_COLOURS.values()),
        tuple(diagram.COLOURS.values()),
    ],
    ids=["classes and all", "classes and others", "models", "layers"],
)
def test_colours_of_a_palette_are_told_apart(palette, vision):
    distance, *pair = closest(palette, vision)
    assert distance > LEAST, pair


@pytest.mark.parametrize("vision", VISION)
def test_neighbouring_latent_sizes_are_told_apart(vision):
    """They are in order of size, and their order is that of lightness."""
    shades = [lab(colour, vision) for colour in style.latent_colours(ARTICLE).values()]
    assert np.linalg.norm(np.diff(shades, axis=0), axis=1).min() > 12
    assert (np.diff([lightness for lightness, *_ in shades]) > 0).all()


FIGURES = [recipe for recipe in RECIPES.values() if not recipe.least_axes]


@pytest.mark.parametrize("recipe", FIGURES, ids=lambda recipe: recipe.name)
def test_colours_that_meet_in_a_figure_are_told_apart(drawn, recipe):
    for colours in marks(drawn(recipe).figure):
        for vision in VISION:
            distance, *pair = closest(colours, vision)
            assert distance > LEAST, (vision, pair)
