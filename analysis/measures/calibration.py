"""What the judges say of images and whether it is so, as far as the truth is known.

Of real images it is known. Of the samples of a conditional model the class that it was asked for is
the best truth there is, although the model may have drawn another. Of other samples nothing is
known: the judges can only be compared with each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aevae.files import names
from analysis.maths.metrics import Floats
from analysis.measures import quality
from analysis.measures.judges.panel import sight_of_test_images
from analysis.measures.quality import Assessment
from analysis.measures.study import Study
from analysis.sweep.load import Run

Truth = Literal["label", "class asked for", "other judges"]


@dataclass(frozen=True, eq=False)
class Answers:
    """What J judges said of M images: probability of the class seen, and whether it was right.

    Parameters
    ----------
    truth
        What decides whether it was.
    said, right
        Shape (J, M) each, from 0 to 1; by the other judges, `right` is the share that agree.
    """

    truth: Truth
    said: NDArray[np.float32]
    right: Floats


def on_test_images(study: Study) -> Answers:
    """Return the answers on the test images.

    Raises
    ------
    MissingIngredient
        There are no judges.
    """
    labels, seen = study.sweep.labels("test"), sight_of_test_images(study)
    return Answers("label", seen.confidence, (seen.classes == labels).astype(np.float64))


def on_samples(study: Study, runs: Sequence[Run]) -> Answers:
    """Return the answers on samples from N(0, I) of runs of one kind; see `on_test_images`."""
    found = [quality.assess_samples(study, run, names.PRIOR) for run in runs]
    truth: Truth = "class asked for" if runs[0].kind.conditional else "other judges"
    said = np.concatenate([each.seen.confidence for each in found], axis=1)
    return Answers(truth, said, np.concatenate([*map(_right, found)], axis=1))


def _right(found: Assessment) -> Floats:
    if found.requested is not None:
        return np.asarray(found.classes == found.requested, dtype=np.float64)
    return agreement(found.classes)


def agreement(classes: NDArray[np.integer]) -> Floats:
    """Return which share of the other judges sees the class (J, M) that each sees, (J, M)."""
    alike = (classes[:, None] == classes[None]).sum(axis=1)
    return np.asarray((alike - 1) / (len(classes) - 1))
