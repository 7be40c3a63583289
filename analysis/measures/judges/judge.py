"""One judge: a small network that says of which class an image is, and how sure it is.

Judges are of two kinds. A ``plain`` one sees each training image as it is, over and over; a
``strong`` one is wider and sees it moved a little in every epoch, which makes it right more often
(the numbers stand in docs/methods.md). Two judges of one kind differ in their random state, hence
in their first weights, in the order of the images and in the blends and blots among them.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats, Labels
from analysis.measures.judges.training_set import AUGMENTATION_VERSION, augment, moved
from analysis.measures.pca import intensities

LEAST_STEPS = 400  # a small dataset is seen in more epochs, to make so many steps
NEVER = -1e30  # the bias of a class without training images: its probability is 0


@dataclass(frozen=True)
class Kind:
    """How the judges of one kind are trained.

    Parameters
    ----------
    name
        Of the kind.
    hidden
        Widths of the hidden layers.
    batches
        Images in a batch, for each epoch. Larger ones at the end replace a falling learning rate
        (Smith et al. 2018), which scikit-learn has not for Adam.
    learning_rate
        Of Adam.
    moves
        Whether the images are moved anew for each epoch.
    """

    name: str
    hidden: tuple[int, ...]
    batches: tuple[int, ...]
    learning_rate: float
    moves: bool


PLAIN = Kind("plain", (128, 50), (200,) * 6, 0.001, moves=False)
STRONG = Kind("strong", (300, 100), (200,) * 4 + (400, 800, 1600), 0.002, moves=True)


@dataclass(frozen=True)
class Recipe:
    """A kind of judge and the random state of one of that kind."""

    kind: Kind
    random_state: int

    @property
    def name(self) -> str:
        """Name of the judge: its kind and random state."""
        return f"{self.kind.name}-{self.random_state}"

    @property
    def text(self) -> str:
        """Everything that decides what is trained on given images; it stands in the file."""
        facts = {"scikit-learn": version("scikit-learn"), "augmentation": AUGMENTATION_VERSION}
        return json.dumps({**facts, "least_steps": LEAST_STEPS, **asdict(self)}, sort_keys=True)


@dataclass(frozen=True, eq=False)
class Judge:
    """The trained network: ReLU layers and a softmax; `layers` are pairs of weight and bias.

    The last layer has an output for each of the C classes, in their order, and one for none.
    """

    recipe: Recipe
    layers: Sequence[tuple[Array, Array]]

    def features(self, images: Array) -> NDArray[np.float32]:
        """Return the last hidden layer (N, F) of images (N, *image_shape), uint8."""
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

    def look_at(self, images: Array) -> Floats:
        """Return the probability of each class, (N, C), from images (N, *image_shape), uint8."""
        return self.probabilities(self.features(images))


def train_judge(recipe: Recipe, images: Array, labels: Labels, classes: int) -> Judge:
    """Train a judge on images (N, *image_shape), uint8, and their labels (N,)."""
    kind, rng = recipe.kind, np.random.default_rng(recipe.random_state)
    rows, targets = augment(intensities(images), labels, classes, images.shape[1:], rng)
    known = np.unique(targets)
    network = MLPClassifier(
        kind.hidden, learning_rate_init=kind.learning_rate, random_state=recipe.random_state
    )
    # More threads would add the same numbers in another order, with another result.
    with threadpool_limits(1), warnings.catch_warnings():
        # scikit-learn wonders whether labels with few images each are classes at all.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        for batch in kind.batches:
            network.set_params(batch_size=min(batch, len(rows)))
            for _ in range(_repeats(kind, len(rows))):
                shown = moved(rows, images.shape[1:], rng) if kind.moves else rows
                network.partial_fit(shown, targets, classes=known)
    layers = [*zip(network.coefs_, network.intercepts_, strict=True)]
    return Judge(recipe, [*layers[:-1], _with_all_classes(*layers[-1], known, classes)])


def _repeats(kind: Kind, rows: int) -> int:
    """Return how often each epoch is repeated, so that a small dataset gives enough steps."""
    steps = sum(max(rows // batch, 1) for batch in kind.batches)
    return max(1, LEAST_STEPS // steps)


def _with_all_classes(
    weight: Array, bias: Array, trained: Labels, classes: int
) -> tuple[Array, Array]:
    """Give the last layer an output for the classes without training images: it is always 0."""
    all_weights = np.zeros((len(weight), classes + 1), dtype=weight.dtype)
    all_biases = np.full(classes + 1, NEVER, dtype=bias.dtype)
    all_weights[:, trained], all_biases[trained] = weight, bias
    return all_weights, all_biases
