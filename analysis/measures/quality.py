"""Sets of images measured against test images: whether each shows one class, and as varied ones.

Two fixed feature spaces: the first 50 principal components of the training images, and the last
hidden layer of the classifier (`analysis.measures.classifier`). As many test images as there are
samples of one sampler serve as the real ones, so that sets of one size are compared throughout.
Where there is no classifier, since the images have no labels, the first space remains.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from aevae.files import names
from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats
from analysis.maths.overlap import Overlap, Reference, frechet, overlap, reference
from analysis.measures.classifier import Classifier, find_classifier, why_no_classifier
from analysis.measures.pca import COMPONENTS, fit_pca, intensities
from analysis.measures.study import Study, once_per_study
from analysis.sweep.load import MissingIngredient, Run, SweepResults

SURE = 0.9
PCA_SPACE, CLASSIFIER_SPACE = "pca", "classifier"


@dataclass(frozen=True, eq=False)
class Assessment:
    """What a set of M images was found to be.

    Parameters
    ----------
    sight
        What the classifier sees, or why there is no classifier.
    requested
        Labels that a conditional model was asked for, (M,).
    frechet, overlap
        Distance from the real images and overlap with them, by feature space.
    """

    sight: "Sight | str"
    requested: Array | None
    frechet: Mapping[str, float]
    overlap: Mapping[str, Overlap]

    @property
    def seen(self) -> "Sight":
        """What the classifier sees.

        Raises
        ------
        MissingIngredient
            There is no classifier.
        """
        if isinstance(self.sight, str):
            raise MissingIngredient(self.sight)
        return self.sight

    @property
    def classes(self) -> NDArray[np.intp]:
        """The most probable class of each image, (M,); see `seen`."""
        return self.seen.classes

    @property
    def recognisable(self) -> NDArray[np.bool_]:
        """Which images, (M,), are surely of one class; see `seen`."""
        return np.asarray(self.seen.confidence >= SURE)


@dataclass(frozen=True, eq=False)
class Sight:
    """What the classifier sees in M images: the most probable class and its probability, (M,)."""

    classes: NDArray[np.intp]
    confidence: Floats


@dataclass(frozen=True, eq=False)
class FeatureSpaces:
    """The feature spaces, and the real images in them; `classifier` may be why there is none."""

    classifier: Classifier | str
    pca: PCA
    real: Mapping[str, Reference]

    def features(self, images: Array) -> dict[str, Array]:
        """Map images (M, *image_shape), uint8, to each space, (M, D)."""
        features = {PCA_SPACE: self.pca.transform(intensities(images))[:, :COMPONENTS]}
        if isinstance(self.classifier, Classifier):
            features[CLASSIFIER_SPACE] = self.classifier.features(images)
        return features

    def assess(self, images: Array, requested: Array | None = None) -> Assessment:
        """Measure a set of images (M, *image_shape), uint8; labels (M,) were requested, if any."""
        features = self.features(images)
        return Assessment(
            self._look_at(features),
            requested,
            {space: frechet(self.real[space].points, points) for space, points in features.items()},
            {space: overlap(self.real[space], points) for space, points in features.items()},
        )

    def _look_at(self, features: Mapping[str, Array]) -> Sight | str:
        if isinstance(self.classifier, str):
            return self.classifier
        probabilities = self.classifier.probabilities(features[CLASSIFIER_SPACE])
        return Sight(probabilities.argmax(axis=1), probabilities.max(axis=1))


@once_per_study
def feature_spaces(study: Study) -> FeatureSpaces:
    """Make the feature spaces of a sweep's dataset."""
    classifier = why_no_classifier(study) or find_classifier(study)
    bare = FeatureSpaces(classifier, fit_pca(study), {})
    real = bare.features(_chosen(study.sweep, "test"))
    return replace(bare, real={space: reference(points) for space, points in real.items()})


def set_size(sweep: SweepResults) -> int:
    """Return how many images each set has: those of a sampler, unless there are fewer to compare.

    Distances and overlaps of sets of different sizes could not be compared.
    """
    samples = min(run.evaluation.samples_per_sampler for run in sweep.every)
    return min(samples, sweep.data.counts["train"], sweep.data.counts["test"])


def _chosen(sweep: SweepResults, split: str) -> Array:
    """Choose images of a split at random: the first half of MNIST's test images are clearer."""
    rows = np.random.default_rng(0).permutation(sweep.data.counts[split])
    return sweep.images(split)[rows[: set_size(sweep)]]


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
def assess_samples(study: Study, run: Run, sampler: str) -> Assessment:
    """Measure what a run generated by a sampler, for example ``prior``."""
    return feature_spaces(study).assess(*read_samples(study.sweep, run, sampler))


@once_per_study
def assess_real(study: Study) -> Assessment:
    """Measure training images: an ideal generator would reach the same numbers."""
    return feature_spaces(study).assess(_chosen(study.sweep, "train"))


@once_per_study
def assess_noise(study: Study) -> Assessment:
    """Measure images of uniform noise: no generator should be worse."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (set_size(study.sweep), study.data.values), dtype=np.uint8)
    return feature_spaces(study).assess(noise.reshape(-1, *study.data.image_shape))


def assess(study: Study, images: Array) -> Assessment:
    """Measure any images (M, *image_shape), uint8."""
    return feature_spaces(study).assess(images)


@once_per_study
def accuracy(study: Study) -> float:
    """Share of the test images whose class the classifier sees right."""
    sweep = study.sweep
    return find_classifier(study).accuracy(sweep.images("test"), sweep.labels("test"))


def imbalance(sweep: SweepResults, found: Assessment) -> float:
    """Total-variation distance of the classes found from those of the test images, 0 to 1."""
    shares = [
        np.bincount(labels, minlength=sweep.data.classes) / len(labels)
        for labels in (found.classes, sweep.labels("test"))
    ]
    return float(abs(shares[0] - shares[1]).sum() / 2)
