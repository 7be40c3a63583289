"""What the variance of the decoder decides: rate, distortion, and how good generated images are.

With a Gaussian likelihood, a KL weighted by beta is minimised by the same weights as a decoder
whose variance is beta / 2 and a KL of weight 1: only the learning rate differs. Lucas et al. (2019)
and Rybkin et al. (2021) show how much depends on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aevae.axes import Axis
from aevae.kinds import KINDS
from analysis.figures.parts import settings, style
from analysis.figures.parts.bars import bars
from analysis.figures.parts.samplers import SAMPLER_LINES, sampler_handles
from analysis.figures.parts.scales import Scale, show_all
from analysis.figures.parts.settings import DISTORTION, KL_WEIGHT, RATE, Line
from analysis.figures.recipe import FigureRecipe
from analysis.maths.intervals import Estimate
from analysis.maths.metrics import Floats
from analysis.measures import scores as scores_of
from analysis.measures.judges.panel import described, why_no_judges
from analysis.measures.study import Study
from analysis.sweep.axes import written
from analysis.sweep.groups import TITLES
from analysis.sweep.load import MissingIngredient, Run, SweepResults
from analysis.write import prose
from analysis.write.prose import SAMPLER_TITLES

TRADED = {RATE: "rate: KL (nats)", DISTORTION: "distortion: SSE"}
SCORES = {"recognisable": "recognisable share", "coverage_classifier": "coverage of real images"}
SCORES_WITHOUT_JUDGES = {"coverage_pca": "coverage of real images"}
Look = dict[str, Any]  # of a line, as arguments of matplotlib
PLAIN: Look = {"linestyle": "-", "marker": ".", "markersize": 4}


# Of a score: its name, the sampler, the model and the latent size.
Key = tuple[str, str, str, int]


@dataclass(frozen=True)
class DecoderVariance:
    """What the figure shows: lines along the weight of the KL, and models without a KL.

    `estimates` are the scores at the values of each line.
    """

    axis: Axis
    lines: Sequence[Line]
    codes: Sequence[Line]
    reference: SweepResults
    scores: dict[str, str]
    judges: str
    estimates: Mapping[Key, Sequence[Estimate]]

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return settings.runs_of([*self.lines, *self.codes])

    @property
    def sizes(self) -> list[int]:
        """Latent sizes shown, each in a row of its own."""
        return sorted({line.latent_size for line in self.lines})


def gather(study: Study, summary: pd.DataFrame) -> DecoderVariance:
    """Take rate and distortion from the table, and compute the scores of every sampler."""
    axis = next((axis for axis in study.sweep.axes if axis.key == KL_WEIGHT), None)
    if axis is None:
        raise MissingIngredient("the weight of the KL does not vary in this sweep")
    numbers = settings.numbers_of_runs(summary)
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
    judges = "" if why_no_judges(study) else described(study)
    scores = SCORES if judges else SCORES_WITHOUT_JUDGES
    estimates = {
        (name, sampler, line.model, line.latent_size): [
            scores_of.SCORES[name](study, runs, sampler) for runs in line.runs
        ]
        for name in scores
        for line in [*lines, *codes]
        for sampler in line.runs[0][0].samplers
    }
    return DecoderVariance(axis, lines, codes, reference, scores, judges, estimates)


def _has_variance(run: Run) -> bool:
    """Tell whether the weight of the KL stands for the variance of the decoder."""
    gaussian = run.config.model.likelihood == "gaussian"
    return gaussian and run.kind.variational and not run.kind.learns_variance


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
            for line in [*lines, *codes]:
                _draw_line(axes, data, line, name)
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


def _draw_line(axes: Axes, data: DecoderVariance, line: Line, name: str) -> None:
    """Draw one model in a panel: the number traded, or its score with every noise."""
    if name in TRADED:
        _draw_values(axes, data, line, line.means(name), line.half_widths(name), PLAIN)
        return
    for sampler, look in SAMPLER_LINES.items():
        found = data.estimates.get((name, sampler, line.model, line.latent_size))
        if found:
            means = np.array([estimate.value for estimate in found])
            _draw_values(axes, data, line, means, bars(found), look)


def _draw_values(
    axes: Axes, data: DecoderVariance, line: Line, means: Floats, halves: Floats, look: Look
) -> None:
    """Draw values with bars; those of a model without a KL are a level line."""
    colour = style.MODEL_COLOURS[line.model]
    if np.isnan(means).all():
        return
    if not KINDS[line.model].variational:
        axes.axhline(means[0], color=colour, linewidth=0.9, linestyle=look["linestyle"])
        return
    places = [Scale(data.axis).place(value) for value in line.values]
    axes.errorbar(places, means, halves, color=colour, linewidth=1, elinewidth=0.8, **look)


def _add_legend(figure: Figure, data: DecoderVariance) -> None:
    models = dict.fromkeys(line.model for line in [*data.lines, *data.codes])
    handles = [Line2D([], [], color=style.MODEL_COLOURS[m], label=TITLES[m]) for m in models]
    handles += sampler_handles({name for run in data.runs for name in run.samplers})
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 7))


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
        + settings.note_on_seeds([*data.lines, *data.codes], "Bars of rate and distortion")
        + " Bars of the share cover seeds, judges and samples, bars of the coverage seeds and real "
        "images." + settings.note_on_sizes(data.reference)
    )


def table(data: DecoderVariance) -> pd.DataFrame:
    """One row per point: weight, variance, model, latent size, rate, distortion and scores."""
    rows = []
    for line in [*data.lines, *data.codes]:
        of_line = {
            f"{name} {SAMPLER_TITLES[sampler]}": [estimate.value for estimate in found]
            for (name, sampler, *cell), found in data.estimates.items()
            if cell == [line.model, line.latent_size]
        }
        numbers = {name: list(line.means(name)) for name in TRADED} | of_line
        for place, (value, runs) in enumerate(zip(line.values, line.runs, strict=True)):
            row = {"beta": "", "variance": ""}
            if isinstance(value, int | float):
                row = {"beta": written(value), "variance": written(value / 2)}
            row |= {"model": TITLES[line.model], "d": str(line.latent_size)}
            row["seeds"] = str(len(runs))
            rows.append(row | {name: values[place] for name, values in numbers.items()})
    found = pd.DataFrame(rows)
    scores = [f"{name} {title}" for name in data.scores for title in SAMPLER_TITLES.values()]
    first = [name for name in found if name not in scores]
    return found[[*first, *(name for name in scores if name in found)]]


FIGURE = FigureRecipe(
    "decoder_variance",
    gather,
    draw,
    caption,
    numbers=table,
    needs=("summary",),
    least_axes=1,
)
