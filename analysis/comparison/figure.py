"""The figure of a comparison: the errors of every model and sweep by latent size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aevae.axes import short
from aevae.kinds import KINDS
from analysis.comparison import quantities as q
from analysis.comparison import readers
from analysis.comparison.comparison import Comparison
from analysis.figures.parts import style
from analysis.figures.recipe import Drawing
from analysis.sweep.axes import written

NAME = "comparison_figure"
MOST_BESIDE = 8  # cells of a model; with more of them, each model has the width of the page
PANEL_INCHES, LEGEND_INCHES = 1.5, 0.35
NAME_INCHES = 0.12  # least distance of the names of cells
# Distance of a sweep from the next about the place of a cell; the next cell is at a distance of 1.
OFFSET = 0.13
MARKERS = "osD^vPX<>"
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)))
IN_A_ROW = 6  # names of sweeps
LIGHTEST = 0.5  # how far the colour of the last sweep lies from that of the model towards white
ARTICLE: dict[str, Any] = {"marker": "_", "linestyle": "", "color": "black", "markersize": 8}


@dataclass(frozen=True)
class Panel:
    """A quantity: its values, or how the values of the other sweeps differ from the first's."""

    quantity: str
    title: str
    columns: Sequence[str] = ("value", "low", "high")


PANELS = (
    Panel(q.SSE, "SSE"),
    Panel(q.SSE, "SSE difference", readers.DIFFERENCE),
    Panel(q.MSE, "SSE by value"),
    Panel(q.MSE, "SSE by value,\ndifference", readers.DIFFERENCE),
    Panel(q.KL, "KL (nats)"),
    Panel(q.KL, "KL difference (nats)", readers.DIFFERENCE),
)


def drawing(comparison: Comparison, table: pd.DataFrame) -> Drawing:
    """Draw the figure and describe it."""
    figure = draw(comparison, table)
    return Drawing(NAME, NAME, figure, caption(comparison, table), (), comparison.notes())


@style.styled()
def draw(comparison: Comparison, table: pd.DataFrame) -> Figure:
    """Draw a column of panels for each model: values, and below them the differences."""
    table = table.assign(cell=_names(comparison, table))
    models = [model for model in KINDS if (table["model"] == model).any()]
    parts = {model: table[table["model"] == model] for model in models}
    beside = max(part["cell"].nunique() for part in parts.values()) <= MOST_BESIDE
    columns = len(models) if beside else 1
    panels = [panel for panel in PANELS if (table["quantity"] == panel.quantity).any()]
    rows = len(panels) if beside else sum(len(_panels(part)) for part in parts.values())
    figure = style.new_figure(style.PAGE_INCHES, PANEL_INCHES * rows + LEGEND_INCHES)
    grid = figure.add_gridspec(rows, columns)
    place = 0
    for column, part in enumerate(parts.values()):
        own = _panels(part)
        for row, panel in enumerate(own):
            cell = grid[row, column] if beside else grid[place + row, 0]
            axes = figure.add_subplot(cell)
            _draw_panel(axes, comparison, part, panel)
            _name_cells(axes, comparison, part, labelled=panel is own[-1])
            axes.set_title(KINDS[part["model"].iloc[0]].title if row == 0 else "")
            before = [_panels(other) for other in list(parts.values())[:column]]
            if not beside or not any(panel in others for others in before):
                axes.set_ylabel(panel.title)
        place += len(own)
    _add_legend(figure, comparison, table)
    return figure


def _names(comparison: Comparison, table: pd.DataFrame) -> list[str]:
    """Name the cell of each row by latent size and the values of the axes."""
    axes = [short(key) for key in comparison.axes]
    return [
        "; ".join(str(v) if isinstance(v, str) else written(v) for v in row if not pd.isna(v))
        for row in table[["latent_size", *axes]].itertuples(index=False)
    ]


def _panels(part: pd.DataFrame) -> list[Panel]:
    """Return the panels of a model: those of the quantities that it has."""
    return [panel for panel in PANELS if (part["quantity"] == panel.quantity).any()]


