"""Straight lines between the codes of test images, within a digit and from digit to digit."""

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from aevae.files import names
from analysis.figures.parts import style, tiles
from analysis.figures.parts.blocks import block_figure
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Labels
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import Run
from analysis.write import prose

PARTS = ("within a digit", "across digits")


@dataclass(frozen=True)
class Interpolations:
    """What the figure shows: P lines, the first half within a digit.

    `ends` (P, 2) are the digits at the ends of the lines; `images`, by model, have shape
    (P, S, 28, 28) and intensities in [0, 1].
    """

    runs: list[Run]
    ends: Labels
    images: Mapping[str, style.Image]
    dataset: str


def gather(study: Study) -> Interpolations:
    """Read the lines of one run per model; their ends are the same test images in all runs."""
    runs = representatives(study.sweep.runs)
    images = {}
    for run in runs:
        with study.sweep.open(run) as results:
            images[run.model] = results.array(names.interpolation(names.IMAGE)) / 255
            ends = study.sweep.labels("test")[results.array(names.interpolation(names.PAIR))]
    return Interpolations(runs, ends, images, study.data.title)


@style.styled()
def draw(data: Interpolations) -> Figure:
    """Draw a block per model and kind of line."""
    half, steps = len(data.ends) // 2, data.images[data.runs[0].model].shape[1]
    titles = [TITLES[run.model] for run in data.runs]
    figure, blocks = block_figure([half] * len(PARTS), titles, columns=steps)
    for place, (part, row) in enumerate(zip(PARTS, blocks, strict=True)):
        lines = slice(place * half, (place + 1) * half)
        for run, axes in zip(data.runs, row, strict=True):
            tiles.show_strip(axes, data.images[run.model][lines], "")
        names = [f"{first} \N{RIGHTWARDS ARROW} {last}" for first, last in data.ends[lines]]
        tiles.label_lines(row[0], names)
        row[0].set_ylabel(part, rotation=90, ha="center", va="bottom")
    return figure


def caption(data: Interpolations) -> str:
    """Say between what the lines run."""
    text = (
        f"Images decoded along straight lines between the codes of two test images of "
        f"{data.dataset}, latent size {data.runs[0].latent_size}, {prose.seeds(data.runs)}; the "
        "same pairs for every model: the first two images of each digit, and the first of a "
        "digit and of the next."
    )
    if any(run.kind.conditional for run in data.runs):
        text += " The label that the CVAE is told moves along the line from one digit to the other."
    return text


FIGURE = FigureRecipe("interpolations", gather, draw, caption)
