"""Test error over pairs of settings that vary in a sweep, as heat maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from aevae.axes import Axis, Value, value_of
from analysis.figures.parts import naming, settings, style
from analysis.figures.parts.settings import ERROR
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures.study import Study
from analysis.sweep.axes import written
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import MissingIngredient, Run, SweepResults
from analysis.sweep.reference import described, values_by_kind
from analysis.write import prose

MOST_PAIRS = 4  # rows of maps on a page
NUMBER_INCHES = 0.25  # of a column in which a number has room
BAR = 0.06  # width of the colour bar, as a share of a map's


@dataclass(frozen=True)
class Map:
    """Mean error of one model by the values of two settings, shape (Y, X); NaN where no run is.

    `reference` is the row and the column of the reference cell.
    """

    model: str
    x_values: tuple[Value, ...]
    y_values: tuple[Value, ...]
    error: Floats
    reference: tuple[int, int]
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class TwoSettings:
    """What the figure shows: maps of each pair of axes; `omitted` pairs found no room."""

    rows: Sequence[tuple[Axis, Axis, Sequence[Map]]]
    omitted: int
    latent_size: int
    reference: SweepResults

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        maps = [found for _, _, maps in self.rows for found in maps]
        return list(dict.fromkeys(run for found in maps for run in found.runs))


def gather(study: Study, summary: pd.DataFrame) -> TwoSettings:
    """Take the errors of the runs from the table."""
    reference = study.reference.sweep
    size = representatives(reference.runs)[0].latent_size
    numbers = settings.numbers_of_runs(summary)
    rows = []
    for x, y in combinations(study.sweep.axes, 2):
        if maps := _maps(study, x, y, size, numbers):
            rows.append((x, y, maps))
    if not rows:
        raise MissingIngredient(f"no model with d = {size} has several values of two settings")
    return TwoSettings(rows[:MOST_PAIRS], max(0, len(rows) - MOST_PAIRS), size, reference)


def _maps(study: Study, x: Axis, y: Axis, size: int, numbers: pd.DataFrame) -> list[Map]:
    """Return a map for each model that has several values of both settings."""
    cells = [c for c in settings.varying_cells(study, (x.key, y.key)) if c.latent_size == size]
    reference, maps = values_by_kind(study.reference.sweep), []
    for model in dict.fromkeys(cell.model for cell in cells):
        found = {
            tuple(value_of(cell.runs[0].config, axis.key) for axis in (y, x)): cell.runs
            for cell in cells
            if cell.model == model
        }
        rows, columns = (
            tuple(value for value in axis.values if value in {pair[place] for pair in found})
            for place, axis in enumerate((y, x))
        )
        # Where one setting at a time was changed, the runs make a cross and no map.
        if min(len(rows), len(columns)) < 2 or len(found) < len(rows) + len(columns):
            continue
        error = np.full((len(rows), len(columns)), np.nan)
        for (row, column), runs in found.items():
            seeds = numbers.loc[[run.run_id for run in runs], ERROR]
            error[rows.index(row), columns.index(column)] = seeds.mean()
        here = rows.index(reference[model][y.key]), columns.index(reference[model][x.key])
        every = tuple(run for runs in found.values() for run in runs)
        maps.append(Map(model, columns, rows, error, here, every))
    return maps


@style.styled()
def draw(data: TwoSettings) -> Figure:
    """Draw a row of maps for each pair of settings, one map for each model."""
    columns = max(len(maps) for _, _, maps in data.rows)
    heights = [0.9 + 0.2 * max(len(found.y_values) for found in maps) for *_, maps in data.rows]
    width = max(style.COLUMN_INCHES, style.PAGE_INCHES * min(columns, 3) / 3)
    figure = style.new_figure(width, sum(heights))
    ratios = [1.0] * columns + [BAR]
    grid = figure.add_gridspec(len(data.rows), columns + 1, height_ratios=heights,
                               width_ratios=ratios)  # fmt: skip
    inches = (width - 1) / columns - 0.2
    for row, (x, y, maps) in enumerate(data.rows):
        norm = style.log_norm(np.concatenate([found.error.ravel() for found in maps]))
        for column, found in enumerate(maps):
            axes = figure.add_subplot(grid[row, column])
            image = _draw_map(axes, found, norm, inches)
            axes.set(title=TITLES[found.model], xlabel=x.name)
            if column == 0:
                axes.set_ylabel(y.name)
            axes.tick_params(labelleft=column == 0 or found.y_values != maps[0].y_values)
        bar = figure.colorbar(image, cax=figure.add_subplot(grid[row, columns]))
        bar.set_label("test SSE per image")
        style.plain_log_ticks(bar.ax.yaxis)
        bar.outline.set_visible(False)
    return figure


def _draw_map(axes: Axes, found: Map, norm: LogNorm, inches: float) -> AxesImage:
    image = axes.imshow(found.error, cmap="viridis", norm=norm, aspect="auto", origin="lower")
    names = [[style.plain(written(value)) for value in values]
             for values in (found.x_values, found.y_values)]  # fmt: skip
    axes.set_xticks(range(len(names[0])))
    naming.name_side_by_side(axes.xaxis, names[0], inches / len(names[0]))
    axes.set_yticks(range(len(names[1])), names[1])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(found.error):
        if inches / len(found.x_values) >= NUMBER_INCHES and np.isfinite(value):
            text = f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
            axes.text(column, row, text, color=style.ink_on(image.cmap(norm(value))), ha="center",
                      va="center", fontsize=style.TINY)  # fmt: skip
    row, column = found.reference
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="black",
                             linewidth=1.2, clip_on=False))  # fmt: skip
    return image


def caption(data: TwoSettings) -> str:
    """Say what the maps show, and at which values the other settings are."""
    omitted = (
        f" Only the first {MOST_PAIRS} of {MOST_PAIRS + data.omitted} pairs are shown; the table "
        "`summary` has all runs." if data.omitted else ""
    )  # fmt: skip
    dataset = data.reference.data
    return (
        f"Test SSE per image on {dataset.title} by two settings at latent size {data.latent_size}, "
        f"decoding {prose.decoded(data.runs)}, {prose.seeds(data.runs)}"
        f"{prose.over_seeds(data.runs)}. A frame marks the reference cell: "
        f"{described(data.reference)}; settings that are not on a map are as there. Where no run "
        f"was trained, a map is empty. The colours are logarithmic, and the maps of a row "
        f"share them.{omitted}"
    )


FIGURE = FigureRecipe("two_settings", gather, draw, caption, needs=("summary",), least_axes=2)
