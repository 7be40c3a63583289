"""What happens along straight lines between the codes of test images, decoded in small steps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aevae.files import names
from aevae.files.hdf5 import Array
from analysis.maths.decoder import decode
from analysis.maths.metrics import Floats
from analysis.measures.judges.panel import Sight, find_judges, why_no_judges
from analysis.measures.quality import SURE
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import MissingIngredient, Run

PAIRS, STEPS = 200, 21
ACROSS_PAIRS, ACROSS_STEPS = 400, 9  # between images of different classes


@dataclass(frozen=True, eq=False)
class Lines:
    """Measures of P lines, (P,) each; the last two are (J, P) and have no rows without judges.

    Parameters
    ----------
    length
        Length of the path through the images, divided by the distance of its ends; 1 if straight.
    jump
        Largest step, divided by the mean step; 1 if all steps are equal.
    changes
        How often the class that each of J judges sees changes from step to step, (J, P).
    unsure
        Share of the images along the line of whose class a judge is less than 90% sure, (J, P).
    """

    length: Floats
    jump: Floats
    changes: Floats
    unsure: Floats


@once_per_study
@kept_for_commands
def measure_lines(study: Study, run: Run) -> Lines:
    """Measure lines between the codes of pairs of test images, the same pairs for every run.

    Both images of a pair are of one class, so that a conditional model is told one class all along
    the line.
    """
    labels, pairs = pairs_of_a_class(study)
    with study.sweep.open(run) as results:
        codes, weights = results.array(names.of_split("test", names.MU)), results.weights()
    share = np.linspace(0, 1, STEPS, dtype=np.float32)[None, :, None]
    z = (1 - share) * codes[pairs[:, :1]] + share * codes[pairs[:, 1:]]
    told = np.repeat(labels[pairs[:, :1]], STEPS, axis=1) if run.kind.conditional else None
    return measure(study, decode(run.config, weights, z, told))


def pairs_of_a_class(study: Study) -> tuple[Array, NDArray[np.intp]]:
    """Return the labels of the test images, (N,), and the rows of the pairs, (P, 2).

    Images without labels count as one class.

    Raises
    ------
    MissingIngredient
        No class has two test images.
    """
    images = study.data.counts["test"]
    labels = study.sweep.labels("test") if study.data.classes else np.zeros(images, dtype=np.uint8)
    pairs = draw_pairs(labels, max(study.data.classes, 1))
    if not len(pairs):
        raise MissingIngredient(f"no {study.data.noun} has two test images")
    return labels, pairs


def draw_pairs(labels: Array, classes: int) -> NDArray[np.intp]:
    """Draw (P, 2) rows of test images, the same number of pairs for every class that has two."""
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(labels == label) for label in range(classes)]
    return np.array([
        rng.choice(members, 2, replace=False)
        for members in rows
        if len(members) > 1
        for _ in range(max(PAIRS // classes, 1))
    ])  # fmt: skip


def measure(study: Study, images: Array) -> Lines:
    """Measure lines of images (P, S, *image_shape) in [0, 1]."""
    flat = images.reshape(*images.shape[:2], -1)
    steps = np.linalg.norm(np.diff(flat, axis=1), axis=-1).astype(np.float64)
    ends = np.linalg.norm(flat[:, -1] - flat[:, 0], axis=-1).astype(np.float64)
    changes, unsure = _changes(study, images)
    return Lines(
        length=_ratio(steps.sum(axis=1), ends),
        jump=_ratio(steps.max(axis=1), steps.mean(axis=1)),
        changes=changes,
        unsure=unsure,
    )


def _changes(study: Study, images: Array) -> tuple[Floats, Floats]:
    """Return what the judges see along lines: see `Lines`."""
    if why_no_judges(study):
        return np.empty((0, len(images))), np.empty((0, len(images)))
    pixels = (images * 255).round().reshape(-1, *images.shape[2:])
    seen = Sight.of(find_judges(study), pixels)
    changed = np.diff(seen.classes.reshape(-1, *images.shape[:2]), axis=2) != 0
    unsure = ~seen.surer_than(SURE).reshape(-1, *images.shape[:2])
    return changed.sum(axis=2).astype(np.float64), unsure.mean(axis=2)


def _ratio(values: Floats, units: Floats) -> Floats:
    """Divide; 1 for a line along which nothing changes, since it is straight and even."""
    return np.divide(values, units, out=np.ones_like(values), where=units > 0)


@once_per_study
@kept_for_commands
def unsure_across(study: Study, run: Run) -> Floats:
    """Judge the images between the codes of test images of different classes.

    Returns
    -------
    ndarray
        Share of the images on each line of whose class each judge is not sure, (J, P). The ends of
        a line do not count.

    Raises
    ------
    MissingIngredient
        There is no judge, or all test images are of one class.
    """
    pairs = pairs_across(study)
    with study.sweep.open(run) as results:
        codes, weights = results.array(names.of_split("test", names.MU)), results.weights()
    return _unsure(study, decode(run.config, weights, _between(codes, pairs)))


@once_per_study
def unsure_of_fades(study: Study) -> Floats:
    """Judge cross-fades of the same pairs, pixel by pixel; see `unsure_across`."""
    images = study.sweep.images("test").reshape(study.data.counts["test"], -1)
    fades = _between(images.astype(np.float32) / 255, pairs_across(study))
    return _unsure(study, fades.reshape(*fades.shape[:2], *study.data.image_shape))


def pairs_across(study: Study) -> NDArray[np.intp]:
    """Draw pairs of test images of different classes, no image twice, (P, 2)."""
    labels = study.sweep.labels("test")
    order = np.random.default_rng(0).permutation(len(labels))
    pairs = order[: len(order) // 2 * 2].reshape(-1, 2)
    pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]][:ACROSS_PAIRS]
    if len(pairs) < 2:
        raise MissingIngredient(f"too few test images of different {study.data.plural}")
    return np.asarray(pairs)


def _between(points: Array, pairs: NDArray[np.intp]) -> Array:
    """Return what lies between pairs of points (N, D), without the ends: (P, ACROSS_STEPS, D)."""
    share = np.linspace(0, 1, ACROSS_STEPS + 2, dtype=np.float32)[None, 1:-1, None]
    return np.asarray((1 - share) * points[pairs[:, :1]] + share * points[pairs[:, 1:]])


def _unsure(study: Study, images: Array) -> Floats:
    """Return the share of images (P, S, *image_shape) on each line that judges are unsure of."""
    levels = (images * 255).round().astype(np.uint8).reshape(-1, *images.shape[2:])
    sure = Sight.of(find_judges(study), levels).surer_than(SURE)
    return np.asarray(1 - sure.reshape(len(sure), *images.shape[:2]).mean(axis=-1))
