"""How well the digit can be read from points: latents, principal components or pixels.

Points are centred and divided by one number. Dividing each dimension by its spread would turn the
noise of an unused latent into a dimension as wide as any other.
"""

import warnings
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats
from analysis.measures.pca import fit_pca, intensities
from analysis.sweep.load import Run, Sweep

KNN, LOGISTIC = "kNN", "logistic regression"
LABEL_COUNTS = (100, 1000)  # and all that there are
DRAWS = 5  # of so few labels
TEST_IMAGES = 2000  # enough for a standard error below 1.2 points
NEIGHBOURS = 5
ITERATIONS = 50


@dataclass(frozen=True)
class Space:
    """Where a digit is read: the latents of a run, as many principal components, or pixels."""

    run: Run | None = None
    components: int | None = None

    @property
    def name(self) -> str:
        """Kind of space: ``z``, ``pca`` or ``pixels``."""
        return "z" if self.run else "pca" if self.components else "pixels"

    def points(self, sweep: Sweep, split: str) -> Array:
        """Read the points of a split, (N, D)."""
        if self.run is not None:
            with sweep.open(self.run) as results:
                return results.array(f"{split}/mu")
        images = intensities(sweep.images(split))
        return fit_pca(sweep).transform(images)[:, : self.components] if self.components else images


@cache
def hits(sweep: Sweep, space: Space, probe: str, label_count: int | None) -> Floats:
    """Tell how often a probe reads the digit of each test image right, (T,), from 0 to 1.

    Parameters
    ----------
    sweep, space
        Where the points are.
    probe
        ``kNN`` (5 neighbours) or ``logistic regression`` (L2 penalty of scikit-learn's default
        strength, at most 50 iterations of L-BFGS).
    label_count
        Training images with labels: the mean over 5 draws. None: all, once.
    """
    train, test = _scaled_points(sweep, space)
    labels = sweep.labels("train")
    truth = sweep.labels("test")[test_rows(sweep)]
    draws = [np.arange(len(labels))]
    if label_count is not None:
        draws = [
            np.random.default_rng(draw).permutation(len(labels))[:label_count]
            for draw in range(DRAWS)
        ]
    # Another number of threads would add in another order.
    with threadpool_limits(1), warnings.catch_warnings():
        # What few iterations reach is what is reported.
        warnings.simplefilter("ignore", ConvergenceWarning)
        guesses = [_probe(probe, len(rows)).fit(train[rows], labels[rows]).predict(test)
                   for rows in draws]  # fmt: skip
    return np.asarray(np.mean([guess == truth for guess in guesses], axis=0))


def test_rows(sweep: Sweep) -> NDArray[np.intp]:
    """Choose the test images that are probed, (T,)."""
    return np.random.default_rng(0).permutation(sweep.data.counts["test"])[:TEST_IMAGES]


@lru_cache(maxsize=1)
def _scaled_points(sweep: Sweep, space: Space) -> tuple[Array, Array]:
    """Return the training points and those of the test images that are probed."""
    train = space.points(sweep, "train").astype(np.float32)
    test = space.points(sweep, "test")[test_rows(sweep)].astype(np.float32)
    centre = train.mean(axis=0)
    spread = float(np.sqrt(train.var(axis=0).mean())) or 1.0
    return (train - centre) / spread, (test - centre) / spread


def _probe(name: str, count: int) -> Any:  # noqa: ANN401 - scikit-learn carries no types
    if name == KNN:
        return KNeighborsClassifier(min(NEIGHBOURS, count))
    return LogisticRegression(max_iter=ITERATIONS)
