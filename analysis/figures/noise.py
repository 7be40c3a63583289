"""What two-dimensional noise decodes to, model by model, and the training image most like it."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from aevae.files import names
from aevae.files.schema import Results
from aevae.kinds import Kind
from analysis.figures.generated import shown_noise, shown_samplers, strip_label
from analysis.figures.parts import style, tiles
from analysis.figures.parts.classes import IN_A_ROW, Classes, find_classes
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats, Labels
from analysis.maths.neighbours import nearest
from analysis.measures.study import Study
from analysis.sweep.groups import planar
from analysis.sweep.load import Run
from analysis.write import prose


@dataclass(frozen=True)
class NoiseRow:
    """Ten samples of a model and sampler, and the training image nearest to each.

    `z` has shape (10, 2), `images` and `nearest` have shape (10, H, W[, 3]), `sse` is the squared
    distance between them, shape (10,).
    """

    kind: Kind
    sampler: str
    z: Floats
    images: style.Image
    nearest: style.Image
    sse: Floats

    @property
    def label(self) -> str:
        """Model and noise."""
        return strip_label(self.kind, self.sampler)


@dataclass(frozen=True)
class Noise:
    """What the figure shows.

    `asked` are the labels that a conditional model was asked for, one for each column.
    """

    runs: list[Run]
    rows: list[NoiseRow]
    classes: Classes
    asked: list[int]

    @property
    def same_noise(self) -> bool:
        """Whether all rows from standard normal noise decode the same z, column by column."""
        drawn = [row.z for row in self.rows if row.sampler == "prior"]
        return all(np.array_equal(z, drawn[0]) for z in drawn)


def gather(study: Study) -> Noise:
    """Read ten samples of each sampler of one run with d = 2 per model, and find neighbours.

    The samples stand at the same places in every file: those at which a conditional model is first
    asked for each of ten classes, else the first ten.
    """
    runs, classes = planar(study.sweep.runs), find_classes(study)
    train = study.sweep.images("train")
    chosen: Labels = np.arange(min(IN_A_ROW, runs[0].evaluation.samples_per_sampler))
    asked: list[int] = []
    for run in runs:
        if run.kind.conditional:
            with study.sweep.open(run) as results:
                labels = results.array(names.sample("prior", names.LABEL))
                chosen = _first_asked(labels, classes)
                asked = labels[chosen].tolist()
    rows = []
    for run in runs:
        with study.sweep.open(run) as results:
            trained = train[run.config.data.trained_rows]
            samplers = shown_samplers(run)
            rows += [_row(study, results, name, chosen, trained) for name in samplers]
    return Noise(runs, rows, classes, asked)


def _first_asked(labels: Labels, classes: Classes) -> Labels:
    """Choose ten samples of at most ten classes, evenly spaced among those shown."""
    asked = [label for label in classes.shown if (labels == label).any()]
    spaced = np.linspace(0, len(asked) - 1, min(IN_A_ROW, len(asked))).astype(int)
    beside = IN_A_ROW // len(spaced)
    return np.concatenate([np.flatnonzero(labels == asked[at])[:beside] for at in spaced])


def _row(
    study: Study, results: Results, sampler: str, chosen: Labels, train: style.Image
) -> NoiseRow:
    images = results.array(names.sample(sampler, names.IMAGE))[chosen]
    z = results.array(names.sample(sampler, names.Z))[chosen]
    found, sse = nearest(images, train)
    shown, below = (
        tiles.intensities(part, study.data.image_shape) for part in (images, train[found])
    )
    return NoiseRow(results.config.model.traits, sampler, z, shown, below, sse)


@style.styled()
def draw(data: Noise) -> Figure:
    """Draw a strip per model and sampler: the samples, and their neighbours below."""
    conditional = [row.kind.conditional for row in data.rows]
    headed = [conditional.index(True)] if any(conditional) else []
    width = len(data.rows[0].images)
    figure, all_axes = tiles.strip_figure(
        [2] * len(data.rows), data.classes.data.image_shape, headed=headed, columns=width
    )
    for row, axes in zip(data.rows, all_axes, strict=True):
        tiles.show_strip(axes, np.stack([row.images, row.nearest]), "")
        tiles.label_lines(axes, [row.label, "nearest"])
    for strip in headed:
        tiles.label_columns(all_axes[strip], data.classes.heads(data.asked, width))
    return figure


def caption(data: Noise) -> str:
    """Say where the noise comes from, and how near the training images are."""
    dataset, count = data.classes.data, len(data.rows[0].images)
    means = [f"{row.sse.mean():.1f} ({' '.join(row.label.split())})" for row in data.rows]
    text = (
        f"Two-dimensional noise decoded by each model, {dataset.title}, "
        f"{prose.seeds(data.runs)}, none picked, and below each sample the most similar of "
        f"the {prose.trained_images(data.runs)} training images, by squared pixel error. Mean of "
        f"that error over the {'ten' if count == IN_A_ROW else count} samples: "
        f"{prose.listed(means)}. Noise is drawn from {shown_noise(data.runs)}."
    )
    if data.same_noise and len(data.runs) > 1:
        text += " All rows from N(0, I) decode the same z in each column."
    for kind in dict.fromkeys(row.kind for row in data.rows if row.kind.conditional):
        text += f" The {kind.title} was asked for the {dataset.noun} above each column."
    return text


FIGURE = FigureRecipe("noise", gather, draw, caption)
