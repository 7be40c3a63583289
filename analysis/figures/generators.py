"""How good generated images are: bad noise and bad decoders told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.parts import style
from analysis.figures.parts.bars import bars
from analysis.figures.parts.samplers import SAMPLER_LINES, sampler_handles
from analysis.figures.recipe import FigureRecipe
from analysis.maths.intervals import Estimate
from analysis.measures import quality
from analysis.measures.judges.panel import described, why_no_judges
from analysis.measures.scores import SCORES
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import TITLES, group_runs
from analysis.sweep.load import Run
from analysis.tables.sample_quality import NOISE, REAL
from analysis.write import prose

PANELS = {
    "recognisable": "recognisable share",
    "coverage_classifier": "coverage of real images",
    "frechet_classifier": "Fréchet distance",
}
PANELS_WITHOUT_JUDGES = {
    "coverage_pca": "coverage of real images",
    "frechet_pca": "Fréchet distance",
}
SHIFT = 1.05  # of the outermost curves from their latent size
BOUNDS: dict[str, Any] = {
    REAL: {"color": "black", "linewidth": 0.9},
    NOISE: {"color": "black", "linewidth": 0.9, "linestyle": (0, (1, 1.5))},
}


@dataclass(frozen=True)
class Curve:
    """A score of one model and noise at ascending latent sizes."""

    model: str
    sampler: str
    sizes: list[int]
    scores: list[Estimate]


@dataclass(frozen=True)
class Generators:
    """What the figure shows: curves of each score, for sets of `n` images.

    `bounds` are the scores of held-out images and of noise, by the name of the score. `judges` says
    what the judges are; empty if there are none.
    """

    curves: Mapping[str, Sequence[Curve]]
    bounds: Mapping[str, Mapping[str, float]]
    runs: tuple[Run, ...]
    dataset: StoredDataset
    n: int
    judges: str

    @property
    def panels(self) -> dict[str, str]:
        """Title of each score that is shown."""
        return PANELS if self.judges else PANELS_WITHOUT_JUDGES


def gather(study: Study, table: pd.DataFrame) -> Generators:
    """Compute the scores with their intervals; those of the bounds stand in the table."""
    judges = "" if why_no_judges(study) else described(study)
    scores = PANELS if judges else PANELS_WITHOUT_JUDGES
    rows = table.set_index("model")
    return Generators(
        {name: _curves(study, name) for name in scores},
        {name: {bound: rows[name][bound].item() for bound in BOUNDS} for name in scores},
        study.sweep.runs,
        study.data,
        quality.set_size(study.sweep),
        judges,
    )


def _curves(study: Study, name: str) -> list[Curve]:
    curves = []
    for group in group_runs(study.sweep):
        for sampler in group.runs[0].samplers:
            scores = [SCORES[name](study, group.of_size(d), sampler) for d in group.latent_sizes]
            curves.append(Curve(group.model, sampler, group.latent_sizes, scores))
    return curves


@style.styled()
def draw(data: Generators) -> Figure:
    """Draw a panel for each score against latent size, a line for each model and noise."""
    figure = style.new_figure(style.PAGE_INCHES, 2.9)
    sizes = sorted({run.latent_size for run in data.runs})
    for place, (name, title) in enumerate(data.panels.items()):
        axes = figure.add_subplot(1, len(data.panels), place + 1)
        for bound, line in BOUNDS.items():
            axes.axhline(data.bounds[name][bound], **line)
        _draw_curves(axes, data.curves[name])
        axes.set(title=title, xlabel="latent size d")
        style.latent_size_axis(axes, sizes)
        axes.grid(which="major", axis="y")
        if name.startswith("frechet"):
            axes.set_yscale("log")
            style.plain_log_ticks(axes.yaxis)
        else:
            axes.set_ylim(-0.03, 1.03)
    models = list(dict.fromkeys(run.model for run in data.runs))
    _add_legend(figure, models, {name for run in data.runs for name in run.samplers})
    return figure


def _draw_curves(axes: Axes, curves: Sequence[Curve]) -> None:
    """Draw curves, each shifted a little sideways, so that their bars do not hide each other."""
    shifts = np.geomspace(1 / SHIFT, SHIFT, len(curves)) if len(curves) > 1 else [1]
    for shift, curve in zip(shifts, curves, strict=True):
        means = np.array([score.value for score in curve.scores])
        axes.errorbar(
            shift * np.array(curve.sizes), means, bars(curve.scores), elinewidth=0.7,
            color=style.MODEL_COLOURS[curve.model], **SAMPLER_LINES[curve.sampler],
        )  # fmt: skip


def _add_legend(figure: Figure, models: list[str], shown: set[str]) -> None:
    handles = [Line2D([], [], color=style.MODEL_COLOURS[m], label=TITLES[m]) for m in models]
    handles += sampler_handles(shown)
    handles.append(Line2D([], [], label="real images", **BOUNDS[REAL]))
    handles.append(Line2D([], [], label="uniform noise", **BOUNDS[NOISE]))
    figure.legend(handles=handles, loc="outside upper center", ncols=-(-len(handles) // 2))


def caption(data: Generators) -> str:
    """Say what the scores are."""
    dataset = data.dataset
    judged = bool(data.judges)
    recognisable = "In the space of 50 principal components, "
    if judged:
        recognisable = (
            f"Recognisable are images of whose {dataset.noun} a judge is at least 90% sure, mean "
            f"over {data.judges}. In the space of the first one's last hidden layer, "
        )
    return (
        f"{data.n:,} images generated by each model from {prose.samplers(data.runs)}, "
        f"against {data.n:,} test images of {dataset.title}, {prose.seeds(data.runs)}. "
        f"A decoder that is good, but decodes N(0, I) badly, lacks only the right noise. "
        f"{recognisable}"
        "coverage is the share of real images with a generated one in their neighbourhood (Naeem "
        "et al. 2020, k = 5), and the Fréchet distance is that of Gaussians fitted to both sets. "
        "Black: other held-out images, which an ideal generator would equal, and uniform noise. "
        f"{_about_bars(data)}"
    )


def _about_bars(data: Generators) -> str:
    """Say what the intervals cover, and what they leave out."""
    several = len({run.config.seed for run in data.runs}) > 1
    seeds = "seeds, " if several else ""
    share = (
        f"that of the recognisable share covers {seeds}judges and samples, " if data.judges else ""
    )
    distance = "that of the distance seeds" if several else "the distance has none with one seed"
    return (
        f"Bars are 95% intervals: {share}that of the coverage {seeds}real images; {distance}. "
        "Points are shifted a little sideways."
    )


FIGURE = FigureRecipe("generators", gather, draw, caption, needs=("sample_quality",))
