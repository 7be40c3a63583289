"""How lines tell the noise that images were generated from."""

from collections.abc import Collection
from typing import Any

from matplotlib.lines import Line2D

from aevae.files import names
from analysis.write.prose import SAMPLER_TITLES

# Markers tell them apart where there is only one point.
SAMPLER_LINES: dict[str, Any] = {
    names.PRIOR: {"linestyle": "-", "marker": "o", "markersize": 3},
    names.DIAGONAL: {"linestyle": (0, (5, 1, 1, 1)), "marker": "^", "markersize": 3},
    names.MIXTURE: {"linestyle": (0, (3, 1.5)), "marker": "s", "markersize": 2.5},
    names.MIXTURE_OF_MEANS: {"linestyle": (0, (1, 1)), "marker": "x", "markersize": 3},
}


def sampler_handles(shown: Collection[str]) -> list[Line2D]:
    """Return entries of a legend for samplers."""
    return [
        Line2D([], [], color="#444444", label=title, **SAMPLER_LINES[sampler])
        for sampler, title in SAMPLER_TITLES.items()
        if sampler in shown
    ]
