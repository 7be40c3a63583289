"""A small classifier of images, trained on the training images of a sweep.

It says of which class an image is and how sure it is, and its last hidden layer is a space in
which images that look alike are near each other. A classifier that knows ten digits only takes the
mean of all digits for an 8, and uniform noise for a 3, and is sure of both. So this one has a
further class, none, and is trained with blends of images of several classes and with blots as
examples of it. Blends and blots are soft and pale; images are blurred and made pale too, so that
softness does not tell the classes apart. The classifier is trained once, by a fixed recipe on one
thread, and kept in the folder for embeddings as plain arrays.
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
from analysis.maths.metrics import Floats, Labels
from analysis.measures.pca import intensities
from analysis.measures.study import Study, once_per_study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.load import MissingIngredient

HIDDEN = (128, 50)
SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": HIDDEN,
    "batch_size": 200,
    "random_state": 0,
}
EPOCHS, LEAST_STEPS = 6, 400  # a small dataset is seen in more epochs, to make so many steps
BLENDED = (2, 3, 4, 5, 6, 7, 8)  # images in a blend
BLURS = (0.0, 0.5, 1.0, 1.5)  # standard deviations in pixels
NEVER = -1e30  # the bias of a class without training images: its probability is 0
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
LEAST_IMAGES = 4 * len(BLENDED)  # fewer give no blend of every size


@dataclass(frozen=True, eq=False)
class Classifier:
    """The trained network: ReLU layers and a softmax; `layers` are pairs of weight and bias.

    The last layer has an output for each of the C classes, in their order, and one for none.
    """

    layers: Sequence[tuple[Array, Array]]

    def features(self, images: Array) -> NDArray[np.float32]:
        """Return the last hidden layer (N, 50) of images (N, *image_shape), uint8."""
        hidden = intensities(images)
        for weight, bias in self.layers[:-1]:
            hidden = np.maximum(hidden @ weight + bias, 0)
        return hidden

    def probabilities(self, features: Array) -> Floats:
        """Return the probability of each class, (N, C), from the features of images.

        The rest, to a sum of 1, is the probability that an image is of none. That of a class
        without training images is 0.
        """
        weight, bias = self.layers[-1]
        classes = softmax((features @ weight + bias).astype(np.float64), axis=1)
        return np.asarray(classes[:, :-1])

    def accuracy(self, images: Array, labels: Labels) -> float:
        """Share of images whose most probable class is the true one."""
        guesses = self.probabilities(self.features(images)).argmax(axis=1)
        return float((guesses == labels).mean())


@once_per_study
def find_classifier(study: Study) -> Classifier:
    """Read the classifier of a sweep's dataset, or train and keep one.

    Raises
    ------
    MissingIngredient
        The images have no labels, the training images are all of one class, or they are too few.
    """
    sweep = study.sweep
    labels = sweep.labels("train")
    require_classes(study, labels)
    if len(labels) < LEAST_IMAGES:
        raise MissingIngredient(f"fewer than {LEAST_IMAGES} training images for the classifier")
    path = study.embeddings / "classifier.h5" if study.embeddings else None
    if path is not None and path.exists():
        try:
            return _read(path, sweep.data)
        except InvalidFile:
            pass  # The file is damaged, or of other images or another recipe: it is replaced below.
    classifier = train_classifier(sweep.images("train"), labels, sweep.data.classes)
    if path is not None:
        _write(path, classifier, sweep.data)
    return classifier


@once_per_study
def why_no_classifier(study: Study) -> str:
    """Say why there is no classifier; nothing if there is one."""
    try:
        find_classifier(study)
    except MissingIngredient as error:
        return str(error)
    return ""


def require_classes(study: Study, labels: Labels) -> None:
    """Make sure that images are not all of one class, which leaves nothing to tell apart.

    Raises
    ------
    MissingIngredient
        They are.
    """
    if len(np.unique(labels)) < 2:
        raise MissingIngredient(f"all training images are of one {study.data.noun}")


def train_classifier(images: Array, labels: Labels, classes: int) -> Classifier:
    """Train the classifier on images (N, *image_shape), uint8, and their labels (N,)."""
    rows, targets = augment(intensities(images), labels, classes, images.shape[1:])
    batch = min(SETTINGS["batch_size"], len(rows))
    epochs = max(EPOCHS, LEAST_STEPS * batch // len(rows))
    # More threads would add the same numbers in another order, with another result.
    with threadpool_limits(1), warnings.catch_warnings():
        # The recipe fixes the number of epochs, whether or not training has converged by then.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # scikit-learn wonders whether labels with few images each are classes at all.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        network = MLPClassifier(**SETTINGS | {"batch_size": batch}, max_iter=epochs)
        network.fit(rows, targets)
    layers = [*zip(network.coefs_, network.intercepts_, strict=True)]
    return Classifier([*layers[:-1], _with_all_classes(*layers[-1], network.classes_, classes)])


def _with_all_classes(
    weight: Array, bias: Array, trained: Labels, classes: int
) -> tuple[Array, Array]:
    """Give the last layer an output for the classes without training images: it is always 0."""
    all_weights = np.zeros((len(weight), classes + 1), dtype=weight.dtype)
    all_biases = np.full(classes + 1, NEVER, dtype=bias.dtype)
    all_weights[:, trained], all_biases[trained] = weight, bias
    return all_weights, all_biases


def augment(
    rows: Array, labels: Labels, classes: int, image_shape: tuple[int, ...]
) -> tuple[Array, Labels]:
    """Make the training set from images (N, V) in [0, 1] and their labels (N,).

    Half of the images are made blurred and paler. Blends of images of different classes and blots
    (blurred images whose values were shuffled) are added with the label of none, `classes`, and
    are varied in the same way. In colour, every channel is blurred by itself.
    """
    rng = np.random.default_rng(0)
    order = rng.permutation(len(rows))
    half, eighth = len(rows) // 2, len(rows) // 8
    known = rows.copy()
    known[order[:half]] = _vary(rows[order[:half]], rng, image_shape)
    blots = _blur(rng.permuted(rows[order[:eighth]], axis=1), BLURS[1], image_shape)
    others = _vary(np.concatenate([*_blends(rows, labels, rng), blots]), rng, image_shape)
    targets = np.append(labels.astype(np.intp), np.full(len(others), classes))
    return np.concatenate([known, others]), targets


def _blends(rows: Array, labels: Labels, rng: np.random.Generator) -> list[Array]:
    """Average several images, not all of one class: a quarter as many blends as images."""
    blends = []
    for count in BLENDED:
        members = rng.integers(len(rows), size=(len(rows) // (4 * len(BLENDED)), count))
        differ = (labels[members] != labels[members[:, :1]]).any(axis=1)
        blends.append(rows[members[differ]].mean(axis=1))
    return blends


def _vary(rows: Array, rng: np.random.Generator, image_shape: tuple[int, ...]) -> Array:
    """Blur images (N, V), each by one of `BLURS`, and scale their greatest intensity."""
    varied = np.empty_like(rows)
    kind = rng.integers(len(BLURS), size=len(rows))
    for place, sigma in enumerate(BLURS):
        varied[kind == place] = _blur(rows[kind == place], sigma, image_shape)
    peak = np.maximum(varied.max(axis=1, keepdims=True), 1e-6)
    varied *= rng.uniform(0.5, 1, peak.shape).astype(rows.dtype) / peak
    return varied


def _blur(rows: Array, sigma: float, image_shape: tuple[int, ...]) -> Array:
    images = rows.reshape(-1, *image_shape)
    sigmas = (0, sigma, sigma, 0)[: images.ndim]
    return gaussian_filter(images, sigmas).reshape(rows.shape)


def _schema(data: StoredDataset) -> Schema:
    """Return the layout of the file: it follows from the shape of the images and the classes."""
    fields = []
    for layer, shape in enumerate(pairwise((data.values, *HIDDEN, data.classes + 1))):
        fields += [Field(f"{layer}/weight", shape, "f4"), Field(f"{layer}/bias", shape[1:], "f4")]
    return Schema("aevae-classifier", 1, fields)


def _write(path: Path, classifier: Classifier, data: StoredDataset) -> None:
    arrays: dict[str, Array] = {}
    for layer, (weight, bias) in enumerate(classifier.layers):
        arrays |= {f"{layer}/weight": weight, f"{layer}/bias": bias}
    path.parent.mkdir(parents=True, exist_ok=True)
    made_from = {"dataset_sha256": data.sha256, "recipe": RECIPE}
    write_file(path, _schema(data), arrays, made_from)


def _read(path: Path, data: StoredDataset) -> Classifier:
    header = examine_as(path, _schema(data))
    made_from = header.attribute("dataset_sha256"), header.attribute("recipe")
    if made_from != (data.sha256, RECIPE):
        raise InvalidFile(f"{path}: made from other images, or by another recipe")
    with open_checked(path, header) as file:
        return Classifier(
            [(file.array(f"{n}/weight"), file.array(f"{n}/bias")) for n in range(len(HIDDEN) + 1)]
        )
