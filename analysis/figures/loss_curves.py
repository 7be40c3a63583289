"""Loss by epoch, and rate against distortion at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aevae.files import names
from aevae.kinds import KINDS
from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures.study import Study
from analysis.sweep.groups import Group, group_runs
from analysis.sweep.load import Run
from analysis.write import prose

PANELS_PER_ROW = 2
DASHED = (0, (2, 1.5))
MARKERS = "osDPXv*<>"


@dataclass(frozen=True)
class Curve:
    """One run: loss per image by epoch, shape (E,).

    `kept_sse` and `kept_kl` (nats) are of the validation images at the epoch whose weights were
    kept, the last or `kept_epoch` (from 1).
    """

    train: Floats
    val: Floats
    kept_epoch: int
    kept_sse: float
    kept_kl: float | None


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
        variational, kept = results.config.model.traits.variational, results.kept_epoch - 1
        curves[results.run_id] = Curve(
            results.array(names.history("train", names.LOSS)),
            results.array(names.history("val", names.LOSS)),
            results.kept_epoch,
            float(results.array(names.history("val", names.SSE))[kept]),
            float(results.array(names.history("val", names.KL))[kept]) if variational else None,
        )
    return LossCurves(group_runs(study.sweep), curves, study.data.title, study.data.counts)


@style.styled()
def draw(data: LossCurves) -> Figure:
    """Draw one panel of losses per group, then rate against distortion."""
    panels = len(data.groups) + bool(data.with_rate)
    columns = min(PANELS_PER_ROW, panels)
    rows = -(-panels // columns)
    figure = style.new_figure(style.PAGE_INCHES * columns / PANELS_PER_ROW, 2.3 * rows + 0.5)
    grid = figure.add_gridspec(rows, columns)
    colours = style.latent_colours([run.latent_size for run in data.runs])
    for place, group in enumerate(data.groups):
        axes = figure.add_subplot(grid[divmod(place, columns)])
        _draw_losses(axes, group, data.curves, colours)
    if data.with_rate:
        axes = figure.add_subplot(grid[divmod(panels - 1, columns)])
        _draw_rate_distortion(axes, data, colours)
    _add_legend(figure, colours)
    return figure


def _draw_losses(
    axes: Axes,
    group: Group,
    curves: Mapping[str, Curve],
    colours: Mapping[int, str],
) -> None:
    for run in group.runs:
        curve, colour = curves[run.run_id], colours[run.latent_size]
        epochs = np.arange(1, len(curve.val) + 1)
        # A single epoch is drawn as a marker, since one point makes no line.
        crosses, dots = ("x", ".") if len(epochs) == 1 else ("", "")
        axes.plot(epochs, curve.train, color=colour, linestyle=DASHED, marker=crosses)
        axes.plot(epochs, curve.val, color=colour, marker=dots)
        if run.config.train.early_stopping:
            kept = curve.kept_epoch
            axes.plot(kept, curve.val[kept - 1], color=colour, marker="o", markersize=3.5)
    kind = KINDS[group.model]
    term = "SSE + KL" if kind.variational else "SSE"
    if group.runs[0].config.model.likelihood == "bernoulli":
        term = term.replace("SSE", "cross-entropy")
    if kind.learns_variance:
        term = "negative ELBO"
    axes.set(title=group.title, xlabel="epoch", ylabel=f"loss per image: {term}")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    if kind.learns_variance:
        # With a small variance, the density of an image is above 1, and the loss is negative.
        axes.grid(which="major", axis="both")
    else:
        _log_axis(axes)


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
    axes.set_ylabel("distortion: SSE per image")
    axes.legend(handles=handles, loc="best")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _log_axis(axes)


def _end(data: LossCurves, runs: Sequence[Run]) -> tuple[float, float]:
    """Return KL and SSE at the kept epoch, averaged over the seeds."""
    curves = [data.curves[run.run_id] for run in runs]
    rates = [curve.kept_kl for curve in curves if curve.kept_kl is not None]
    return float(np.mean(rates)), float(np.mean([curve.kept_sse for curve in curves]))


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
    text = (
        f"Loss per image by epoch on {data.dataset}: training "
        f"({prose.trained_images(data.runs)} images, dashed) and validation "
        f"({data.counts['val']:,} images, solid), for latent size d = "
        f"{prose.listed(sorted({run.latent_size for run in data.runs}))}, "
        f"{prose.seeds(data.runs)}. SSE is the sum of squared pixel errors of an "
        f"image{', KL is in nats' if data.with_rate else ''}. A training loss is the mean over an "
        "epoch in which the model still improves, so it may lie above the validation loss at the "
        "end of that epoch. Each panel has its own logarithmic axis."
    )
    if any(KINDS[group.model].learns_variance for group in data.groups):
        text += (
            " Only the axis of a model that learns the variance of its decoder is linear, because "
            "its loss can be negative."
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
