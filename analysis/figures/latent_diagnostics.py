"""How many latent dimensions are active, the KL of each, and how far all are from N(0, I)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.maths import metrics
from analysis.maths.posterior import INFORMATIVE_KL
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES
from analysis.sweep.load import Run
from analysis.tables.latent_space import explained
from analysis.write import prose

# Shades from dark to light, each with a marker of its own: they are told apart in print, too.
PARTS = {
    "mutual_information": ("I(x; z)", "#303080", "o"),
    "total_correlation": ("total correlation", "#8ab4e8", "s"),
    "dimension_wise_kl": ("KL of each dimension from N(0, 1)", "#b8b8c8", "D"),
    "class_information": ("", "#e0c040", "^"),
}
SIDE_BY_SIDE = 0.18  # distance of the parts of a cell; cells are at a distance of 1
INFORMATIVE_LINE: dict[str, Any] = {"linestyle": (0, (4, 2)), "markerfacecolor": "white"}


@dataclass(frozen=True)
class LatentDiagnostics:
    """What the figure shows: one row per run, and one per run and latent dimension."""

    per_run: pd.DataFrame
    per_dimension: pd.DataFrame
    runs: tuple[Run, ...]
    dataset: str
    noun: str
    n_test: int

    @property
    def with_kl(self) -> list[str]:
        """Titles of the groups whose models have a KL term."""
        return list(self.per_run.loc[self.per_run["kl"].notna(), "group"].unique())


def gather(study: Study, per_run: pd.DataFrame, per_dimension: pd.DataFrame) -> LatentDiagnostics:
    """Name the group of each run in both tables."""
    return LatentDiagnostics(
        per_run.assign(group=per_run["model"].map(TITLES)),
        per_dimension.assign(group=per_dimension["model"].map(TITLES)),
        study.sweep.runs,
        study.data.title,
        study.data.noun,
        study.data.counts["test"],
    )


@style.styled()
def draw(data: LatentDiagnostics) -> Figure:
    """Draw units in use, KL by dimension, the parts of the KL, and variances of the whole."""
    columns = len(data.with_kl) + 1
    figure = style.new_figure(style.PAGE_INCHES * min(1, (columns + 1) / 4), 4.6)
    mosaic: Any = [["units", *data.with_kl], [*["parts"] * len(data.with_kl), "variance"]]
    panels = figure.subplot_mosaic(mosaic)
    sizes = sorted(data.per_run["latent_size"].unique())
    _draw_units(panels["units"], data.per_run, sizes)
    _draw_variances(panels["variance"], data.per_dimension, sizes)
    if data.with_kl:
        colours = style.latent_colours(sizes)
        for group in data.with_kl:
            shown = data.per_dimension[data.per_dimension["group"] == group]
            _draw_dimensions(panels[group], shown, colours)
            panels[group].sharey(panels[data.with_kl[0]])
            panels[group].set_title(f"{group}: KL by dimension")
        _draw_parts(panels["parts"], data.per_run[data.per_run["kl"].notna()], data.noun)
        figure.legend(*panels["parts"].get_legend_handles_labels(), loc="outside lower center",
                      ncols=5)  # fmt: skip
    return figure


def _draw_units(axes: Axes, runs: pd.DataFrame, sizes: Sequence[int]) -> None:
    axes.plot(sizes, sizes, color="#aaaaaa", linestyle=":", label="all d")
    for group, part in runs.groupby("group", sort=False):
        colour = style.MODEL_COLOURS[part["model"].iloc[0]]
        names = ["active_units", "informative_units", "dead_units"]
        means = part.groupby("latent_size")[names].mean()
        axes.plot(means.index, means["active_units"], color=colour, marker=".", label=group)
        if means["informative_units"].notna().any():
            axes.plot(means.index, means["informative_units"], color=colour, marker=".",
                      label=f"_{group}, informative", **INFORMATIVE_LINE)  # fmt: skip
        if means["dead_units"].any():
            axes.plot(means.index, means["dead_units"], color=colour, linestyle=":", marker="x",
                      markersize=4, label=f"{group}, dead")  # fmt: skip
    axes.set(title="Active units", xlabel="latent size d", ylabel="units", yscale="log")
    style.latent_size_axis(axes, sizes)
    style.plain_log_ticks(axes.yaxis)
    axes.grid(which="major", axis="y")
    handles = axes.get_legend_handles_labels()[0]
    if runs["informative_units"].notna().any():
        handles.append(
            Line2D([], [], color="black", marker=".", label="informative", **INFORMATIVE_LINE)
        )
    axes.legend(handles=handles)


def _draw_dimensions(axes: Axes, shown: pd.DataFrame, colours: Mapping[int, str]) -> None:
    for size, part in shown.groupby("latent_size"):
        per_seed = part.sort_values("kl", ascending=False).groupby("run_id")["kl"]
        colour = colours[part["latent_size"].iloc[0]]
        ordered = np.mean([values.to_numpy() for _, values in per_seed], axis=0)
        axes.plot(np.arange(1, len(ordered) + 1), ordered, color=colour, marker=".",
                  markersize=3, label=f"d = {size}")  # fmt: skip
    axes.axhline(INFORMATIVE_KL, color="black", linestyle=":", linewidth=0.8,
                 label=f"{INFORMATIVE_KL:g} nats")  # fmt: skip
    axes.set(xlabel="dimension, by KL", ylabel="nats per image", xscale="log")
    style.plain_log_ticks(axes.xaxis)
    axes.grid(which="major", axis="y")
    axes.legend()


def _draw_parts(axes: Axes, runs: pd.DataFrame, noun: str) -> None:
    """Draw what is bracketed in each cell side by side, from the lower to the upper end."""
    means = runs.groupby(["group", "latent_size"], sort=False).mean(numeric_only=True)
    groups = means.index.get_level_values("group")
    places = np.arange(len(means)) + pd.factorize(groups)[0]
    shown = [part for part in PARTS if means[f"{part}_low"].notna().any()]
    shifts = SIDE_BY_SIDE * (np.arange(len(shown)) - (len(shown) - 1) / 2)
    for shift, part in zip(shifts, shown, strict=True):
        name, colour, marker = PARTS[part]
        low, high = means[f"{part}_low"], means[f"{part}_high"]
        middle = (low + high) / 2
        half = abs(high - low) / 2  # of few images, the ends may have changed places
        axes.errorbar(places + shift, middle, half, color=colour,
                      marker=marker, markersize=3, linestyle="none", elinewidth=1.6,
                      label=name or f"I(z; {noun})")  # fmt: skip
    axes.plot(places, means["kl"], color="black", marker="_", markersize=11, linestyle="none",
              label="KL")  # fmt: skip
    limit = means["log_n"].iloc[0]
    axes.axhline(limit, color="black", linestyle="--", linewidth=0.8)
    axes.annotate("log N", (places[-1] + 0.5, limit), xytext=(0, 2),
                  textcoords="offset points", ha="right", fontsize=style.TINY)  # fmt: skip
    axes.set_xticks(places, [str(size) for size in means.index.get_level_values("latent_size")])
    for group in groups.unique():
        centre = places[groups == group].mean()
        axes.text(centre, -0.16, group, ha="center", va="top", transform=axes.get_xaxis_transform())
    axes.set(title="Parts of the KL", ylabel="nats per image")
    axes.set_xlabel("latent size d", labelpad=14)
    axes.grid(which="major", axis="y")


def _draw_variances(axes: Axes, dimensions: pd.DataFrame, sizes: Sequence[int]) -> None:
    axes.axhline(1, color="black", linewidth=0.8, linestyle="--")
    # The groups are drawn side by side, since they would hide each other.
    count = dimensions["group"].nunique()
    shifts = 0.1 * (np.arange(count) - (count - 1) / 2)
    for shift, (_, part) in zip(shifts, dimensions.groupby("group", sort=False), strict=True):
        colour = style.MODEL_COLOURS[part["model"].iloc[0]]
        places = part["latent_size"] * np.exp(shift)
        axes.scatter(places, part["variance"], color=colour, marker="_", s=12, linewidths=0.8)
    axes.set(title="Aggregate posterior", xlabel="latent size d", yscale="log")
    axes.set_ylabel("variance of each dimension")
    style.latent_size_axis(axes, sizes)
    style.plain_log_ticks(axes.yaxis)
    axes.grid(which="major", axis="y")


def caption(data: LatentDiagnostics) -> str:
    """Say what the panels show and how the parts were estimated."""
    text = (
        f"Latent spaces on the {data.n_test:,} test images of {data.dataset}. Active units: "
        "dimensions whose mean varies over the images "
        f"(variance above {metrics.ACTIVE_VARIANCE:g}); dead: 0 for every training "
        f"image.{_informative(data)} Aggregate posterior: the variance of each of its dimensions "
        f"({_codes(data)}none of a dead one), in the colours of the first panel; the prior has 1 "
        "(dashed)."
    )
    if data.with_kl:
        shown = [run for run in data.runs if run.kind.variational]
        text += (
            " KL by dimension: mean over the images, in descending order. Parts of the KL, as in "
            "Chen et al. (2018): mutual information of image and z, total correlation, and KL of "
            f"each dimension; they add up to the KL (black). {explained(shown)} Bars "
            "reach from one end to the other. The lower end of the mutual information "
            f"cannot exceed log N = {data.per_run['log_n'].min():.2f}."
        )
    if data.per_run["class_information_low"].notna().any():
        text += (
            f" I(z; {data.noun}) is no further part: it says how much of what z tells of the image "
            f"is about the {data.noun}."
        )
    return f"{text} {_seeds(data)}"


def _informative(data: LatentDiagnostics) -> str:
    if not data.with_kl:
        return ""
    return (
        f" Informative (dashed): those with a KL above {INFORMATIVE_KL:g} nats (dotted line). A "
        "dimension whose mean has a variance of 0.01 is active, though 99% of the variance of z is "
        "noise."
    )


def _seeds(data: LatentDiagnostics) -> str:
    count = len({run.config.seed for run in data.runs})
    if count == 1:
        return f"One training of each model ({prose.seeds(data.runs)})."
    return f"Lines and bars are means over {count} trainings each ({prose.seeds(data.runs)})."


def _codes(data: LatentDiagnostics) -> str:
    titles = prose.deterministic(data.runs)
    return f"of the codes, for the {prose.listed(titles)}; " if titles else ""


FIGURE = FigureRecipe(
    "latent_diagnostics", gather, draw, caption, needs=("latent_space", "latent_dimensions")
)
