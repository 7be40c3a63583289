"""What the variance of the decoder decides: rate, distortion, and how good generated images are.

With a Gaussian likelihood, a KL weighted by beta is minimised by the same weights as a decoder
whose variance is beta / 2 and a KL of weight 1: only the learning rate differs. Lucas et al. (2019)
and Rybkin et al. (2021) show how much depends on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from aevae.axes import Axis
from aevae.kinds import KINDS
from analysis.figures.parts import settings, style
from analysis.figures.parts.samplers import SAMPLER_DASHES, sampler_handles
from analysis.figures.parts.scales import Scale, show_all
from analysis.figures.parts.settings import DISTORTION, KL_WEIGHT, RATE, Line
from analysis.figures.recipe import FigureRecipe
from analysis.measures.judges.panel import described, why_no_judges
from analysis.measures.study import Study
from analysis.sweep.axes import written
from analysis.sweep.groups import TITLES
from analysis.sweep.load import MissingIngredient, Run, SweepResults
from analysis.write import prose

TRADED = {RATE: "rate: KL (nats)", DISTORTION: "distortion: SSE"}
SCORES = {"recognisable": "recognisable share", "coverage_classifier": "coverage of real images"}
SCORES_WITHOUT_JUDGES = {"coverage_pca": "coverage of real images"}


@dataclass(frozen=True)
class DecoderVariance:
    """What the figure shows: lines along the weight of the KL, and models without a KL."""

    axis: Axis
    lines: Sequence[Line]
    codes: Sequence[Line]
    reference: SweepResults
    scores: dict[str, str]
    judges: str

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return settings.runs_of([*self.lines, *self.codes])

    @property
    def sizes(self) -> list[int]:
        """Latent sizes shown, each in a row of its own."""
        return sorted({line.latent_size for line in self.lines})


def gather(study: Study, summary: pd.DataFrame, quality: pd.DataFrame) -> DecoderVariance:
    """Take rate and distortion of the runs, and the scores of every sampler, from the tables."""
    axis = next((axis for axis in study.sweep.axes if axis.key == KL_WEIGHT), None)
    if axis is None:
        raise MissingIngredient("the weight of the KL does not vary in this sweep")
    judged = not why_no_judges(study)
    scores = SCORES if judged else SCORES_WITHOUT_JUDGES
    numbers = settings.numbers_of_runs(summary).join(_by_sampler(quality, [*scores]))
    lines = [
        line
        for line in settings.lines_along(study, axis, numbers)
        if len(line.values) > 1 and _has_variance(line.runs[0][0])
    ]
    if not lines:
        raise MissingIngredient(
            "no model with a Gaussian likelihood of fixed variance has several weights of the KL"
        )
    reference = study.reference.sweep
    codes = settings.lines_of_codes(reference, numbers)
    return DecoderVariance(
        axis, lines, codes, reference, scores, described(study) if judged else ""
    )


def _has_variance(run: Run) -> bool:
    """Tell whether the weight of the KL stands for the variance of the decoder."""
    gaussian = run.config.model.likelihood == "gaussian"
    return gaussian and run.kind.variational and not run.kind.learns_variance


def _by_sampler(quality: pd.DataFrame, scores: Sequence[str]) -> pd.DataFrame:
    """Return a row for each run, by run id, and a column for each score and sampler."""
    rows = quality[quality["run_id"].notna()]
    wide = rows.pivot(index="run_id", columns="sampler", values=[*scores])
    return wide.set_axis([_column(*map(str, pair)) for pair in wide.columns.to_list()], axis=1)


def _column(score: str, sampler: str) -> str:
    return f"{score} {sampler}"


@style.styled()
def draw(data: DecoderVariance) -> Figure:
    """Draw a row of panels for each latent size: rate, distortion, and the scores of samples."""
    panels = TRADED | data.scores
    figure = style.new_figure(style.PAGE_INCHES, 1.75 * len(data.sizes) + 0.5)
    grid = figure.subplots(len(data.sizes), len(panels), squeeze=False)
    for row, size in zip(grid, data.sizes, strict=True):
        lines, codes = (
            [line for line in some if line.latent_size == size] for some in (data.lines, data.codes)
        )
        for axes, (name, label) in zip(row, panels.items(), strict=True):
            for column, dash in _series(name):
                _draw_lines(axes, data.axis, [*lines, *codes], column, dash)
            Scale(data.axis).set_up(axes, style.PAGE_INCHES / len(panels) - 0.48)
            axes.set_ylabel(label)
            axes.set_title(f"d = {size}", fontsize=style.SMALL)
            axes.grid(which="major", axis="y")
            if name in TRADED:
                values = [line.means(name) for line in [*lines, *codes]]
                show_all(axes, "y", np.concatenate(values), origin=True)
            else:
                axes.set_ylim(-0.03, 1.03)
    _add_legend(figure, data)
    return figure


def _series(name: str) -> list[tuple[str, LineStyleType]]:
    """Return the columns that a panel shows, with the dashes of their lines."""
    if name in TRADED:
        return [(name, "-")]
    return [(_column(name, sampler), dash) for sampler, dash in SAMPLER_DASHES.items()]


def _draw_lines(
    axes: Axes, axis: Axis, lines: Sequence[Line], column: str, dash: LineStyleType
) -> None:
    """Draw the lines of one number; that of a model without a KL is level."""
    for line in lines:
        means = line.means(column) if column in line.numbers else np.array([np.nan])
        if np.isnan(means).all():
            continue
        colour = style.MODEL_COLOURS[line.model]
        if not KINDS[line.model].variational:
            axes.axhline(means[0], color=colour, linestyle=dash, linewidth=0.9)
            continue
        places = [Scale(axis).place(value) for value in line.values]
        axes.errorbar(places, means, line.half_widths(column), color=colour, marker=".",
                      linestyle=dash, linewidth=1, elinewidth=0.8)  # fmt: skip


def _add_legend(figure: Figure, data: DecoderVariance) -> None:
    models = dict.fromkeys(line.model for line in [*data.lines, *data.codes])
    handles = [Line2D([], [], color=style.MODEL_COLOURS[m], label=TITLES[m]) for m in models]
    handles += sampler_handles({name for run in data.runs for name in run.samplers})
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def caption(data: DecoderVariance) -> str:
    """Say what varies, what is measured, and what the other settings are."""
    dataset = data.reference.data
    codes = prose.listed(dict.fromkeys(TITLES[line.model] for line in data.codes))
    level = f" Level lines: the {codes}, which has no KL." if codes else ""
    seen = f"the share of images of whose {dataset.noun} a judge is at least 90% sure, mean over "
    scores = f"{seen}{data.judges}, and " if data.judges else ""
    return (
        f"What the variance of the decoder decides, {dataset.title}: with a Gaussian likelihood, a "
        "KL of weight beta is minimised by the same model as a variance of beta / 2 (1/2 for beta "
        f"= 1). Rate and distortion are means over the {dataset.counts['test']:,} test images: the "
        "KL, and the SSE of one decoded sample of the posterior (of the code). Generated images: "
        f"{scores}the share of test images with a generated one in their neighbourhood (Naeem et "
        "al. 2020, k = 5), with noise from "
        f"{prose.samplers(data.runs)}.{level}"
        + settings.note_on_reference(data.reference, codes)
        + settings.note_on_seeds([*data.lines, *data.codes], "Bars")
        + settings.note_on_sizes(data.reference)
    )


def table(data: DecoderVariance) -> pd.DataFrame:
    """One row per point: weight, variance, model, latent size, rate, distortion and scores."""
    names = [*TRADED, *(column for score in data.scores for column, _ in _series(score))]
    rows = []
    for line in [*data.lines, *data.codes]:
        numbers = {name: line.means(name) for name in names if name in line.numbers}
        for place, (value, runs) in enumerate(zip(line.values, line.runs, strict=True)):
            weight = "" if value is None else written(value)
            variance = "" if value is None else written(float(value) / 2)
            row = {"beta": weight, "variance": variance, "model": TITLES[line.model]}
            row |= {"d": str(line.latent_size), "seeds": str(len(runs))}
            rows.append(row | {name: means[place] for name, means in numbers.items()})
    return pd.DataFrame(rows)


FIGURE = FigureRecipe(
    "decoder_variance",
    gather,
    draw,
    caption,
    numbers=table,
    needs=("summary", "sample_quality"),
    least_axes=1,
)
