"""What an error of one pixel costs, as squared error and as cross-entropy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.maths import pixel_costs
from analysis.maths.metrics import Floats
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.load import Run

TARGETS = (0.2, 0.5, 0.8)
ERROR = 0.1
LEAST = 0.02  # distance from 0 and 1, where the cross-entropy has no bound
SQUARED: dict[str, Any] = {"color": "#0072b2", "label": "squared error"}
CROSS: dict[str, Any] = {"color": "#d55e00", "label": "cross-entropy"}
BARS = 32  # of eight levels each


@dataclass(frozen=True)
class PixelCosts:
    """What the figure shows beside mathematics: shares of the test values in equal parts of [0, 1].

    `shares` has shape (BARS,).
    """

    shares: Floats
    dataset: StoredDataset
    runs: tuple[Run, ...] = ()


def gather(study: Study) -> PixelCosts:
    """Count the values of the test images."""
    counts = np.bincount(study.sweep.images("test").ravel(), minlength=256)
    return PixelCosts(counts.reshape(BARS, -1).sum(axis=1) / counts.sum(), study.data)


@style.styled()
def draw(data: PixelCosts) -> Figure:
    """Draw cost and slope for three true values; below, the asymmetry, and where values are."""
    figure = style.new_figure(style.PAGE_INCHES, 5.6)
    grid = figure.add_gridspec(3, 6)
    costs: list[Axes] = []
    slopes: list[Axes] = []
    for place, target in enumerate(TARGETS):
        third = slice(2 * place, 2 * place + 2)
        costs.append(figure.add_subplot(grid[0, third]))
        slopes.append(figure.add_subplot(grid[1, third]))
        _draw_costs(costs[-1], target)
        _draw_slopes(slopes[-1], target)
    costs[0].set_ylabel("cost above the least")
    slopes[0].set_ylabel("absolute slope")
    _draw_ratio(figure.add_subplot(grid[2, :3]))
    _draw_shares(figure.add_subplot(grid[2, 3:]), data.shares)
    figure.legend(*costs[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def _draw_costs(axes: Axes, target: float) -> None:
    r = np.linspace(LEAST, 1 - LEAST, 400)
    axes.plot(r, pixel_costs.squared_error(r, target), **SQUARED)
    axes.plot(r, pixel_costs.cross_entropy_excess(r, target), **CROSS)
    ends = np.array([target - ERROR, target + ERROR])
    axes.plot(ends, pixel_costs.cross_entropy_excess(ends, target), "o", markersize=3.5,
              color=CROSS["color"])  # fmt: skip
    axes.axvline(target, color="black", linewidth=0.6, linestyle=":")
    axes.set(title=f"true value {target:g}", xlim=(0, 1), ylim=(0, 0.5))


def _draw_slopes(axes: Axes, target: float) -> None:
    r = np.linspace(LEAST, 1 - LEAST, 400)
    axes.plot(r, abs(pixel_costs.squared_error_slope(r, target)), **SQUARED)
    axes.plot(r, abs(pixel_costs.cross_entropy_slope(r, target)), **CROSS)
    axes.axvline(target, color="black", linewidth=0.6, linestyle=":")
    axes.set(xlabel="reconstructed value", xlim=(0, 1), ylim=(0, 5))


def _draw_ratio(axes: Axes) -> None:
    """Draw the cost of a value too high, over that of one too low by as much."""
    targets = np.linspace(ERROR, 1 - ERROR, 401)[1:-1]
    high, low = (pixel_costs.cross_entropy_excess(targets + e, targets) for e in (ERROR, -ERROR))
    axes.axhline(1, **SQUARED)
    axes.plot(targets, high / low, **CROSS)
    axes.set(title=f"cost of {ERROR:g} too high over {ERROR:g} too low", xlabel="true value",
             xlim=(0, 1), yscale="log")  # fmt: skip
    style.plain_log_ticks(axes.yaxis)


def _draw_shares(axes: Axes, shares: Floats) -> None:
    edges = np.linspace(0, 1, BARS + 1)
    axes.stairs(shares, edges, fill=True, color="#888888")
    axes.set(title="values of the test images", xlabel="value", yscale="log", xlim=(0, 1))
    axes.yaxis.set_major_formatter("{x:.2%}")


def caption(data: PixelCosts) -> str:
    """Say what is drawn, and what follows for the article's example."""
    return (
        "What a reconstructed value costs as squared error and as binary cross-entropy, for three "
        "true values (dotted): above, the cost less its least value, which is at the true value; "
        f"dots are {ERROR:g} too low and too high. In the middle, the absolute slope with respect "
        "to the reconstructed value. The squared error is symmetrical. The cross-entropy is so for "
        "the true value 0.5 only: the article's example, 0.6 against 0.4 for a true 0.5, costs the "
        "same either way. With any other true value, an error away from 0.5 is dearer. Below, the "
        "ratio of both costs by the true value, and how often values occur in the "
        f"{data.dataset.counts['test']:,} test images of {data.dataset.title} "
        f"({data.shares[0]:.1%} are next to 0, {data.shares[-1]:.1%} next to 1, where a value can "
        "err on one side only). Mathematics and counts: there is no interval and no seed."
    )


FIGURE = FigureRecipe("likelihood_costs", gather, draw, caption)
