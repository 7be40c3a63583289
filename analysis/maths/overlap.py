"""How much a set of points looks drawn from the same distribution as another.

NumPy in, NumPy out. Points are images in a feature space, shape (N, D): `real` ones and `fake`
ones. A *ball* is centred on a real point and reaches to its k-th nearest neighbour among the real
ones; the union of the balls stands for where real points are found.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.metrics import euclidean_distances

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats

NEIGHBOURS = 5  # as in the paper


def frechet(real: Array, fake: Array) -> float:
    """Fréchet distance of the Gaussians with the means and covariances of two sets of points.

    Source: Dowson and Landau (1982), eq. 4; with other features than theirs, the FID of Heusel et
    al. (2017), eq. 6. Biased upwards: with N points each, drawn from one Gaussian with the identity
    as its covariance, the distance is on average about D^2 / 2N + 2D / N instead of 0.
    """
    (mean, covariance), (other_mean, other) = (_moments(points) for points in (real, fake))
    values, vectors = eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # The trace of the root of the product of both, by a symmetric matrix with its eigenvalues.
    shared = np.sqrt(np.maximum(eigh(root @ other @ root, eigvals_only=True), 0)).sum()
    apart = ((mean - other_mean) ** 2).sum()
    return float(apart + covariance.trace() + other.trace() - 2 * shared)


def _moments(points: Array) -> tuple[Floats, Floats]:
    values = points.astype(np.float64)
    return values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False))


@dataclass(frozen=True, eq=False)
class Reference:
    """Real points, with the radii of their balls, (N,)."""

    points: Array
    radii: Floats


@dataclass(frozen=True, eq=False)
class Overlap:
    """How fake points overlap with real ones.

    Parameters
    ----------
    density
        Mean number of balls that a fake point lies in, over k: Naeem et al. (2020), eq. 4; about 1
        for points drawn alike, and above 1 where real points crowd.
    covered
        Which balls have a fake point in them, (N,), ibid., eq. 5.
    """

    density: float
    covered: NDArray[np.bool_]

    @property
    def coverage(self) -> float:
        """Share of balls with a fake point in them.

        For points drawn alike it is not 1 but 1 - (N - 1)...(N - k) / (2N - 1)...(2N - k), ibid.,
        sec. 3.3: about 1 - 2^-k.
        """
        return float(self.covered.mean())


def reference(points: Array) -> Reference:
    """Measure the balls of real points."""
    distance = euclidean_distances(points)
    # The nearest of all is the point itself.
    place = min(NEIGHBOURS, len(points) - 1)
    return Reference(points, np.partition(distance, place, axis=1)[:, place])


def overlap(real: Reference, fake: Array) -> Overlap:
    """Compare fake points with real ones."""
    within = euclidean_distances(real.points, fake) <= real.radii[:, None]
    return Overlap(float(within.sum(axis=0).mean() / NEIGHBOURS), within.any(axis=1))
