"""How near images come to the nearest training image: a generator must not repeat these images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats
from analysis.maths.neighbours import nearest
from analysis.measures.quality import read_samples
from analysis.measures.study import Study, once_per_study
from analysis.sweep.load import Run, SweepResults

SAMPLES, TEST_IMAGES = 500, 2000
# The sampler that suits each model: an AE was never trained to decode N(0, I).
BEST_SAMPLERS = {"ae": "gmm", "vae": "prior", "cvae": "prior"}


@dataclass(frozen=True, eq=False)
class Pairs:
    """The training image nearest to each of M images.

    `rows` of the training images and `digits`, theirs, have shape (M,), as has `sse`, the squared
    distance.
    """

    rows: NDArray[np.intp]
    digits: Array
    sse: Floats


def samples(sweep: SweepResults, run: Run) -> Array:
    """Read the samples of a run that are compared with training images, (M, 28, 28), uint8."""
    images, _ = read_samples(sweep, run, BEST_SAMPLERS[run.model])
    # The samples of a CVAE are ordered by digit, so the first ones would show only some digits.
    chosen = np.random.default_rng(0).permutation(len(images))[:SAMPLES]
    return images[np.sort(chosen)]


def test_images(sweep: SweepResults) -> Array:
    """Read the test images that are compared with training images, (M, 28, 28), uint8."""
    chosen = np.random.default_rng(0).permutation(sweep.data.counts["test"])[:TEST_IMAGES]
    return sweep.images("test")[np.sort(chosen)]


@once_per_study
def sample_pairs(study: Study, run: Run) -> Pairs:
    """Find the training images nearest to samples of a run."""
    return _pairs(study.sweep, samples(study.sweep, run))


@once_per_study
def test_pairs(study: Study) -> Pairs:
    """Find the training images nearest to test images: new digits that people wrote."""
    return _pairs(study.sweep, test_images(study.sweep))


def _pairs(sweep: SweepResults, images: Array) -> Pairs:
    rows, sse = nearest(images, sweep.images("train"))
    return Pairs(rows, sweep.labels("train")[rows], sse)


def relative_distance(study: Study, pairs: Pairs) -> Floats:
    """Distance of each image to the nearest training image, relative to that of test images, (M,).

    Distances are roots of the SSE. They are divided by the median distance of those test images
    whose nearest training image shows the same digit: 1 is as far as new digits are, 0 is a copy.
    The result is NaN for a digit that is nearest to no test image.
    """
    real = test_pairs(study)
    typical = {digit: np.sqrt(np.median(real.sse[real.digits == digit]))
               for digit in np.unique(real.digits)}  # fmt: skip
    scale = np.array([typical.get(digit, np.nan) for digit in pairs.digits])
    return np.asarray(np.sqrt(pairs.sse) / scale)
