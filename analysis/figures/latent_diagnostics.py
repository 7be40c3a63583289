"""How many latent dimensions are active, the KL of each, and how far all are from N(0, I)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.maths import metrics
from analysis.maths.posterior import DRAWS
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES
from analysis.sweep.load import Run
from analysis.tables.latent_space import PARTS
from analysis.write import prose

# The colours go from light to dark, so that the parts are told apart in print without colour too.
PART_COLOURS = ("#d6e4f5", "#8ab4e8", "#303080")
PART_NAMES = ("mutual information", "total correlation", "KL of each dimension")


@dataclass(frozen=True)
class LatentDiagnostics:
    """What the figure shows: one row per run, and one per run and latent dimension."""

    per_run: pd.DataFrame
    per_dimension: pd.DataFrame
    runs: tuple[Run, ...]
    dataset: str
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
        _draw_parts(panels["parts"], data.per_run[data.per_run["kl"].notna()])
        figure.legend(handles=panels["parts"].containers, loc="outside lower center", ncols=3)
    return figure


def _draw_units(axes: Axes, runs: pd.DataFrame, sizes: Sequence[int]) -> None:
    axes.plot(sizes, sizes, color="#aaaaaa", linestyle=":", label="all d")
    for group, part in runs.groupby("group", sort=False):
        means = part.groupby("latent_size")[["active_units", "dead_units"]].mean()
        colour = style.MODEL_COLOURS[part["model"].iloc[0]]
        axes.plot(means.index, means["active_units"], color=colour, marker=".", label=group)
        if means["dead_units"].any():
            axes.plot(means.index, means["dead_units"], color=colour, linestyle="--", marker="x",
                      markersize=4, label=f"{group}, dead")  # fmt: skip
    axes.set(title="Active units", xlabel="latent size d", ylabel="units", yscale="log")
    style.latent_size_axis(axes, sizes)
    style.plain_log_ticks(axes.yaxis)
    axes.grid(which="major", axis="y")
    axes.legend()


def _draw_dimensions(axes: Axes, shown: pd.DataFrame, colours: Mapping[int, str]) -> None:
    for size, part in shown.groupby("latent_size"):
        per_seed = part.sort_values("kl", ascending=False).groupby("run_id")["kl"]
        colour = colours[part["latent_size"].iloc[0]]
        ordered = np.mean([values.to_numpy() for _, values in per_seed], axis=0)
        axes.plot(np.arange(1, len(ordered) + 1), ordered, color=colour, marker=".",
                  markersize=3, label=f"d = {size}")  # fmt: skip
    axes.set(xlabel="dimension, by KL", ylabel="nats per image", xscale="log")
    style.plain_log_ticks(axes.xaxis)
    axes.grid(which="major", axis="y")
    axes.legend()


def _draw_parts(axes: Axes, runs: pd.DataFrame) -> None:
    """Draw one bar per cell, the parts of its KL on top of each other."""
    means = runs.groupby(["group", "latent_size"], sort=False)[[*PARTS, "log_n"]].mean()
    groups = means.index.get_level_values("group")
    places = np.arange(len(means)) + pd.factorize(groups)[0]
    bottom = np.zeros(len(means))
    for part, name, colour in zip(PARTS, PART_NAMES, PART_COLOURS, strict=True):
        axes.bar(places, means[part], bottom=bottom, color=colour, label=name)
        bottom += means[part].to_numpy()
    limit = means["log_n"].iloc[0]
    axes.axhline(limit, color="black", linestyle="--", linewidth=0.8)
    axes.annotate("log N: most mutual information", (places[-1] + 0.5, limit), xytext=(0, 2),
                  textcoords="offset points", ha="right", fontsize=style.TINY)  # fmt: skip
    axes.set_xticks(places, [str(size) for size in means.index.get_level_values("latent_size")])
    for group in groups.unique():
        centre = places[groups == group].mean()
        axes.text(centre, -0.16, group, ha="center", va="top", transform=axes.get_xaxis_transform())
    axes.set(title="Parts of the KL", ylabel="nats per image")
    axes.set_xlabel("latent size d", labelpad=14)


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
        f"Latent spaces on the {data.n_test:,} test images of {data.dataset}, "
        f"{prose.seeds(data.runs)}. Active units: dimensions whose mean varies over the images "
        f"(variance above {metrics.ACTIVE_VARIANCE:g}); dead: 0 for every training image. "
        f"Aggregate posterior: the variance of each of its dimensions ({_codes(data)}"
        "none of a dead one), in the colours of the first panel; the prior has 1 (dashed)."
    )
    if data.with_kl:
        text += (
            " KL by dimension: mean over the images, in descending order. Its sum is split as in "
            "Chen et al. (2018): mutual information of image and code, total correlation, and KL "
            f"of each dimension, with all {data.n_test:,} posteriors at "
            f"{min(DRAWS, data.n_test):,} draws. The mutual information cannot exceed log N = "
            f"{np.log(data.n_test):.2f}; what is missing there is counted as total correlation."
        )
    return text


def _codes(data: LatentDiagnostics) -> str:
    titles = prose.deterministic(data.runs)
    return f"of the codes, for the {prose.listed(titles)}; " if titles else ""


FIGURE = FigureRecipe(
    "latent_diagnostics", gather, draw, caption, needs=("latent_space", "latent_dimensions")
)
