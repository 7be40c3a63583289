"""How much a set of points looks drawn from the same distribution as another.

NumPy in, NumPy out. Points are images in a feature space, shape (N, D): `real` ones and `fake`
ones. A real (or fake) *ball* is centred on such a point and reaches to its k-th nearest neighbour
among its like; the union of the balls stands for where such points are found.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from sklearn.metrics import euclidean_distances

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats

PRECISION_NEIGHBOURS = 3  # as in the papers of each
DENSITY_NEIGHBOURS = 5


def frechet(real: Array, fake: Array) -> float:
    """Fréchet distance of the Gaussians with the means and covariances of two sets of points.

    Source: Dowson and Landau (1982), eq. 4; with other features than theirs, the FID of Heusel et
    al. (2017), eq. 6. Biased upwards by about D^2 over the number of points.
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
    """Real points, with the radii of their balls, (N,) each."""

    points: Array
    precision_radii: Floats
    density_radii: Floats


@dataclass(frozen=True, eq=False)
class Overlap:
    """How fake points overlap with real ones.

    Parameters
    ----------
    precision
        Share of fake points that lie in a real ball: Kynkäänniemi et al. (2019), eq. 1-3.
    recall
        Share of real points that lie in a fake ball, ibid.
    density
        Mean number of real balls that a fake point lies in, over k: Naeem et al. (2020), eq. 4;
        about 1 for points drawn alike, and above 1 where real points crowd.
    coverage
        Share of real balls with a fake point in them, ibid., eq. 5.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def reference(points: Array) -> Reference:
    """Measure the balls of real points."""
    radii = _radii(points, PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS)
    return Reference(points, *radii)


def overlap(real: Reference, fake: Array) -> Overlap:
    """Compare fake points with real ones."""
    distance = euclidean_distances(real.points, fake)
    (fake_radii,) = _radii(fake, PRECISION_NEIGHBOURS)
    within = distance <= real.density_radii[:, None]
    return Overlap(
        precision=float((distance <= real.precision_radii[:, None]).any(axis=0).mean()),
        recall=float((distance <= fake_radii).any(axis=1).mean()),
        density=float(within.sum(axis=0).mean() / DENSITY_NEIGHBOURS),
        coverage=float(within.any(axis=1).mean()),
    )


def _radii(points: Array, *neighbours: int) -> tuple[Floats, ...]:
    """Distances of points to their k-th nearest neighbours, (N,) for each k."""
    distance = euclidean_distances(points)
    # The nearest of all is the point itself.
    places = [min(k, len(points) - 1) for k in neighbours]
    nearest = np.partition(distance, places, axis=1)
    return tuple(nearest[:, place] for place in places)
