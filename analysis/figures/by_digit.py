"""Test error of each class against latent size, with intervals, PCA and a heat map."""

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

from analysis.figures.parts import style
from analysis.figures.parts.classes import ALL_COLOUR, Classes, find_classes
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures.cells import PCA_TITLE
from analysis.measures.pca import note_on_targets
from analysis.measures.study import Study
from analysis.sweep.load import Run
from analysis.tables.by_class import ALL
from analysis.write import prose

PANELS_PER_ROW = 4
ANNOTATED_SIZES = 8  # more columns leave no room for numbers in the map
NAME_INCHES = 0.7  # room for the name of a class
HEIGHT = 4.5  # of lines and map together
LINE_INCHES, AXIS_INCHES = 0.12, 0.5  # of a line of the map, if there are many, and below them
# In the colour of all classes, since it is their mean; the dashes say that it is another model's.
PCA_LINE: dict[str, Any] = {"color": ALL_COLOUR, "linestyle": (0, (3, 1.5)), "linewidth": 1}


@dataclass(frozen=True)
class Panel:
    """Errors of one group, SSE per image, shape (C + 1, S): C classes and all, S latent sizes."""

    title: str
    latent_sizes: list[int]
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class ByDigit:
    """What the figure shows, PCA last; `n_test` images; `note` says what PCA reconstructs."""

    panels: list[Panel]
    runs: tuple[Run, ...]
    classes: Classes
    n_test: int
    note: str

    @property
    def names(self) -> list[str]:
        """Names of the lines: the classes and all."""
        return [*self.classes.names(NAME_INCHES), ALL]

    @property
    def colours(self) -> list[str]:
        """Colours of the lines."""
        return [*self.classes.colours.values(), ALL_COLOUR]


def gather(study: Study, table: pd.DataFrame) -> ByDigit:
    """Take the errors and their intervals from the table, whose last row of a cell is of all."""
    panels, classes = [], find_classes(study)
    for title, part in table.groupby("group", sort=False):
        place = part.groupby("latent_size").cumcount()
        placed = part.assign(place=place).pivot(index="place", columns="latent_size")
        by_size = placed.iloc[[*classes.shown, -1]]
        sizes = by_size["sse_mean"].columns.tolist()
        columns = ("sse_mean", "sse_mean_low", "sse_mean_high")
        panels.append(Panel(str(title), sizes, *(by_size[name].to_numpy() for name in columns)))
    note = note_on_targets(study.sweep)
    return ByDigit(panels, study.sweep.runs, classes, study.data.counts["test"], note)


@style.styled()
def draw(data: ByDigit) -> Figure:
    """Draw a panel of lines and, below it, a heat map for each group."""
    columns = min(PANELS_PER_ROW, len(data.panels))
    rows = -(-len(data.panels) // columns)
    width = style.PAGE_INCHES * columns / PANELS_PER_ROW
    upper, lower = HEIGHT / 2, max(HEIGHT / 2, AXIS_INCHES + LINE_INCHES * len(data.names))
    figure = style.new_figure(width, (upper + lower) * rows + 0.3)
    ratios = [upper, lower] * rows if lower > upper else None
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=ratios)
    (pca,) = (panel for panel in data.panels if panel.title == PCA_TITLE)
    norm = style.log_norm(np.concatenate([panel.mean.ravel() for panel in data.panels]))
    lines: list[Axes] = []
    maps: list[Axes] = []
    for place, panel in enumerate(data.panels):
        row, column = divmod(place, columns)
        shared = lines[0] if lines else None
        lines.append(figure.add_subplot(grid[2 * row, column], sharey=shared))
        _draw_lines(lines[-1], data, panel, pca)
        maps.append(figure.add_subplot(grid[2 * row + 1, column]))
        image = _draw_map(maps[-1], panel, norm, data.names)
        if column:
            lines[-1].tick_params(labelleft=False)
            maps[-1].tick_params(labelleft=data.classes.on_discs)
        else:
            lines[-1].set_ylabel("test SSE per image")
            maps[-1].set_ylabel(data.classes.data.noun)
    _add_colour_bar(figure, image, maps[:columns])
    _add_legend(figure, data, in_a_row=12 if columns > 2 else 6)
    return figure


