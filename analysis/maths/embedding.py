"""Points of many dimensions laid out in a plane, by PCA and from there by t-SNE, and scored.

One recipe serves images and the latents of every model. NumPy in, NumPy out.

Nothing is standardised: dividing each dimension by its spread would turn the noise of an unused
latent into a dimension as wide as any other. The input is rotated onto its principal axes (at most
50, as van der Maaten and Hinton 2008, sec. 4.2; most axes of images hold next to nothing) and
divided by one number, the standard deviation along the first. t-SNE starts from the first two axes
shrunk to 1e-4, which keeps the global arrangement (Kobak and Berens 2019). From there half of the
usual early exaggeration is enough, for a short time and at the learning rate N / exaggeration of
Belkina et al. (2019). With a learning rate of several N afterwards, fewer iterations are needed to
keep as many neighbours. openTSNE (Policar et al. 2024) computes the repulsive forces: of many
points by interpolation on a grid (Linderman et al. 2019), which is quick with wide cells until the
last iterations, and of few points by Barnes-Hut, which is quicker for them. The start leaves
nothing to chance, points are put in a fixed order and one thread is used, so that the same points
give the same layout in any order.
"""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from openTSNE import TSNEEmbedding
from openTSNE.affinity import PerplexityBasedNN
from scipy.stats import mode
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Labels

NEIGHBOURS = 15
COMPONENTS = 50
START_SPREAD = 1e-4
PERPLEXITY = 30


class Phase(NamedTuple):
    """Iterations of t-SNE with the same settings.

    Parameters
    ----------
    iterations
        Their number.
    exaggeration
        Factor of the attractive forces.
    rate
        Learning rate over the number of points.
    cell
        Width of the cells of the grid on which the repulsive forces are interpolated.
    """

    iterations: int
    exaggeration: float
    rate: float
    cell: float


PHASES = (Phase(50, 6, 1 / 6, 2), Phase(300, 1, 8, 2), Phase(50, 1, 4, 1))
RECIPE: dict[str, Any] = {
    "neighbours": NEIGHBOURS,
    "components": COMPONENTS,
    "start_spread": START_SPREAD,
    "scikit-learn": version("scikit-learn"),
    "openTSNE": version("openTSNE"),
    "perplexity": PERPLEXITY,
    "phases": PHASES,
    "iterations": sum(phase.iterations for phase in PHASES),
    "exaggeration": PHASES[0].exaggeration,
}
GRID_POINTS = 5000  # of so many points, a grid is quicker than Barnes-Hut
LEAST_POINTS = 3 * PERPLEXITY + 1  # as many neighbours as t-SNE looks at

_CHUNK_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Layout:
    """N points in the plane, and how far their neighbours there are apart in the input.

    Parameters
    ----------
    plane
        Shape (N, 2), float32.
    ranks
        Shape (N, 15), int32. `ranks[i, j]` is r if the j-th nearest neighbour of point i in the
        plane is its r-th nearest (from 1) in the input.
    """

    plane: Array
    ranks: Array

    @property
    def preservation(self) -> float:
        """Share of the 15 nearest neighbours in the input that are still among the 15 nearest."""
        return float((self.ranks <= NEIGHBOURS).mean())

    @property
    def trustworthiness(self) -> float:
        """How near in the input neighbours in the plane are, 1 at best: Venna and Kaski (2001)."""
        n, k = self.ranks.shape
        excess = np.maximum(self.ranks.astype(np.int64) - k, 0).sum()
        return float(1 - 2 / (n * k * (2 * n - 3 * k - 1)) * excess)


@dataclass(frozen=True)
class Embedding:
    """The first two principal components of some points, and the t-SNE that starts from them."""

    pca: Layout
    tsne: Layout


def embed(points: Array) -> Embedding:
    """Lay points out in the plane by the recipe of this module, on one thread.

    Parameters
    ----------
    points
        Shape (N, D), N > 90, D > 1; not all the same.
    """
    # Another number of threads would add in another order, which t-SNE blows up.
    with threadpool_limits(1):
        order = np.lexsort(points.T)
        ordered = points[order].astype(np.float64)
        components = min(COMPONENTS, *points.shape)
        rotated = PCA(components, random_state=0).fit_transform(ordered)
        rotated = (rotated / rotated[:, 0].std()).astype(np.float32)
        planes = rotated[:, :2], tsne(rotated)
        back = np.argsort(order)
        ranks = neighbour_ranks(ordered, *planes)
        layouts = [
            Layout(plane[back], rank[back]) for plane, rank in zip(planes, ranks, strict=True)
        ]
    return Embedding(*layouts)


def tsne(points: Array) -> NDArray[np.float32]:
    """Lay points (N, D) along their principal axes out in the plane, (N, 2), by `PHASES`."""
    affinities = PerplexityBasedNN(points, perplexity=PERPLEXITY, method="exact", random_state=0)
    start = points[:, :2].astype(np.float64) * START_SPREAD
    forces = "fft" if len(points) >= GRID_POINTS else "bh"
    placed = TSNEEmbedding(start, affinities, negative_gradient_method=forces, random_state=0)
    for phase in PHASES:
        placed.optimize(
            phase.iterations,
            inplace=True,
            exaggeration=phase.exaggeration,
            learning_rate=phase.rate * len(points),
            ints_in_interval=phase.cell,
        )
    return np.asarray(placed, dtype=np.float32)


def neighbour_ranks(points: ArrayLike, *planes: ArrayLike) -> list[NDArray[np.int32]]:
    """Rank, by distance in the input, the nearest neighbours that points have in planes.

    Parameters
    ----------
    points
        Shape (N, D).
    planes
        Layouts of them, each of shape (N, 2).

    Returns
    -------
    list of ndarray
        For each plane, shape (N, 15); see `Layout`. Ties get the better rank.
    """
    x = np.asarray(points, dtype=np.float64)
    x = x - x.mean(axis=0)
    norms = (x**2).sum(axis=1)
    neighbours = np.concatenate([_neighbours(plane) for plane in planes], axis=1)
    ranks = np.empty(neighbours.shape, dtype=np.int32)
    chunk = max(1, _CHUNK_BYTES // norms.nbytes)
    for first in range(0, len(x), chunk):
        rows = slice(first, first + chunk)
        distances = norms - 2 * x[rows] @ x.T  # plus a constant in each row
        here = np.arange(len(distances))
        distances[here, here + first] = -np.inf  # the point itself counts as the 0th
        wanted = np.take_along_axis(distances, neighbours[rows], axis=1)
        distances.sort(axis=1)
        for rank, ordered, own in zip(ranks[rows], distances, wanted, strict=True):
            rank[:] = np.searchsorted(ordered, own)
    return np.split(ranks, len(planes), axis=1)


def class_accuracy(plane: ArrayLike, labels: Labels) -> float:
    """Share of points in the plane, shape (N, 2), whose class most of their 15 neighbours have.

    A point is no neighbour of its own; of classes equally frequent the first is taken.
    """
    return float((mode(labels[_neighbours(plane)], axis=1).mode == labels).mean())


def _neighbours(plane: ArrayLike) -> NDArray[np.intp]:
    found = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(np.asarray(plane))
    return np.asarray(found.kneighbors(return_distance=False))
