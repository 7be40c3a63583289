"""How well the class can be read from latents, principal components and pixels."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.measures import probing
from analysis.measures.cells import PCA, PCA_TITLE
from analysis.measures.latents import MEAN
from analysis.measures.probing import KNN, LOGISTIC
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import TITLES
from analysis.sweep.load import Run
from analysis.tables.probes import PIXELS
from analysis.write import prose

MODELS = {**TITLES, PCA: PCA_TITLE}
PIXEL_LINE: dict[str, Any] = {"color": "black", "linewidth": 0.9}
SAMPLE_LINE: dict[str, Any] = {"marker": "."}
MEAN_LINE: dict[str, Any] = {"marker": ".", "markerfacecolor": "white", "linestyle": (0, (4, 2))}
CHANCE_LINE: dict[str, Any] = {"color": "black", "linewidth": 0.9, "linestyle": (0, (1, 1.5))}


@dataclass(frozen=True)
class ProbeCurves:
    """What the figure shows: the table of `probes`, on `n_test` images, and what chance is."""

    table: pd.DataFrame
    runs: tuple[Run, ...]
    dataset: StoredDataset
    n_test: int
    chance: float


def gather(study: Study, table: pd.DataFrame) -> ProbeCurves:
    """Take the accuracies of the models, PCA and pixels from the table."""
    n_test, chance = len(probing.test_rows(study.sweep)), probing.chance(study.sweep)
    return ProbeCurves(table, study.sweep.runs, study.data, n_test, chance)


@style.styled()
def draw(data: ProbeCurves) -> Figure:
    """Draw a panel for each probe and number of labels."""
    figure = style.new_figure(style.PAGE_INCHES, 4.4)
    counts = sorted(data.table["labels"].unique())
    grid = figure.subplots(2, len(counts), sharex=True, sharey=True, squeeze=False)
    sizes = sorted(data.table.loc[data.table["model"] != PIXELS, "latent_size"].unique())
    for row, probe in zip(grid, (KNN, LOGISTIC), strict=True):
        for axes, count in zip(row, counts, strict=True):
            shown = data.table[(data.table["probe"] == probe) & (data.table["labels"] == count)]
            _draw_panel(axes, shown, data.chance)
            axes.set_title(f"{probe}, {count:,} labels")
            style.latent_size_axis(axes, sizes)
            axes.grid(which="major", axis="y")
        row[0].set(ylabel="accuracy", ylim=(0, 1.02))
    for axes in grid[-1]:
        axes.set_xlabel("latent size d")
    _add_legend(figure, data.table)
    return figure


def _draw_panel(axes: Axes, shown: pd.DataFrame, chance: float) -> None:
    axes.axhline(shown.loc[shown["model"] == PIXELS, "accuracy"].item(), **PIXEL_LINE)
    axes.axhline(chance, **CHANCE_LINE)
    lines = shown[shown["model"] != PIXELS].groupby(["model", "points"], sort=False)
    for (model, points), part in lines:
        look = MEAN_LINE if points == MEAN else SAMPLE_LINE
        seeds = part.groupby("latent_size")["accuracy"]
        colour = style.MODEL_COLOURS[str(model)]
        axes.plot(seeds.mean().index, seeds.mean(), color=colour, **look)
        axes.vlines(seeds.mean().index, seeds.min(), seeds.max(), color=colour, linewidth=0.9)


def _add_legend(figure: Figure, table: pd.DataFrame) -> None:
    models = [model for model in table["model"].unique() if model != PIXELS]
    handles = [Line2D([], [], color=style.MODEL_COLOURS[m], label=MODELS[m]) for m in models]
    if MEAN in table["points"].unique():
        handles.append(Line2D([], [], color="#555555", label="posterior means", **MEAN_LINE))
    handles.append(Line2D([], [], label="all pixels", **PIXEL_LINE))
    handles.append(Line2D([], [], label="chance", **CHANCE_LINE))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def caption(data: ProbeCurves) -> str:
    """Say what is read from what."""
    noun = data.dataset.noun
    return (
        f"Share of {data.n_test:,} test images of {data.dataset.title} whose {noun} is read right "
        f"from {prose.sample_or_mean(data.runs)}, from as many principal components, or "
        f"from all pixels, by the 5 nearest of the labelled training images (above) or by logistic "
        "regression (below). With few labels, means over "
        f"{probing.DRAWS} draws of them. {_means(data)}{prose.hidden_by_noise(data.runs)}"
        f"{_goal(data)} {prose.range_over_seeds(data.runs)}"
    )


def _means(data: ProbeCurves) -> str:
    return "Means are dashed. " if MEAN in data.table["points"].unique() else ""


def _goal(data: ProbeCurves) -> str:
    """Say what chance is, and which models should come near it."""
    noun, told = data.dataset.noun, prose.conditional(data.runs)
    chance = f"{data.chance:.3f}, the share of the most frequent {noun}"
    if not told:
        return f"Chance is {chance}."
    return (
        f"The {prose.listed(told)}'s encoder is told the {noun} and need not repeat it: for it "
        f"chance ({chance}) is the goal."
    )


FIGURE = FigureRecipe("probe_curves", gather, draw, caption, needs=("probes",))