def _draw_lines(axes: Axes, data: ByDigit, panel: Panel, pca: Panel) -> None:
    d = np.array(panel.latent_sizes)
    for name, colour, low, mean, high in zip(
        data.names, data.colours, panel.low, panel.mean, panel.high, strict=True
    ):
        # The percentile interval of a tiny sample need not contain the mean.
        spread = np.maximum([mean - low, high - mean], 0)
        axes.errorbar(d, mean, spread, color=colour, marker=".", markersize=3, linewidth=1,
                      elinewidth=0.8, label=name)  # fmt: skip
    if panel is not pca:
        axes.plot(pca.latent_sizes, pca.mean[-1], **PCA_LINE)
    axes.set(title=panel.title, xlabel="latent size d", yscale="log")
    style.latent_size_axis(axes, pca.latent_sizes)
    style.plain_log_ticks(axes.yaxis)
    axes.grid(which="major", axis="y")


def _draw_map(axes: Axes, panel: Panel, norm: LogNorm, names: Sequence[str]) -> AxesImage:
    image = axes.imshow(panel.mean, cmap="viridis", norm=norm, aspect="auto")
    sizes = panel.latent_sizes
    axes.set(xlabel="latent size d")
    rotation = 0 if len(sizes) <= ANNOTATED_SIZES else 90
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes], rotation=rotation)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (line, column), value in np.ndenumerate(panel.mean):
        if len(sizes) <= ANNOTATED_SIZES and np.isfinite(value):
            ink = style.ink_on(image.cmap(norm(value)))
            text = f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
            axes.text(column, line, text, color=ink, ha="center", va="center",
                      fontsize=style.TINY)  # fmt: skip
    return image


def _add_colour_bar(figure: Figure, image: AxesImage, maps: Sequence[Axes]) -> None:
    bar = figure.colorbar(image, ax=list(maps), label="test SSE per image", aspect=30, pad=0.02)
    style.plain_log_ticks(bar.ax.yaxis)
    bar.outline.set_visible(False)


def _add_legend(figure: Figure, data: ByDigit, in_a_row: int) -> None:
    widest = max(style.text_width(name) for name in data.names)
    fitting = int(figure.get_figwidth() / (widest + 0.4))
    handles = [
        Line2D([], [], color=colour, marker=".", label=name)
        for name, colour in zip(data.names, data.colours, strict=True)
    ]
    handles.append(Line2D([], [], label="PCA, all", **PCA_LINE))
    lines = -(-len(handles) // min(in_a_row, fitting))
    if lines > 2:
        figure.set_figheight(figure.get_figheight() + 0.14 * (lines - 2))
    figure.legend(handles=handles, title=data.classes.data.noun, loc="outside upper center",
                  ncols=min(in_a_row, fitting),
                  columnspacing=1, handlelength=1.2)  # fmt: skip


def caption(data: ByDigit) -> str:
    """Say what is drawn, on how many images, from which runs."""
    dataset = data.classes.data
    return (
        f"Sum of squared pixel errors of the {data.n_test:,} test images of {dataset.title}, "
        f"decoding {prose.decoded(data.runs)}, {prose.seeds(data.runs)}: "
        f"mean of each {dataset.noun} and of all. {prose.intervals(data.runs)} PCA keeps as many "
        "components as the models have latent dimensions, fitted on the training images; its error "
        f"over all {dataset.plural} is the dashed line. Both axes are logarithmic, and the panels "
        "share the vertical one. "
        f"Below, the same means as a map.{data.note}{data.classes.note}"
    )


FIGURE = FigureRecipe("by_digit", gather, draw, caption, needs=("per_digit_error",))
