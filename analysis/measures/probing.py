"""How well the class can be read from points: latents, principal components or pixels.

Points are centred and divided by one number. Dividing each dimension by its spread would turn the
noise of an unused latent into a dimension as wide as any other.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats, Labels
from analysis.measures.judges.panel import require_classes
from analysis.measures.latents import MEAN, SAMPLE, At, read_latents, read_posteriors
from analysis.measures.pca import fit_pca, intensities
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import Run, SweepResults

CODE = "code"  # name of the points of an AE
KNN, LOGISTIC = "kNN", "logistic regression"
PROBES = (KNN, LOGISTIC)
POSTERIORS = "posteriors"
CHUNK = 60  # test images compared with all training images at once: 13 MB, which a cache holds
LABELS_PER_CLASS = (10, 100)  # on average; and all that there are
DRAWS = 5  # of so few labels
TEST_IMAGES = 2000  # enough for a standard error below 1.2 points
NEIGHBOURS = 5
ITERATIONS = 50


@dataclass(frozen=True)
class Space:
    """Where a class is read: the latents of a run, as many principal components, or pixels.

    Parameters
    ----------
    run, components
        The run or the number of components; with neither, pixels.
    at
        Whether the latents are samples of the posteriors, which is what the decoder sees, or their
        means. The code of an AE is both.
    """

    run: Run | None = None
    components: int | None = None
    at: At = SAMPLE

    @property
    def name(self) -> str:
        """What the points are: ``z``, ``mean``, ``code``, ``components`` or ``pixels``."""
        if self.run is None:
            return "components" if self.components else "pixels"
        return CODE if not self.run.kind.variational else MEAN if self.at == MEAN else "z"

    def points(self, study: Study, split: str) -> Array:
        """Read the points of a split, (N, D).

        Raises
        ------
        MissingIngredient
            The results lack the variances that samples need; see `read_latents`.
        """
        if self.run is not None:
            with study.sweep.open(self.run) as results:
                return read_latents(results, split, self.at)
        images = intensities(study.sweep.images(split))
        return fit_pca(study).transform(images)[:, : self.components] if self.components else images


@once_per_study
@kept_for_commands
def hits(study: Study, space: Space) -> Mapping[tuple[str, int | None], Floats]:
    """Tell how often each probe reads the class of each test image right.

    The probes are ``kNN`` (5 neighbours) and ``logistic regression`` (L2 penalty of scikit-learn's
    default strength, at most 50 iterations of L-BFGS); and for samples of a variational run, with
    all labels, ``posteriors``: the class whose training images give z the highest probability,
    each by its posterior. Unlike kNN, it loses nothing to dimensions that hold only noise.

    Returns
    -------
    Mapping
        By probe and number of training images with labels, as in `label_counts`: shape (T,), from
        0 to 1. For a number, the mean over 5 draws of so many images; for None, all of them, once.

    Raises
    ------
    MissingIngredient
        The images have no labels, the training images are all of one class, or the results lack
        the latents.
    """
    labels = study.sweep.labels("train")
    require_classes(study, labels)
    train, test = _scaled_points(study, space)
    truth = study.sweep.labels("test")[test_rows(study.sweep)]
    found = {}
    # More threads would add the same numbers in another order, with another result.
    with threadpool_limits(1), warnings.catch_warnings():
        # Logistic regression may stop before it converges; its accuracy by then is reported.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # scikit-learn wonders whether labels with few images each are classes at all.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        for probe in PROBES:
            for count in label_counts(study.sweep):
                guesses = [_probe(probe, labels[rows]).fit(train[rows], labels[rows]).predict(test)
                           for rows in _draws(len(labels), count)]  # fmt: skip
                right = [guess == truth for guess in guesses]
                found[probe, count] = np.asarray(np.mean(right, axis=0))
        if space.run is not None and space.run.kind.variational and space.at == SAMPLE:
            read = _read_by_posteriors(study, space.run, labels)
            found[POSTERIORS, None] = (read == truth).astype(np.float64)
    return found


def _read_by_posteriors(study: Study, run: Run, labels: Labels) -> Labels:
    """Tell which class the posteriors of the training images give each z that is probed, (T,)."""
    with study.sweep.open(run) as results:
        mu, logvar = read_posteriors(results, "train")
        z = read_latents(results, "test", SAMPLE)[test_rows(study.sweep)]
    classes = np.eye(labels.max() + 1, dtype=np.float32)[labels]
    # Up to a constant, log q(z|x) is the product of (z, z^2, 1) and a column for each posterior.
    precision = np.exp(-logvar)
    scaled = mu * precision
    offset = -0.5 * (mu * scaled + logvar).sum(axis=1, keepdims=True)
    columns = np.hstack([scaled, -0.5 * precision, offset]).T
    read = []
    for some in np.array_split(z, max(1, len(z) // CHUNK)):
        weights = np.hstack([some, np.square(some), np.ones_like(some[:, :1])]) @ columns
        weights -= weights.max(axis=1, keepdims=True)
        np.exp(weights, out=weights)  # in place: to allocate new arrays took most of the time
        read.append((weights @ classes).argmax(axis=1))
    return np.concatenate(read)


def label_counts(sweep: SweepResults) -> list[int | None]:
    """List how many training images with labels the probes are given; None for all of them."""
    few = (count * sweep.data.classes for count in LABELS_PER_CLASS)
    return [*(count for count in few if count < sweep.data.counts["train"]), None]


def test_rows(sweep: SweepResults) -> NDArray[np.intp]:
    """Choose the test images that are probed, (T,)."""
    return np.random.default_rng(0).permutation(sweep.data.counts["test"])[:TEST_IMAGES]


def chance(sweep: SweepResults) -> float:
    """Accuracy of always guessing the most frequent class among the test images that are probed."""
    labels = sweep.labels("test")[test_rows(sweep)]
    return float(np.bincount(labels).max() / len(labels))


def _draws(total: int, count: int | None) -> list[NDArray[np.intp]]:
    """Draw rows of the training images: `count` of them several times, or all once."""
    if count is None:
        return [np.arange(total)]
    return [np.random.default_rng(draw).permutation(total)[:count] for draw in range(DRAWS)]


def _scaled_points(study: Study, space: Space) -> tuple[Array, Array]:
    """Return the training points and those of the test images that are probed."""
    train = space.points(study, "train").astype(np.float32)
    test = space.points(study, "test")[test_rows(study.sweep)].astype(np.float32)
    centre = train.mean(axis=0)
    spread = float(np.sqrt(train.var(axis=0).mean())) or 1.0
    return (train - centre) / spread, (test - centre) / spread


def _probe(name: str, labels: Labels) -> Any:  # noqa: ANN401 - scikit-learn carries no types
    if name == KNN:
        return KNeighborsClassifier(min(NEIGHBOURS, len(labels)))
    if len(np.unique(labels)) == 1:  # a draw may miss the rare classes
        return DummyClassifier()
    return LogisticRegression(max_iter=ITERATIONS)
