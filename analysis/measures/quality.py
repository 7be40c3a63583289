"""Sets of images measured against test images: whether each shows one class, and as varied ones.

Two fixed feature spaces: the first 50 principal components of the training images, and the last
hidden layer of the first judge (`analysis.measures.judges`). As many test images as there are
samples of one sampler serve as the real ones, so that sets of one size are compared throughout.
Where there are no judges, since the images have no labels, the first space remains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from aevae.files import names
from aevae.files.hdf5 import Array
from analysis.maths.overlap import Overlap, Reference, frechet, overlap, reference
from analysis.measures.judges.judge import Judge
from analysis.measures.judges.panel import Sight, find_judges, why_no_judges
from analysis.measures.pca import COMPONENTS, fit_pca, intensities
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import MissingIngredient, Run, SweepResults

SURE = 0.9
PCA_SPACE, CLASSIFIER_SPACE = "pca", "classifier"


@dataclass(frozen=True, eq=False)
class Assessment:
    """What a set of M images was found to be.

    Parameters
    ----------
    sight
        What the judges see, or why there are none.
    requested
        Labels that a conditional model was asked for, (M,).
    frechet, overlap
        Distance from the real images and overlap with them, by feature space.
    """

    sight: Sight | str
    requested: Array | None
    frechet: Mapping[str, float]
    overlap: Mapping[str, Overlap]

    @property
    def seen(self) -> Sight:
        """What the judges see.

        Raises
        ------
        MissingIngredient
            There are no judges.
        """
        if isinstance(self.sight, str):
            raise MissingIngredient(self.sight)
        return self.sight

    @property
    def classes(self) -> NDArray[np.uint16]:
        """The most probable class of each image for each judge, (J, M); see `seen`."""
        return self.seen.classes

    @property
    def recognisable(self) -> NDArray[np.bool_]:
        """Which judges are sure of the class of which images, (J, M); see `seen`."""
        return self.seen.surer_than(SURE)


@dataclass(frozen=True, eq=False)
class FeatureSpaces:
    """The feature spaces, and the real images in them; `judges` may be why there are none."""

    judges: Sequence[Judge] | str
    pca: PCA
    real: Mapping[str, Reference]

    def features(self, images: Array) -> dict[str, Array]:
        """Map images (M, *image_shape), uint8, to each space, (M, D)."""
        features = {PCA_SPACE: self.pca.transform(intensities(images))[:, :COMPONENTS]}
        if not isinstance(self.judges, str):
            features[CLASSIFIER_SPACE] = self.judges[0].features(images)
        return features

    def assess(self, images: Array, requested: Array | None = None) -> Assessment:
        """Measure a set of images (M, *image_shape), uint8; labels (M,) were requested, if any."""
        features = self.features(images)
        return Assessment(
            self.judges if isinstance(self.judges, str) else Sight.of(self.judges, images),
            requested,
            {space: frechet(self.real[space].points, points) for space, points in features.items()},
            {space: overlap(self.real[space], points) for space, points in features.items()},
        )


@once_per_study
def feature_spaces(study: Study) -> FeatureSpaces:
    """Make the feature spaces of a sweep's dataset."""
    bare = FeatureSpaces(why_no_judges(study) or find_judges(study), fit_pca(study), {})
    real = bare.features(_held_out(study.sweep)[: set_size(study.sweep)])
    return replace(bare, real={space: reference(points) for space, points in real.items()})


def set_size(sweep: SweepResults) -> int:
    """Return how many images each set has: those of a sampler, unless there are fewer to compare.

    Distances and overlaps of sets of different sizes could not be compared.
    """
    samples = min(run.evaluation.samples_per_sampler for run in sweep.every)
    test, validation = (sweep.data.counts[split] for split in ("test", "val"))
    return min(samples, test, (test + validation) // 2)


def _held_out(sweep: SweepResults) -> Array:
    """Return two sets of images that no judge was trained on: to compare with, and to be compared.

    They are test images in random order, since the first half of MNIST's test images are clearer;
    where these are too few, validation images follow.
    """
    size, rng = set_size(sweep), np.random.default_rng(0)
    test = sweep.images("test")[rng.permutation(sweep.data.counts["test"])[: 2 * size]]
    if len(test) == 2 * size:
        return test
    return np.concatenate([test, sweep.images("val")[: 2 * size - len(test)]])


def read_samples(sweep: SweepResults, run: Run, sampler: str) -> tuple[Array, Array | None]:
    """Read as many samples as are compared, (M, *image_shape), and the labels asked for, (M,).

    They are evenly spaced among all samples, since those of a conditional model are ordered by
    class. Of other models, there are no labels.
    """
    with sweep.open(run) as results:
        images = results.array(names.sample(sampler, names.IMAGE))
        label = names.sample(sampler, names.LABEL)
        labels = results.array(label) if run.kind.conditional else None
    rows = np.linspace(0, len(images) - 1, set_size(sweep)).astype(np.intp)
    return images[rows], None if labels is None else labels[rows]


@once_per_study
@kept_for_commands
def assess_samples(study: Study, run: Run, sampler: str) -> Assessment:
    """Measure what a run generated by a sampler, for example ``prior``."""
    return feature_spaces(study).assess(*read_samples(study.sweep, run, sampler))


@once_per_study
def assess_real(study: Study) -> Assessment:
    """Measure other held-out images: an ideal generator would reach the same numbers."""
    return feature_spaces(study).assess(_held_out(study.sweep)[set_size(study.sweep) :])


@once_per_study
def assess_noise(study: Study) -> Assessment:
    """Measure images of uniform noise: no generator should be worse."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (set_size(study.sweep), study.data.values), dtype=np.uint8)
    return feature_spaces(study).assess(noise.reshape(-1, *study.data.image_shape))


def assess(study: Study, images: Array) -> Assessment:
    """Measure any images (M, *image_shape), uint8."""
    return feature_spaces(study).assess(images)


def imbalance(sweep: SweepResults, classes: Array) -> float:
    """Total-variation distance of classes found, (N,), from those of the test images, 0 to 1."""
    shares = [
        np.bincount(labels, minlength=sweep.data.classes) / len(labels)
        for labels in (classes, sweep.labels("test"))
    ]
    return float(abs(shares[0] - shares[1]).sum() / 2)
