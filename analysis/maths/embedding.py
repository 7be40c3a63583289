"""Points of many dimensions laid out in a plane, by PCA and from there by t-SNE, and scored.

One recipe serves images and the latents of every model. NumPy in, NumPy out.

Nothing is standardised: dividing each dimension by its spread would turn the noise of an unused
latent into a dimension as wide as any other. The input is rotated onto its principal axes (at
most 50, as van der Maaten and Hinton 2008, sec. 4.2; most axes of images hold next to nothing) and
divided by one number, the standard deviation along the first. t-SNE (Barnes-Hut) starts from the
first two axes shrunk to 1e-4, which keeps the global arrangement (Kobak and Berens 2019). From
there half of the usual early exaggeration is enough; the automatic learning rate, which rises as
it falls (Belkina et al. 2019), then needs three quarters of the usual iterations to keep as many
neighbours. The start leaves nothing to chance, points are put in a fixed order and one thread is
used, so that the same points give the same layout in any order.
"""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import mode
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Labels

NEIGHBOURS = 15
COMPONENTS = 50
START_SPREAD = 1e-4
TSNE_SETTINGS: dict[str, Any] = {
    "perplexity": 30,
    "early_exaggeration": 6,
    "learning_rate": "auto",
    "max_iter": 750,
    "angle": 0.5,
    "random_state": 0,
}
RECIPE: dict[str, Any] = {
    "neighbours": NEIGHBOURS,
    "components": COMPONENTS,
    "start_spread": START_SPREAD,
    "scikit-learn": version("scikit-learn"),
    **TSNE_SETTINGS,
}
LEAST_POINTS = 3 * TSNE_SETTINGS["perplexity"] + 1  # as many neighbours as t-SNE looks at

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
        start = rotated[:, :2] * np.float32(START_SPREAD)
        placed = TSNE(init=start, **TSNE_SETTINGS).fit_transform(rotated)
        back = np.argsort(order)
        ranks = neighbour_ranks(ordered, rotated[:, :2]), neighbour_ranks(ordered, placed)
        pca, tsne = (
            Layout(plane[back], rank[back])
            for plane, rank in zip((rotated[:, :2], placed), ranks, strict=True)
        )
    return Embedding(pca, tsne)


def neighbour_ranks(points: ArrayLike, plane: ArrayLike) -> NDArray[np.int32]:
    """Rank, by distance in the input, the nearest neighbours that points have in the plane.

    Parameters
    ----------
    points, plane
        Shapes (N, D) and (N, 2).

    Returns
    -------
    ndarray
        Shape (N, 15); see `Layout`. Ties get the better rank.
    """
    x = np.asarray(points, dtype=np.float64)
    x = x - x.mean(axis=0)
    norms = (x**2).sum(axis=1)
    neighbours = _neighbours(plane)
    ranks = np.empty(neighbours.shape, dtype=np.int32)
    chunk = max(1, _CHUNK_BYTES // norms.nbytes)
    for first in range(0, len(x), chunk):
        rows = slice(first, first + chunk)
        distances = norms - 2 * x[rows] @ x.T  # plus a constant in each row
        here = np.arange(len(distances))
        distances[here, here + first] = -np.inf  # the point itself counts as the 0th
        for place, neighbour in enumerate(neighbours[rows].T):
            nearer = distances < distances[here, neighbour][:, None]
            ranks[rows, place] = np.count_nonzero(nearer, axis=1)
    return ranks


def class_accuracy(plane: ArrayLike, labels: Labels) -> float:
    """Share of points in the plane, shape (N, 2), whose class most of their 15 neighbours have.

    A point is no neighbour of its own; of classes equally frequent the first is taken.
    """
    return float((mode(labels[_neighbours(plane)], axis=1).mode == labels).mean())


def _neighbours(plane: ArrayLike) -> NDArray[np.intp]:
    found = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(np.asarray(plane))
    return np.asarray(found.kneighbors(return_distance=False))
