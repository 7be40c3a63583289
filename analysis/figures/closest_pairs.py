"""The samples that come nearest to a training image, beside that image."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.generated import strip_label
from analysis.figures.parts import style, tiles
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures import nearest_training
from analysis.measures.nearest_training import Pairs
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import representatives
from analysis.sweep.load import Run
from analysis.write import prose

COLUMNS = 10
TEST = "test\nimages"


@dataclass(frozen=True)
class PairRow:
    """Ten images nearest to training images, and these, (10, H, W[, 3]) each in [0, 1].

    `relative` (10,) is the distance over what is typical of test images, in ascending order; NaN
    stands last.
    """

    label: str
    images: style.Image
    nearest: style.Image
    relative: Floats


@dataclass(frozen=True)
class ClosestPairs:
    """What the figure shows, test images last; `counts` samples and test images were searched."""

    runs: list[Run]
    rows: list[PairRow]
    dataset: StoredDataset
    counts: tuple[int, int]


def gather(study: Study) -> ClosestPairs:
    """Choose the nearest samples of one run per model, and the nearest test images."""
    runs = representatives(study.sweep.runs)
    train = study.sweep.images("train")
    rows = []
    for run in runs:
        samples = nearest_training.samples(study.sweep, run)
        label = strip_label(run.kind, nearest_training.BEST_SAMPLERS[run.model])
        pairs = nearest_training.sample_pairs(study, run)
        rows.append(_row(study, label, samples, pairs, train))
    real = nearest_training.test_images(study.sweep)
    pairs = nearest_training.test_pairs(study, runs[0].trained_images)
    rows.append(_row(study, TEST, real, pairs, train))
    counts = len(nearest_training.sample_pairs(study, runs[0]).sse), len(real)
    return ClosestPairs(runs, rows, study.data, counts)


def _row(
    study: Study, label: str, images: style.Image, pairs: Pairs, train: style.Image
) -> PairRow:
    relative = nearest_training.relative_distance(study, pairs)
    chosen = np.argsort(relative)[:COLUMNS]
    found, nearest = (
        tiles.intensities(part, study.data.image_shape)
        for part in (images[chosen], train[pairs.rows[chosen]])
    )
    return PairRow(label, found, nearest, relative[chosen])


@style.styled()
def draw(data: ClosestPairs) -> Figure:
    """Draw a strip per model: the samples, and the training images below."""
    figure, all_axes = tiles.strip_figure([2] * len(data.rows), data.dataset.image_shape)
    for row, axes in zip(data.rows, all_axes, strict=True):
        tiles.show_strip(axes, np.stack([row.images, row.nearest]), "")
        tiles.label_lines(axes, [row.label, "training"])
    return figure


def caption(data: ClosestPairs) -> str:
    """Say how they were found, and how near they are."""
    # NaN stands last in a row, so a row that begins with it has no distance at all.
    known = [row for row in data.rows if np.isfinite(row.relative[0])]
    found = [f"{row.relative[0]:.2f} ({' '.join(row.label.split())})" for row in known]
    dataset = data.dataset
    new = dataset.worded("new {subjects}")
    near = f"test images near the same {dataset.noun}" if dataset.classes else "test images"
    return (
        f"Of {data.counts[0]:,} samples of each model, the ten nearest to one of the "
        f"{prose.trained_images(data.runs)} training images of {dataset.title}, which stands "
        f"below; last, the ten nearest of {data.counts[1]:,} test images, which are {new} "
        "(of more images, the nearest are nearer). "
        f"Latent size {data.runs[0].latent_size}, {prose.seeds(data.runs)}. Distances are "
        f"relative to the median of {near}: 0 would be a copy, 1 is as far as {new} "
        f"are. The least are {prose.listed(found)}.{_without(data)}"
    )


def _without(data: ClosestPairs) -> str:
    """Name the rows whose distances cannot be compared with those of test images."""
    names = [" ".join(row.label.split()) for row in data.rows if not np.isfinite(row.relative[0])]
    if not names:
        return ""
    return (
        f" There is none for {prose.listed(names)}: no test images are near the same "
        f"{data.dataset.noun}, or most of these are copies of training images."
    )


FIGURE = FigureRecipe("closest_pairs", gather, draw, caption)
