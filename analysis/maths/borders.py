"""Which classes lie next to each other on a grid of classified images."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from analysis.maths.metrics import Floats


def border_lengths(classes: NDArray[np.integer], count: int) -> Floats:
    """Count the pairs of neighbouring cells that differ in class.

    Parameters
    ----------
    classes
        Class of each cell, shape (R, C); neighbours are beside or above each other.
    count
        Number of classes, K.

    Returns
    -------
    ndarray
        Shape (K, K), symmetrical, 0 on the diagonal.
    """
    lengths = np.zeros((count, count))
    for first, second in (
        (classes[:, :-1], classes[:, 1:]),
        (classes[:-1], classes[1:]),
    ):
        np.add.at(lengths, (first.ravel(), second.ravel()), 1)
    lengths += lengths.T
    np.fill_diagonal(lengths, 0)
    return lengths


def with_regions_shuffled(
    classes: NDArray[np.integer], rng: np.random.Generator
) -> NDArray[np.integer]:
    """Give the classes of the connected regions of a grid to these regions in random order.

    The borders between regions stay where they are, so that the grid is as smooth as it was. Two
    neighbours that get the same class become one region.

    Parameters
    ----------
    classes
        Class of each cell, shape (R, C); neighbours are beside or above each other.
    rng
        Makes the order.
    """
    regions = np.zeros(classes.shape, dtype=np.intp)
    of_region: list[int] = []
    for value in np.unique(classes):
        found, count = label(classes == value)
        regions += np.where(found > 0, found - 1 + len(of_region), 0)
        of_region.extend([int(value)] * count)
    return np.asarray(rng.permutation(of_region)[regions])


def over_chance(lengths: Floats) -> Floats:
    """Divide the borders by what they would be if each class bordered on others at random.

    If the ends of all borders were joined at random but never a class to itself, classes a and b
    with borders of B_a and B_b in all would share x_a x_b, with x such that every class keeps its
    B: found by iterative proportional fitting (Deming and Stephan 1940).

    Parameters
    ----------
    lengths
        Shape (K, K), of `border_lengths`.

    Returns
    -------
    ndarray
        Shape (K, K); NaN on the diagonal and for classes without borders.
    """
    totals = lengths.sum(axis=1)
    expected = np.outer(totals, totals)
    np.fill_diagonal(expected, 0)
    for _ in range(200):
        sums = expected.sum(axis=1)
        factor = np.sqrt(np.divide(totals, sums, out=np.zeros_like(sums), where=sums > 0))
        expected *= np.outer(factor, factor)
    return np.divide(lengths, expected, out=np.full_like(lengths, np.nan), where=expected > 1e-9)
