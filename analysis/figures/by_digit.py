"""Test error of each digit against latent size, with intervals, PCA and a heat map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from aevae.datasets import DIGITS
from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures.cells import PCA_TITLE
from analysis.measures.study import Study
from analysis.sweep.load import Run
from analysis.tables.by_class import ALL
from analysis.write import prose

NAMES = (*DIGITS, ALL)
PANELS_PER_ROW = 4
ANNOTATED_SIZES = 8  # more columns leave no room for numbers in the map
COLOURS = (*style.DIGIT_COLOURS, style.ALL_DIGITS_COLOUR)
PCA_LINE: dict[str, Any] = {"color": "#777777", "linestyle": (0, (3, 1.5)), "linewidth": 1}


@dataclass(frozen=True)
class Panel:
    """Errors of one group, SSE per image, shape (11, S): digits 0-9 and all, S latent sizes."""

    title: str
    latent_sizes: list[int]
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class ByDigit:
    """What the figure shows, PCA last; `n_test` images."""

    panels: list[Panel]
    runs: tuple[Run, ...]
    dataset: str
    n_test: int


def gather(study: Study, table: pd.DataFrame) -> ByDigit:
    """Take the errors and their intervals from the table."""
    panels = []
    for title, part in table.groupby("group", sort=False):
        by_size = part.pivot(index="digit", columns="latent_size").loc[[*NAMES]]
        sizes = by_size["sse_mean"].columns.tolist()
        columns = ("sse_mean", "sse_mean_low", "sse_mean_high")
        panels.append(Panel(str(title), sizes, *(by_size[name].to_numpy() for name in columns)))
    return ByDigit(panels, study.sweep.runs, study.data.title, study.data.counts["test"])


@style.styled()
def draw(data: ByDigit) -> Figure:
    """Draw a panel of lines and, below it, a heat map for each group."""
    columns = min(PANELS_PER_ROW, len(data.panels))
    rows = -(-len(data.panels) // columns)
    width = style.PAGE_INCHES * columns / PANELS_PER_ROW
    figure = style.new_figure(width, 4.5 * rows + 0.3)
    grid = figure.add_gridspec(2 * rows, columns)
    (pca,) = (panel for panel in data.panels if panel.title == PCA_TITLE)
    positive = np.concatenate([panel.mean.ravel() for panel in data.panels])
    norm = LogNorm(np.nanmin(positive), np.nanmax(positive))
    lines: list[Axes] = []
    maps: list[Axes] = []
    for place, panel in enumerate(data.panels):
        row, column = divmod(place, columns)
        shared = lines[0] if lines else None
        lines.append(figure.add_subplot(grid[2 * row, column], sharey=shared))
        _draw_lines(lines[-1], panel, pca)
        maps.append(figure.add_subplot(grid[2 * row + 1, column]))
        image = _draw_map(maps[-1], panel, norm)
        if column:
            lines[-1].tick_params(labelleft=False)
        else:
            lines[-1].set_ylabel("test SSE per image")
            maps[-1].set_ylabel("digit")
    _add_colour_bar(figure, image, maps[:columns])
    _add_legend(figure, in_a_row=len(NAMES) + 1 if columns > 2 else 6)
    return figure


def _draw_lines(axes: Axes, panel: Panel, pca: Panel) -> None:
    d = np.array(panel.latent_sizes)
    for digit, colour in enumerate(COLOURS):
        low, mean, high = panel.low[digit], panel.mean[digit], panel.high[digit]
        # The percentile interval of a tiny sample need not contain the mean.
        spread = np.maximum([mean - low, high - mean], 0)
        axes.errorbar(d, mean, spread, color=colour, marker=".", markersize=3, linewidth=1,
                      elinewidth=0.8, label=NAMES[digit])  # fmt: skip
    if panel is not pca:
        axes.plot(pca.latent_sizes, pca.mean[NAMES.index(ALL)], **PCA_LINE)
    axes.set(title=panel.title, xlabel="latent size d", yscale="log")
    style.latent_size_axis(axes, pca.latent_sizes)
    style.plain_log_ticks(axes.yaxis)
    axes.grid(which="major", axis="y")


def _draw_map(axes: Axes, panel: Panel, norm: LogNorm) -> AxesImage:
    image = axes.imshow(panel.mean, cmap="viridis", norm=norm, aspect="auto")
    sizes = panel.latent_sizes
    axes.set(xlabel="latent size d")
    rotation = 0 if len(sizes) <= ANNOTATED_SIZES else 90
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes], rotation=rotation)
    axes.set_yticks(range(len(NAMES)), NAMES)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (digit, column), value in np.ndenumerate(panel.mean):
        if len(sizes) <= ANNOTATED_SIZES and np.isfinite(value):
            ink = style.ink_on(image.cmap(norm(value)))
            text = f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
            axes.text(column, digit, text, color=ink, ha="center", va="center",
                      fontsize=style.TINY)  # fmt: skip
    return image


def _add_colour_bar(figure: Figure, image: AxesImage, maps: Sequence[Axes]) -> None:
    bar = figure.colorbar(image, ax=list(maps), label="test SSE per image", aspect=30, pad=0.02)
    style.plain_log_ticks(bar.ax.yaxis)
    bar.outline.set_visible(False)


def _add_legend(figure: Figure, in_a_row: int) -> None:
    handles = [
        Line2D([], [], color=colour, marker=".", label=name)
        for name, colour in zip(NAMES, COLOURS, strict=True)
    ]
    handles.append(Line2D([], [], label="PCA, all", **PCA_LINE))
    figure.legend(handles=handles, title="digit", loc="outside upper center", ncols=in_a_row,
                  columnspacing=1, handlelength=1.2)  # fmt: skip


def caption(data: ByDigit) -> str:
    """Say what is drawn, on how many images, from which runs."""
    return (
        f"Sum of squared pixel errors of the {data.n_test:,} test images of {data.dataset}, "
        f"decoding the posterior mean (the code itself for the AE), {prose.seeds(data.runs)}: "
        f"mean of each digit and of all. {_interval(data)} PCA keeps as many components as the "
        "models have latent dimensions, fitted on the training images; its error over all digits "
        "is the dashed line. Both axes are logarithmic, and the panels share the vertical one. "
        "Below, the same means as a map."
    )


def _interval(data: ByDigit) -> str:
    if len({run.config.seed for run in data.runs}) > 1:
        return (
            "Bars are 95% intervals of the mean over the seeds (Student's t), or bootstrap "
            "intervals over the images where there is one seed only."
        )
    return (
        "Bars are 95% bootstrap intervals over the images; they do not include the variation "
        "between trainings."
    )


FIGURE = FigureRecipe("by_digit", gather, draw, caption, needs=("per_digit_error",))
