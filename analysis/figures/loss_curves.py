"""SSE, KL and loss by epoch, and rate against distortion at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aevae.config import RunConfig
from aevae.files import names
from aevae.kinds import KINDS
from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures.study import Study
from analysis.sweep.groups import Group, group_runs
from analysis.sweep.load import Run
from analysis.write import prose

COLUMNS = 3
DASHED = (0, (2, 1.5))
MARKERS = "osDPXv*<>"


@dataclass(frozen=True)
class Curve:
    """One run: means per image by epoch, shape (E,), of training and validation by term.

    The terms are `names.SSE`, `names.KL` (nats) and `names.LOSS`, as far as the model has them and
    the loss is not the SSE alone. The weights of `kept_epoch` (from 1) were kept.
    """

    train: Mapping[str, Floats]
    val: Mapping[str, Floats]
    kept_epoch: int

    def kept(self, term: str) -> float:
        """Return a term of the validation images at the epoch whose weights were kept."""
        return float(self.val[term][self.kept_epoch - 1])


@dataclass(frozen=True)
class LossCurves:
    """What the figure shows; `curves` by run id, `counts` images per split."""

    groups: list[Group]
    curves: Mapping[str, Curve]
    dataset: str
    counts: Mapping[str, int]

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return [run for group in self.groups for run in group.runs]

    @property
    def with_rate(self) -> list[Group]:
        """Groups whose models have a KL term."""
        return [group for group in self.groups if KINDS[group.model].variational]


def gather(study: Study) -> LossCurves:
    """Read the histories of every run."""
    curves = {}
    for results in study.sweep.results():
        train, val = (
            {term: results.array(names.history(split, term)) for term in _terms(results.config)}
            for split in ("train", "val")
        )
        curves[results.run_id] = Curve(train, val, results.kept_epoch)
    return LossCurves(group_runs(study.sweep), curves, study.data.title, study.data.counts)


def _terms(config: RunConfig) -> list[str]:
    """Name the terms of a model; its loss is one of them unless it is the SSE."""
    variational = config.model.traits.variational
    alone = not variational and config.model.likelihood == "gaussian"
    return [names.SSE, *[names.KL] * variational, *[names.LOSS] * (not alone)]


@style.styled()
def draw(data: LossCurves) -> Figure:
    """Draw a row of panels per group, one for each term, then rate against distortion.

    The first free places of a row, if there are two, hold rate against distortion.
    """
    terms = [_terms(group.config) for group in data.groups]
    free = [len(row) for row in terms if len(row) < COLUMNS - 1]
    columns = COLUMNS if data.with_rate else max(map(len, terms))
    rows = len(terms) + (bool(data.with_rate) and not free)
    figure = style.new_figure(style.PAGE_INCHES * columns / COLUMNS, 1.8 * rows + 0.4)
    grid = figure.add_gridspec(rows, columns)
    colours = style.latent_colours([run.latent_size for run in data.runs])
    for row, (group, named) in enumerate(zip(data.groups, terms, strict=True)):
        for column, term in enumerate(named):
            _draw_term(figure.add_subplot(grid[row, column]), group, term, data.curves, colours)
    if data.with_rate:
        row = next((r for r, named in enumerate(terms) if len(named) in free), rows - 1)
        axes = figure.add_subplot(grid[row, free[0] if free else 0 :])
        _draw_rate_distortion(axes, data, colours)
    _add_legend(figure, colours)
    return figure


def _draw_term(
    axes: Axes,
    group: Group,
    term: str,
    curves: Mapping[str, Curve],
    colours: Mapping[int, str],
) -> None:
    for run in group.runs:
        curve, colour = curves[run.run_id], colours[run.latent_size]
        epochs = np.arange(1, len(curve.val[term]) + 1)
        # A single epoch is drawn as a marker, since one point makes no line.
        crosses, dots = ("x", ".") if len(epochs) == 1 else ("", "")
        axes.plot(epochs, curve.train[term], color=colour, linestyle=DASHED, marker=crosses)
        axes.plot(epochs, curve.val[term], color=colour, marker=dots)
        if run.config.train.early_stopping:
            kept = curve.kept_epoch
            axes.plot(kept, curve.kept(term), color=colour, marker="o", markersize=3.5)
    axes.set(title=f"{group.title}: {_named(group, term)}", xlabel="epoch", ylabel="per image")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    if term == names.SSE or (term == names.LOSS and not KINDS[group.model].learns_variance):
        _log_axis(axes)
    else:
        # A KL may be 0. With a small variance, the density of an image is above 1, and the loss is
        # negative.
        axes.grid(which="major", axis="both")


def _named(group: Group, term: str) -> str:
    """Name a term as readers know it."""
    model = group.config.model
    if term != names.LOSS:
        return {names.SSE: "SSE", names.KL: "KL (nats)"}[term]
    if model.traits.learns_variance:
        return "loss, negative ELBO"
    error = "cross-entropy" if model.likelihood == "bernoulli" else "SSE"
    return f"loss, {error}{' + KL' * model.traits.variational}"


def _draw_rate_distortion(axes: Axes, data: LossCurves, colours: Mapping[int, str]) -> None:
    handles = []
    for group, marker in zip(data.with_rate, cycle(MARKERS), strict=False):
        sizes = group.latent_sizes
        rates, distortions = np.transpose([_end(data, group.of_size(size)) for size in sizes])
        axes.plot(rates, distortions, color="#999999", linewidth=0.8, zorder=1)
        shades = [colours[size] for size in sizes]
        axes.scatter(rates, distortions, c=shades, marker=marker, s=26, zorder=2)
        grey: dict[str, Any] = {"color": "#666666", "linestyle": "", "markersize": 5}
        handles.append(Line2D([], [], marker=marker, label=group.title, **grey))
    when = "kept epoch" if prose.stops_early(data.runs) else "last epoch"
    axes.set(title=f"Rate and distortion, {when}", xlabel="rate: KL per image (nats)")
    axes.set_ylabel("SSE per image")
    axes.legend(handles=handles, loc="best")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _log_axis(axes)


def _end(data: LossCurves, runs: Sequence[Run]) -> tuple[float, float]:
    """Return KL and SSE at the kept epoch, averaged over the seeds."""
    curves = [data.curves[run.run_id] for run in runs]
    rates, distortions = ([curve.kept(term) for curve in curves] for term in (names.KL, names.SSE))
    return float(np.mean(rates)), float(np.mean(distortions))


def _log_axis(axes: Axes) -> None:
    axes.set_yscale("log")
    style.plain_log_ticks(axes.yaxis)
    axes.grid(which="major", axis="both")


def _add_legend(figure: Figure, colours: Mapping[int, str]) -> None:
    lines = [Line2D([], [], color=colour, label=f"d = {size}") for size, colour in colours.items()]
    lines.append(Line2D([], [], color="#444444", linestyle=DASHED, label="training"))
    lines.append(Line2D([], [], color="#444444", label="validation"))
    figure.legend(handles=lines, loc="outside lower center", ncols=min(len(lines), 8))


def caption(data: LossCurves) -> str:
    """Say what is drawn, on how many images, from which runs."""
    kl = ", KL and the loss that is minimised" if data.with_rate else ""
    text = (
        f"SSE{kl} by epoch on {data.dataset}, means per image: training "
        f"({prose.trained_images(data.runs)} images, dashed) and validation "
        f"({data.counts['val']:,} images, solid), for latent size d = "
        f"{prose.listed(sorted({run.latent_size for run in data.runs}))}, "
        f"{prose.seeds(data.runs)}, a line for each run. SSE is the sum of squared pixel errors of "
        "an image. A training mean is over an epoch in which the model still improves, so it may "
        "lie above that of validation at the end of that epoch. Axes of SSE and loss are "
        "logarithmic, and every panel has its own."
    )
    if any(KINDS[group.model].learns_variance for group in data.groups):
        text += (
            " The loss of a model that learns the variance of its decoder has a linear axis, "
            "because its loss can be negative."
        )
    if prose.stops_early(data.runs):
        text += " With early stopping, a dot marks the epoch whose weights were kept."
    if data.with_rate:
        text += (
            " Rate (KL) against distortion (SSE) is that of the validation images at "
            f"{prose.kept_epoch(data.runs)}{prose.over_seeds(data.runs)}{_without_rate(data)}."
        )
    return text


def _without_rate(data: LossCurves) -> str:
    titles = prose.deterministic(data.runs)
    return f"; the {prose.listed(titles)} has no rate" if titles else ""


FIGURE = FigureRecipe("loss_curves", gather, draw, caption)
