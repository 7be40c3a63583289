"""Straight lines between the codes of test images, within a class and from class to class."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from aevae.files import names
from aevae.words import with_article
from analysis.figures.parts import style, tiles
from analysis.figures.parts.blocks import GAP_INCHES, block_figure
from analysis.figures.parts.classes import known_labels
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Labels
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import Run
from analysis.write import prose

ARROW = "\N{RIGHTWARDS ARROW}"
FEW = 4
NAME_INCHES, TITLE_INCHES = 0.55, 0.4  # room beside the lines for a name, and for their title


@dataclass(frozen=True)
class Part:
    """Lines that belong together: what they are, their places among all, and their names."""

    title: str
    lines: list[int]
    names: list[str]


@dataclass(frozen=True)
class Interpolations:
    """What the figure shows: P lines, in parts.

    `images`, by model, have shape (P, S, H, W[, 3]) and intensities in [0, 1]. `classes` is the
    number of classes at the ends of the lines.
    """

    runs: list[Run]
    parts: list[Part]
    images: Mapping[str, style.Image]
    dataset: StoredDataset
    classes: int


def gather(study: Study) -> Interpolations:
    """Read the lines of one run per model; their ends are the same test images in all runs."""
    runs = representatives(study.sweep.runs)
    images = {}
    for run in runs:
        with study.sweep.open(run) as results:
            stored = results.array(names.interpolation(names.IMAGE))
            images[run.model] = tiles.intensities(stored, study.data.image_shape)
            pairs = results.array(names.interpolation(names.PAIR))
    labels = known_labels(study)
    if labels is None:
        every = [f"{first} {ARROW} {last}" for first, last in pairs]
        parts = [Part("from image to image", list(range(len(pairs))), every)]
        return Interpolations(runs, parts, images, study.data, 0)
    ends = labels[pairs]
    return Interpolations(runs, _parts(study.data, ends), images, study.data, len(np.unique(ends)))


def _parts(dataset: StoredDataset, ends: Labels) -> list[Part]:
    """Tell lines within a class from those across classes, by the classes at their ends (P, 2)."""
    within = ends[:, 0] == ends[:, 1]
    parts = []
    for title, chosen in (
        (f"within {with_article(dataset.noun)}", within),
        (f"across {dataset.plural}", ~within),
    ):
        pairs = [
            [style.fitted(dataset.class_names[end], NAME_INCHES) for end in pair]
            for pair in ends[chosen]
        ]
        lines = np.flatnonzero(chosen).tolist()
        parts.append(Part(title, lines, [f" {ARROW} ".join(pair) for pair in pairs]))
    return [part for part in parts if part.lines]


@style.styled()
def draw(data: Interpolations) -> Figure:
    """Draw a block per model and kind of line."""
    steps = data.images[data.runs[0].model].shape[1]
    named = max(style.text_width(name) for part in data.parts for name in part.names)
    figure, blocks = block_figure(
        [len(part.lines) for part in data.parts],
        [TITLES[run.model] for run in data.runs],
        data.dataset.image_shape,
        columns=steps,
        beside=max(tiles.LABEL_INCHES, named + TITLE_INCHES),
    )
    for part, row in zip(data.parts, blocks, strict=True):
        for run, axes in zip(data.runs, row, strict=True):
            tiles.show_strip(axes, data.images[run.model][part.lines], "")
        tiles.label_lines(row[0], part.names)
        room = row[0].get_position().height * figure.get_figheight() + GAP_INCHES
        title = _fitted(part, room, float(row[0].yaxis.label.get_fontsize()))
        row[0].set_ylabel(title, rotation=90, ha="center", va="bottom")
    return figure


def _fitted(part: Part, room: float, size: float) -> str:
    """Return the title of a part as it fits into `room` inches; "" if it does not fit."""
    # Beside few lines, there is no room for the title in one line.
    title = part.title if len(part.lines) > FEW else part.title.replace(" ", "\n", 1)
    longest = max(style.text_width(line, size) for line in title.split("\n"))
    return title if longest <= room else ""


def caption(data: Interpolations) -> str:
    """Say between what the lines run."""
    dataset = data.dataset
    text = (
        f"Images decoded along straight lines between the codes of two test images of "
        f"{dataset.title}, latent size {data.runs[0].latent_size}, {prose.seeds(data.runs)}; the "
        f"same pairs for every model{_which(data)}."
    )
    for kind in (run.kind for run in data.runs if run.kind.conditional):
        text += (
            f" The label that the {kind.title} is told moves along the line from one "
            f"{dataset.noun} to the other."
        )
    return text


def _which(data: Interpolations) -> str:
    noun = data.dataset.noun
    if not data.classes:
        return ", named by their places among the test images, from 0"
    if data.classes == 1:
        return f", all of one {noun}"
    each = f"each {noun}"
    if data.classes < data.dataset.classes and noun != "digit":
        each = f"each of {data.classes} {data.dataset.plural}"
    return f": the first two images of {each}, and the first of a {noun} and of the next"


FIGURE = FigureRecipe("interpolations", gather, draw, caption)
