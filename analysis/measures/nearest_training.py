"""How near images come to the nearest training image: a generator must not repeat these images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aevae.files.hdf5 import Array
from aevae.kinds import KINDS
from analysis.maths.decoder import decode
from analysis.maths.metrics import Floats
from analysis.maths.neighbours import nearest
from analysis.measures.latents import SAMPLE, read_latents
from analysis.measures.quality import read_samples
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import Run, SweepResults

SAMPLES, TEST_IMAGES = 500, 2000
RECONSTRUCTED = 2000  # images of a split
# The sampler that suits each model: an AE was never trained to decode N(0, I).
BEST_SAMPLERS = {name: "prior" if kind.variational else "mixture" for name, kind in KINDS.items()}


@dataclass(frozen=True, eq=False)
class Pairs:
    """The training image nearest to each of M images.

    `rows` of the training images and `labels`, theirs, have shape (M,), as has `sse`, the squared
    distance. Images without labels count as one class. `searched` is the number of training images
    that were searched: the first of the training split.
    """

    rows: NDArray[np.intp]
    labels: Array
    sse: Floats
    searched: int


def samples(sweep: SweepResults, run: Run) -> Array:
    """Read the samples of a run that are compared with training images, (M, *image_shape)."""
    images, _ = read_samples(sweep, run, BEST_SAMPLERS[run.model])
    # The samples of a CVAE are ordered by class, so the first ones would show only some classes.
    chosen = np.random.default_rng(0).permutation(len(images))[:SAMPLES]
    return images[np.sort(chosen)]


def test_images(sweep: SweepResults) -> Array:
    """Read the test images that are compared with training images, (M, *image_shape)."""
    chosen = np.random.default_rng(0).permutation(sweep.data.counts["test"])[:TEST_IMAGES]
    return sweep.images("test")[np.sort(chosen)]


@once_per_study
@kept_for_commands
def sample_pairs(study: Study, run: Run) -> Pairs:
    """Find the training images nearest to samples of a run, of those that it was trained on."""
    return _pairs(study.sweep, samples(study.sweep, run), run.trained_images)


@once_per_study
@kept_for_commands
def test_pairs(study: Study, searched: int) -> Pairs:
    """Find the training images, of the first `searched`, nearest to test images: new and real."""
    return _pairs(study.sweep, test_images(study.sweep), searched)


@once_per_study
@kept_for_commands
def reconstruction_pairs(study: Study, run: Run, split: str) -> Pairs:
    """Find the training images nearest to reconstructions of images of a split.

    Images are reconstructed from one sampled z, as generated images are decoded from a random z and
    not from the mean of a posterior. The run was trained on all training images that are
    reconstructed and searched.

    Raises
    ------
    MissingIngredient
        The file has no variances of the posteriors of the split.
    """
    count = run.trained_images if split == "train" else study.data.counts[split]
    rows = np.sort(np.random.default_rng(0).permutation(count)[:RECONSTRUCTED])
    with study.sweep.open(run) as results:
        z, weights = read_latents(results, split, SAMPLE)[rows], results.weights()
    images = (decode(run.config, weights, z) * 255).round().astype(np.uint8)
    return _pairs(study.sweep, images, run.trained_images)


def _pairs(sweep: SweepResults, images: Array, searched: int) -> Pairs:
    rows, sse = nearest(images, sweep.images("train")[:searched])
    labels = sweep.labels("train")[rows] if sweep.data.classes else np.zeros_like(rows)
    return Pairs(rows, labels, sse, searched)


def relative_distance(study: Study, pairs: Pairs) -> Floats:
    """Distance of each image to the nearest training image, relative to that of test images, (M,).

    Distances are roots of the SSE. They are divided by the median distance of those test images
    whose nearest training image is of the same class: 1 is as far as new images are, 0 is a copy.
    The result is NaN for a class that is nearest to no test image, or whose test images mostly are
    copies of training images themselves.
    """
    real = test_pairs(study, pairs.searched)
    typical = {label: np.sqrt(np.median(real.sse[real.labels == label]))
               for label in np.unique(real.labels)}  # fmt: skip
    scale = np.array([typical.get(label, np.nan) for label in pairs.labels])
    relative = np.full(len(scale), np.nan)
    np.divide(np.sqrt(pairs.sse), scale, out=relative, where=scale > 0)
    return relative
