"""Which stored image is most like a given one."""

import numpy as np
from numpy.typing import NDArray

from aevae.files.hdf5 import Array

CHUNK_VALUES = 3_136_000  # held in floating point at a time: 12 MB


def nearest(queries: Array, images: Array) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the image with the least sum of squared differences to each query.

    Parameters
    ----------
    queries
        Shape (Q, *image_shape), uint8.
    images
        Shape (N, *image_shape), uint8.

    Returns
    -------
    rows
        Of `images`, shape (Q,); the first of equals.
    sse
        Squared distance with intensities in [0, 1], shape (Q,).
    """
    wanted = queries.reshape(len(queries), -1).astype(np.float32)
    rows = np.zeros(len(wanted), dtype=np.intp)
    least = np.full(len(wanted), np.inf)
    chunk = max(1, CHUNK_VALUES // wanted.shape[1])
    for start in range(0, len(images), chunk):
        part = images[start : start + chunk].reshape(-1, wanted.shape[1]).astype(np.float32)
        # |a - b|^2 without |a|^2, which is the same for every b.
        distance = (part**2).sum(axis=1) - 2 * wanted @ part.T
        best = distance.argmin(axis=1)
        found = distance[np.arange(len(wanted)), best]
        rows = np.where(found < least, start + best, rows)
        least = np.minimum(found, least)
    difference = wanted.astype(np.float64) - images[rows].reshape(wanted.shape)
    return rows, (difference**2).sum(axis=1) / 255**2
