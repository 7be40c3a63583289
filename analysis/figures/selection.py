"""Validation error against latent size, and the size that it chooses."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aevae.kinds import KINDS
from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.measures import likelihood
from analysis.measures.study import Study
from analysis.sweep.load import Run
from analysis.tables.latent_size_choice import LOSS, RULE, SSE
from analysis.write import prose

CHOSEN: dict[str, Any] = {"s": 70, "facecolors": "none", "edgecolors": "black", "zorder": 3}
MARKERS = "osDPXv*<>"
NORMAL_95 = 1.96  # standard errors on each side of a 95% interval


@dataclass(frozen=True)
class Selection:
    """What the figure shows: the table of `latent_size_choice`, on `n_val` images.

    `note` says what the loss is where a model learns its variance.
    """

    table: pd.DataFrame
    runs: tuple[Run, ...]
    dataset: str
    n_val: int
    note: str


def gather(study: Study, table: pd.DataFrame) -> Selection:
    """Take the errors and the choice from the table."""
    sweep = study.sweep
    note = likelihood.note_on_loss(sweep)
    return Selection(table, sweep.runs, study.data.title, study.data.counts["val"], note)


@style.styled()
def draw(data: Selection) -> Figure:
    """Draw each criterion, and below it what the rule looks at: the excess over the least error.

    The chosen size of each model is in a ring.
    """
    panels = _panels(data)
    figure = style.new_figure(style.PAGE_INCHES * min(len(panels), 2) / 2, 5.2)
    markers = dict(zip(data.table["group"].unique(), cycle(MARKERS), strict=False))
    sizes = sorted(data.table["latent_size"].unique())
    for place, (title, shown) in enumerate(panels.items()):
        axes = figure.add_subplot(2, len(panels), place + 1)
        below = figure.add_subplot(2, len(panels), len(panels) + place + 1)
        below.axhline(1, color="black", linewidth=0.8, linestyle="--")
        for group, curve in shown.groupby("group", sort=False):
            _draw_curve(axes, curve, markers[group])
            _draw_excess(below, curve, markers[group])
        axes.set(title=title, xlabel="latent size d")
        axes.set_ylabel("validation error per image")
        if (shown["criterion"] == SSE).all():
            axes.set_yscale("log")
            style.plain_log_ticks(axes.yaxis)
        below.set(title="Excess over the least error", xlabel="latent size d")
        below.set_yscale("symlog", linthresh=1)
        below.yaxis.set_major_formatter("{x:g}")
        below.set_ylabel("standard errors of the least")
        for panel in (axes, below):
            style.latent_size_axis(panel, sizes)
            panel.grid(which="major", axis="y")
    _add_legend(figure, data.table, markers)
    return figure


def _panels(data: Selection) -> dict[str, pd.DataFrame]:
    """Return the rows of each panel by its title.

    A loss whose variance is fitted to the errors has another scale than one with the variance 1/2,
    so it has a panel of its own.
    """
    fitting = [kind.name for kind in KINDS.values() if kind.learns_variance]
    fitted = data.table["model"].isin(fitting)
    criterion = data.table["criterion"]
    panels = {
        "Reconstruction: SSE": data.table[criterion == SSE],
        "Negative ELBO: SSE + KL": data.table[(criterion == LOSS) & ~fitted],
        "Negative ELBO, variance fitted": data.table[(criterion == LOSS) & fitted],
    }
    return {title: rows for title, rows in panels.items() if len(rows)}


def _draw_curve(axes: Axes, curve: pd.DataFrame, marker: str) -> None:
    colour = style.MODEL_COLOURS[curve["model"].iloc[0]]
    axes.errorbar(curve["latent_size"], curve["error"], curve["standard_error"], color=colour,
                  marker=marker, markersize=3.5, label=curve["group"].iloc[0])  # fmt: skip
    chosen = curve[curve["chosen"]]
    axes.scatter(chosen["latent_size"], chosen["error"], **CHOSEN)


def _draw_excess(axes: Axes, curve: pd.DataFrame, marker: str) -> None:
    """Draw by how much each size exceeds the least error, in standard errors of that."""
    colour = style.MODEL_COLOURS[curve["model"].iloc[0]]
    unit = curve.sort_values("error")["standard_error"].iloc[0]
    excess, spread = curve["excess"] / unit, NORMAL_95 * curve["excess_error"] / unit
    axes.errorbar(curve["latent_size"], excess, spread, color=colour, marker=marker, markersize=3.5,
                  elinewidth=1.2, capsize=2)  # fmt: skip
    chosen = curve["chosen"]
    axes.scatter(curve.loc[chosen, "latent_size"], excess[chosen], **CHOSEN)


def _add_legend(figure: Figure, table: pd.DataFrame, markers: Mapping[str, str]) -> None:
    models = table.drop_duplicates("group").set_index("group")["model"]
    handles = [
        Line2D([], [], color=style.MODEL_COLOURS[model], marker=markers[str(group)], markersize=3.5,
               label=group)
        for group, model in models.items()
    ]  # fmt: skip
    ring = Line2D([], [], linestyle="", marker="o", markersize=8, markerfacecolor="none",
                  markeredgecolor="black", label=f"chosen: {RULE}")  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    figure.legend(handles=[ring], loc="outside lower center")


def caption(data: Selection) -> str:
    """Say what is minimised, by which rule, and what was chosen."""
    chosen = data.table[data.table["chosen"]]
    codes = [*prose.deterministic(data.runs), "PCA"]
    choices = [f"{row.latent_size} ({row.group}, {row.criterion})" for row in chosen.itertuples()]
    return (
        f"Error of the {data.n_val:,} validation images of {data.dataset}, "
        f"{prose.seeds(data.runs)}, mean per image with its standard error over the images. "
        "Below, the excess over the least error of the model, in standard errors of the latter, "
        "with 95% intervals of the paired difference over the images, which leave out the "
        "variation between trainings; a size below the dashed line is within one standard error. "
        f"SSE is the sum of squared pixel errors: {_sampled(data)}of the code for "
        f"{prose.listed(codes)}{'; KL is in nats' if _sampled(data) else ''}. A ring marks the "
        "choice: the "
        f"{RULE} of the model. It chooses d = {prose.listed(choices)}. {_no_term(codes)} no "
        f"term that makes a larger code dearer.{data.note}"
    )


def _sampled(data: Selection) -> str:
    """Say which models decode a sample of the posterior."""
    titles = prose.listed(prose.variational(data.runs))
    return f"of one sampled z for {titles}, as the article measured it, " if titles else ""


def _no_term(codes: list[str]) -> str:
    """Begin a sentence about the models with a code; PCA, the last of them, is always there."""
    return f"The {prose.listed(codes)} have" if len(codes) > 1 else f"{prose.listed(codes)} has"


FIGURE = FigureRecipe("selection", gather, draw, caption, needs=("latent_size_choice",))