def _draw_panel(axes: Axes, comparison: Comparison, part: pd.DataFrame, panel: Panel) -> None:
    places = {name: place for place, name in enumerate(part["cell"].unique())}
    rows = part[part["quantity"] == panel.quantity]
    looks = _looks(comparison, KINDS[part["model"].iloc[0]].colour)
    offsets = OFFSET * (np.arange(len(looks)) - (len(looks) - 1) / 2)
    for (label, look), offset in zip(looks.items(), offsets, strict=True):
        points = rows[(rows["sweep"] == label) & rows[panel.columns[0]].notna()]
        x = points["cell"].map(places) + offset
        value, low, high = (points[name].to_numpy(dtype=float) for name in panel.columns)
        spread = np.nan_to_num(np.maximum([value - low, high - value], 0))
        axes.errorbar(x, value, spread, **look, elinewidth=0.8, markersize=3.5)
    if panel.columns is readers.DIFFERENCE:
        axes.axhline(0, color="#888888", linewidth=0.6, zorder=0)
    elif "published" in rows:
        article = rows.dropna(subset="published").drop_duplicates("cell")
        axes.plot(article["cell"].map(places), article["published"], **ARTICLE)
    axes.grid(which="major", axis="y")
    axes.margins(y=0.12)


def _looks(comparison: Comparison, colour: str) -> dict[str, dict[str, Any]]:
    """Return how each sweep is drawn: lighter from sweep to sweep, with a marker of its own.

    Lines join the latent sizes; where a setting varies too, there is no order to be followed.
    """
    labels = [member.label for member in comparison.members]
    looks = {}
    for place, label in enumerate(labels):
        shade = style.lighter(colour, 1 - LIGHTEST * place / (len(labels) - 1))
        line = "" if comparison.axes else DASHES[place % len(DASHES)]
        marker = MARKERS[place % len(MARKERS)]
        looks[label] = {"color": shade, "marker": marker, "linestyle": line}
    return looks


def _name_cells(axes: Axes, comparison: Comparison, part: pd.DataFrame, *, labelled: bool) -> None:
    """Name the cells below the last panel of a model, as many as there is room for."""
    names = list(part["cell"].unique())
    axes.set_xlim(-0.7, len(names) - 0.3)
    width = style.PAGE_INCHES * 0.9 / (1 if len(names) > MOST_BESIDE else 3)
    step = int(np.ceil(NAME_INCHES * len(names) / width))
    places = range(0, len(names), step)
    upright = bool(comparison.axes)
    axes.set_xticks(places, [names[p] for p in places], rotation=90 if upright else 0)
    axes.tick_params(axis="x", labelbottom=labelled, labelsize=style.TINY)
    if labelled:
        axes.set_xlabel("; ".join(["latent size d", *map(short, comparison.axes)]))


def _add_legend(figure: Figure, comparison: Comparison, table: pd.DataFrame) -> None:
    looks = _looks(comparison, "#333333")
    room = figure.get_figwidth() / min(len(looks) + 1, IN_A_ROW) - 0.7
    handles = [
        Line2D([], [], **look, markersize=3.5, label=style.fitted(label, room))
        for label, look in looks.items()
    ]
    if "published" in table:
        handles.append(Line2D([], [], **ARTICLE, label=readers.ARTICLE))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), IN_A_ROW))


def caption(comparison: Comparison, table: pd.DataFrame) -> str:
    """Say what is drawn; the table has the same numbers, and says how the intervals were made."""
    text = (
        f"{readers.caption(comparison, table)} Bars are these intervals; those of the values are "
        "Student's t over the seeds, or with one seed a bootstrap over the images. The places of "
        "the sweeps beside each other only keep the bars apart."
    )
    if comparison.axes:
        named = ", ".join(map(short, comparison.axes))
        text += f" Below a cell stand its latent size and its values of {named}."
    return text
