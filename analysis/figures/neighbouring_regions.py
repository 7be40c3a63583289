"""Which classes border on each other, where images are recognisable, and what style they share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.parts import style
from analysis.figures.parts.classes import Classes, find_classes
from analysis.figures.recipe import FigureRecipe
from analysis.maths.borders import over_chance
from analysis.maths.metrics import Floats
from analysis.maths.strokes import FEATURES
from analysis.measures import plane_structure
from analysis.measures.cells import PCA, PCA_TITLE
from analysis.measures.judges.panel import why_no_judges
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES
from analysis.sweep.load import Run
from analysis.tables.plane_structure import REGION, SQUARES, STYLE
from analysis.write import prose

MOST = 5.0  # times chance: longer borders have the same colour
ANNOTATED = 12  # of more classes, the map has no numbers
NAME_INCHES = 0.5
SQUARE_COLOURS = ("#333333", "#e69f00")
CONTROL = "planes turned"


Panel = Callable[[Axes], None]


@dataclass(frozen=True)
class PlaneStructure:
    """What the figure shows: the table, and borders over chance, (K, K), by model.

    They are the mean over judges and runs, of the classes shown.
    """

    table: pd.DataFrame
    borders: dict[str, Floats]
    classes: Classes
    runs: tuple[Run, ...]


def gather(study: Study, table: pd.DataFrame) -> PlaneStructure:
    """Take regions and styles from the table, and add up the borders of all runs of a model."""
    classes = find_classes(study)
    runs = tuple(run for run in study.sweep.runs if run.run_id in set(table["run_id"]))
    lengths: dict[str, Floats] = {}
    for run in runs:
        if run.kind.variational and not run.kind.conditional and not why_no_judges(study):
            seen = plane_structure.classes_on_grid(study, run)
            found = plane_structure.borders_of(study, seen)
            lengths[run.model] = lengths.get(run.model, np.zeros_like(found)) + found
    shown = np.ix_(classes.shown, classes.shown)
    borders = {model: over_chance(found)[shown] for model, found in lengths.items()}
    return PlaneStructure(table, borders, classes, runs)


@style.styled()
def draw(data: PlaneStructure) -> Figure:
    """Draw a map of borders per model, and beside them bars of regions and of style."""
    measures = set(data.table["measure"])
    maps: list[Panel] = [partial(_draw_borders, data=data, model=model) for model in data.borders]
    bars: list[Panel] = []
    if REGION in measures:
        bars.append(partial(_draw_regions, table=data.table[data.table["measure"] == REGION]))
    if STYLE in measures:
        bars.append(partial(_draw_styles, table=data.table[data.table["measure"] == STYLE]))
    sides = [side for side in (maps, bars) if side]
    figure = style.new_figure(style.PAGE_INCHES * len(sides) / 2, max(2 * len(bars), 3 * len(maps)))
    parts = figure.subfigures(1, len(sides), squeeze=False)[0]
    for part, side in zip(parts, sides, strict=True):
        for axes, panel in zip(part.subplots(len(side), squeeze=False)[:, 0], side, strict=True):
            panel(axes)
    return figure


def _draw_borders(axes: Axes, data: PlaneStructure, model: str) -> None:
    ratios = data.borders[model]
    picture = axes.imshow(ratios, cmap="viridis", vmin=0, vmax=MOST)
    axes.set_title(f"{TITLES[model]}: borders over chance")
    named = data.classes.names(NAME_INCHES)
    step = -(-len(named) // 26)
    places = range(0, len(named), step)
    axes.set_xticks(places, named[::step], rotation=0 if data.classes.on_discs else 90)
    axes.set_yticks(places, named[::step])
    if len(named) <= ANNOTATED:
        for (row, column), ratio in np.ndenumerate(ratios):
            if np.isfinite(ratio):
                ink = style.ink_on(tuple(picture.to_rgba(np.array([ratio]))[0]))
                axes.text(column, row, f"{ratio:.1f}", color=ink, ha="center", va="center",
                          fontsize=style.TINY)  # fmt: skip
    assert axes.figure is not None
    bar = axes.figure.colorbar(picture, ax=axes, extend="max", shrink=0.8)
    bar.outline.set_visible(False)


def _draw_regions(axes: Axes, table: pd.DataFrame) -> None:
    models = list(table["model"].unique())
    places = np.arange(len(models))
    for shift, square, colour in zip((-0.2, 0.2), SQUARES, SQUARE_COLOURS, strict=True):
        shares = [_values(table, model, square) for model in models]
        heights = [s.mean() for s in shares]
        bars = axes.bar(places + shift, heights, 0.38, color=colour, label=square)
        axes.bar_label(bars, fmt="{:.0%}", fontsize=style.TINY)
        _draw_seeds(axes, (places + shift).tolist(), shares)
    axes.set_xticks(places, [{**TITLES, PCA: PCA_TITLE}[model] for model in models])
    axes.set(
        title="Recognisable in a square of codes", ylabel="share of the images", ylim=(0, 1.15)
    )
    axes.legend(ncols=2)


def _draw_styles(axes: Axes, table: pd.DataFrame) -> None:
    model = table["model"].iloc[0]
    shown = table[table["model"] == model]
    places = np.arange(len(FEATURES))
    values = [_values(shown, model, name) for name in FEATURES]
    turned = [_values(shown, model, name, "control") for name in FEATURES]
    axes.bar(places - 0.2, [v.mean() for v in values], 0.38, color=style.MODEL_COLOURS[model],
             label="same z")  # fmt: skip
    axes.bar(places + 0.2, [v.mean() for v in turned], 0.38, color="#333333", label=CONTROL)
    _draw_seeds(axes, (places - 0.2).tolist(), values)
    _draw_seeds(axes, (places + 0.2).tolist(), turned)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xticks(places, FEATURES)
    axes.set(title=f"{TITLES[model]}: style shared by the labels", ylim=(-0.35, 1.25))
    axes.set_ylabel("intraclass correlation")
    axes.legend(ncols=2)


def _values(table: pd.DataFrame, model: str, of: str, column: str = "value") -> Floats:
    rows = table[(table["model"] == model) & (table["of"] == of)]
    return np.asarray(rows[column], dtype=np.float64)


def _draw_seeds(axes: Axes, places: Iterable[float], values: list[Floats]) -> None:
    """Mark each run, where there are several."""
    for place, found in zip(places, values, strict=True):
        if len(found) > 1:
            axes.plot(np.full(len(found), place), found, "_", color="black", markersize=5)


def caption(data: PlaneStructure) -> str:
    """Say what is drawn, from which runs."""
    dataset = data.classes.data
    text = f"Decoded planes of two latents of {dataset.title}, {prose.seeds(data.runs)}."
    if data.borders:
        text += (
            f" Borders: how often two {dataset.plural} are neighbours on the decoded grid at the "
            f"quantiles of N(0, I), over what it would be if each {dataset.noun} bordered on "
            "others at random, as judges see it, added up over judges and runs."
            f"{data.classes.note}"
        )
    if REGION in set(data.table["measure"]):
        text += (
            " Recognisable: share of the images decoded in the square that holds the most codes of "
            "test images and in that which holds the fewest, mean over judges; of PCA too."
        )
    if STYLE in set(data.table["measure"]):
        text += (
            " Style: slant, thickness of strokes, width and height at the same z for every label. "
            "1: all labels change alike over the plane; 0: each changes by itself. Beside it the "
            "same with the planes turned against each other."
        )
    several = len({run.config.seed for run in data.runs}) > 1
    return text + (" Dashes are single runs." if several else " One run of each: no interval.")


FIGURE = FigureRecipe("neighbouring_regions", gather, draw, caption, needs=("plane_structure",))
