"""How lines tell the noise that images were generated from."""

from collections.abc import Collection
from typing import Any

from matplotlib.lines import Line2D

from aevae.files import names
from analysis.write.prose import SAMPLER_TITLES

SAMPLER_DASHES: dict[str, Any] = {
    names.PRIOR: "-",
    names.DIAGONAL: (0, (5, 1, 1, 1)),
    names.MIXTURE: (0, (3, 1.5)),
    names.MIXTURE_OF_MEANS: (0, (1, 1)),
}


def sampler_handles(shown: Collection[str]) -> list[Line2D]:
    """Return entries of a legend for samplers."""
    return [
        Line2D([], [], color="#444444", linestyle=SAMPLER_DASHES[sampler], label=title)
        for sampler, title in SAMPLER_TITLES.items()
        if sampler in shown
    ]
