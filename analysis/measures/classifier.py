"""A small classifier of digits, trained on the training images of a sweep.

It says which digit an image shows and how sure it is, and its last hidden layer is a space in
which images that look alike are near each other. A classifier that knows digits only takes the mean
of all digits for an 8, and uniform noise for a 3, and is sure of both. So this one has a further
class, no digit, and is trained with blends of several digits and with blots as examples of it.
Blends and blots are soft and pale; digits are blurred and made pale too, so that softness does not
tell the classes apart. The classifier is trained once, by a fixed recipe on one thread, and kept in
the folder for embeddings as plain arrays.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from aevae.files.hdf5 import Array, Field, InvalidFile, Schema, open_checked, write_file
from aevae.files.sandbox import examine_as
from analysis.maths.metrics import DIGITS, PIXELS, Floats, Labels
from analysis.measures.pca import intensities
from analysis.measures.study import Study, once_per_study
from analysis.sweep.load import MissingIngredient

IMAGE = (28, 28)
HIDDEN = (128, 50)
SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": HIDDEN,
    "batch_size": 200,
    "random_state": 0,
}
EPOCHS, LEAST_STEPS = 6, 400  # a small dataset is seen in more epochs, to make so many steps
BLENDED = (2, 3, 4, 5, 6, 7, 8)  # images in a blend
BLURS = (0.0, 0.5, 1.0, 1.5)  # standard deviations in pixels
AUGMENTATION_VERSION = 1  # raised whenever `augment` is changed so that it returns other images
RECIPE = json.dumps(
    {
        "scikit-learn": version("scikit-learn"),
        "augmentation": AUGMENTATION_VERSION,
        "epochs": EPOCHS,
        "least_steps": LEAST_STEPS,
        **SETTINGS,
    },
    sort_keys=True,
)
NO_DIGIT = DIGITS  # the class of what is no digit
SIZES = (PIXELS, *HIDDEN, DIGITS + 1)
LAYERS = [*pairwise(SIZES)]
FIELDS = [
    *(Field(f"{layer}/weight", shape, "f4") for layer, shape in enumerate(LAYERS)),
    *(Field(f"{layer}/bias", shape[1:], "f4") for layer, shape in enumerate(LAYERS)),
]
SCHEMA = Schema("aevae-classifier", 1, FIELDS)


@dataclass(frozen=True, eq=False)
class Classifier:
    """The trained network: ReLU layers and a softmax; `layers` are pairs of weight and bias."""

    layers: Sequence[tuple[Array, Array]]

    def features(self, images: Array) -> NDArray[np.float32]:
        """Return the last hidden layer (N, 50) of images (N, 28, 28), uint8."""
        hidden = intensities(images)
        for weight, bias in self.layers[:-1]:
            hidden = np.maximum(hidden @ weight + bias, 0)
        return hidden

    def probabilities(self, features: Array) -> Floats:
        """Return the probability of each digit, (N, 10), from the features of images.

        The rest, to a sum of 1, is the probability that an image shows no digit.
        """
        weight, bias = self.layers[-1]
        classes = softmax((features @ weight + bias).astype(np.float64), axis=1)
        return np.asarray(classes[:, :NO_DIGIT])

    def accuracy(self, images: Array, labels: Labels) -> float:
        """Share of images whose most probable digit is the true one."""
        guesses = self.probabilities(self.features(images)).argmax(axis=1)
        return float((guesses == labels).mean())


@once_per_study
def find_classifier(study: Study) -> Classifier:
    """Read the classifier of a sweep's dataset, or train and keep one.

    Raises
    ------
    MissingIngredient
        There is a digit that no training image shows.
    """
    sweep = study.sweep
    path = study.embeddings / "classifier.h5" if study.embeddings else None
    if path is not None and path.exists():
        try:
            return _read(path, sweep.data.sha256)
        except InvalidFile:
            pass  # The file is damaged, or of other images or another recipe: it is replaced below.
    classifier = train_classifier(sweep.images("train"), sweep.labels("train"))
    if path is not None:
        _write(path, classifier, sweep.data.sha256)
    return classifier


def train_classifier(images: Array, labels: Labels) -> Classifier:
    """Train the classifier on images (N, 28, 28), uint8, and their digits (N,)."""
    if len(np.unique(labels)) < DIGITS:
        raise MissingIngredient("some digit has no training image for the classifier to learn from")
    rows, classes = augment(intensities(images), labels)
    batch = min(SETTINGS["batch_size"], len(rows))
    epochs = max(EPOCHS, LEAST_STEPS * batch // len(rows))
    # More threads would add the same numbers in another order, with another result.
    with threadpool_limits(1), warnings.catch_warnings():
        # The recipe fixes the number of epochs, whether or not training has converged by then.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network = MLPClassifier(**SETTINGS | {"batch_size": batch}, max_iter=epochs)
        network.fit(rows, classes)
    return Classifier([*zip(network.coefs_, network.intercepts_, strict=True)])


def augment(rows: Array, labels: Labels) -> tuple[Array, Labels]:
    """Make the training set from images (N, 784) in [0, 1] and their digits (N,).

    Half of the images are made blurred and paler. Blends of different digits and blots (blurred
    images whose pixels were shuffled) are added with the label of no digit, and are varied in the
    same way.
    """
    rng = np.random.default_rng(0)
    order = rng.permutation(len(rows))
    half, eighth = len(rows) // 2, len(rows) // 8
    digits = rows.copy()
    digits[order[:half]] = _vary(rows[order[:half]], rng)
    blots = _blur(rng.permuted(rows[order[:eighth]], axis=1), BLURS[1])
    others = _vary(np.concatenate([*_blends(rows, labels, rng), blots]), rng)
    return np.concatenate([digits, others]), np.append(labels, np.full(len(others), NO_DIGIT))


def _blends(rows: Array, labels: Labels, rng: np.random.Generator) -> list[Array]:
    """Average several images, not all of one digit: a quarter as many blends as images."""
    blends = []
    for count in BLENDED:
        members = rng.integers(len(rows), size=(len(rows) // (4 * len(BLENDED)), count))
        differ = (labels[members] != labels[members[:, :1]]).any(axis=1)
        blends.append(rows[members[differ]].mean(axis=1))
    return blends


def _vary(rows: Array, rng: np.random.Generator) -> Array:
    """Blur images (N, 784), each by one of `BLURS`, and scale their greatest intensity."""
    varied = np.empty_like(rows)
    kind = rng.integers(len(BLURS), size=len(rows))
    for place, sigma in enumerate(BLURS):
        varied[kind == place] = _blur(rows[kind == place], sigma)
    peak = np.maximum(varied.max(axis=1, keepdims=True), 1e-6)
    varied *= rng.uniform(0.5, 1, peak.shape).astype(rows.dtype) / peak
    return varied


def _blur(rows: Array, sigma: float) -> Array:
    images = rows.reshape(-1, *IMAGE)
    return gaussian_filter(images, (0, sigma, sigma)).reshape(rows.shape)


def _write(path: Path, classifier: Classifier, dataset_sha256: str) -> None:
    arrays: dict[str, Array] = {}
    for layer, (weight, bias) in enumerate(classifier.layers):
        arrays |= {f"{layer}/weight": weight, f"{layer}/bias": bias}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, SCHEMA, arrays, {"dataset_sha256": dataset_sha256, "recipe": RECIPE})


def _read(path: Path, dataset_sha256: str) -> Classifier:
    header = examine_as(path, SCHEMA)
    made_from = header.attribute("dataset_sha256"), header.attribute("recipe")
    if made_from != (dataset_sha256, RECIPE):
        raise InvalidFile(f"{path}: made from other images, or by another recipe")
    with open_checked(path, header) as file:
        return Classifier(
            [(file.array(f"{n}/weight"), file.array(f"{n}/bias")) for n in range(len(LAYERS))]
        )
