"""How sure the judges are of real and of generated images, and how often they are right."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.maths.calibration import reliability
from analysis.measures.calibration import Answers, on_samples, on_test_images
from analysis.measures.judges.panel import RECIPES, described
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import group_runs
from analysis.sweep.load import Run
from analysis.write import prose

LEAST = 20  # answers in a bin that is drawn
LINES: dict[str, dict[str, Any]] = {
    "plain": {"color": "#0072b2", "marker": "o", "markersize": 2.5},
    "strong": {"color": "#d55e00", "marker": "s", "markersize": 2.5, "linestyle": (0, (4, 1.5))},
}
RIGHT = {
    "label": "share right",
    "class asked for": "share as asked for",
    "other judges": "share of the others that agree",
}


@dataclass(frozen=True)
class Calibration:
    """What the figure shows: the answers on each set of images, by its title.

    `judges` says what judges are.
    """

    runs: tuple[Run, ...]
    answers: dict[str, Answers]
    dataset: StoredDataset
    judges: str


def gather(study: Study) -> Calibration:
    """Let the judges look at test images and at the samples of each model."""
    answers = {"test images": on_test_images(study)}
    for group in group_runs(study.sweep):
        answers[f"{group.title}, N(0, I)"] = on_samples(study, group.runs)
    return Calibration(study.sweep.runs, answers, study.data, described(study))


@style.styled()
def draw(data: Calibration) -> Figure:
    """Draw a panel for each set of images, a line for each judge."""
    count = len(data.answers)
    figure = style.new_figure(style.PAGE_INCHES * min(count / 4, 1), 2.3)
    (panels,) = figure.subplots(1, count, squeeze=False)
    for axes, (title, answers) in zip(panels, data.answers.items(), strict=True):
        _draw_panel(axes, title, answers)
    handles = [
        Line2D([], [], **line, label=f"{name} judges, a line for each")
        for name, line in LINES.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_panel(axes: Axes, title: str, answers: Answers) -> None:
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.6)
    for recipe, said, right in zip(RECIPES, answers.said, answers.right, strict=True):
        found = reliability(said, right)
        shown = found.counts >= LEAST
        axes.plot(found.said[shown], found.right[shown], linewidth=0.9, **LINES[recipe.kind.name])
    axes.set(title=title, xlabel="probability said", ylabel=RIGHT[answers.truth])
    axes.set(xlim=(0.2, 1.02), ylim=(-0.02, 1.02))
    axes.grid(which="major", axis="both")


def _asked(data: Calibration) -> str:
    """Say what samples of a conditional model are held against, if there is one."""
    told = prose.conditional(data.runs)
    if not told:
        return ""
    return f"samples of the {prose.listed(told)} against the {data.dataset.noun} asked for, other "


def caption(data: Calibration) -> str:
    """Say what is on each axis, and what decides whether a judge is right."""
    sizes = sorted({run.latent_size for run in data.runs})
    return (
        f"How often a judge that says a probability is right, {data.dataset.title}, for "
        f"{data.judges}. On the diagonal the probability said is the share that is right; below it "
        f"a judge is too sure. Test images are held against their labels, {_asked(data)}samples "
        "against what the other judges see, since nothing better is known of them. Samples from "
        f"N(0, I) of all runs of a model together: latent sizes {prose.listed(sizes)}, "
        f"{prose.seeds(data.runs)}. Answers are put "
        f"into bins of the probability said; bins of fewer than {LEAST} are not shown. The lines "
        "differ by judge; there are no intervals over images."
    )


FIGURE = FigureRecipe("reliability", gather, draw, caption)
