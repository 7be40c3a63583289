"""Where codes in the plane crowd, and where there are none among them."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import Delaunay

from analysis.maths.metrics import Floats

BINS = 60  # over the larger extent of the codes; equally wide along both axes
BOX_BINS = 6


def dense_and_sparse_box(codes: Floats) -> tuple[Floats, Floats]:
    """Choose two squares, a tenth as wide as the larger extent of the codes.

    Parameters
    ----------
    codes
        Shape (N, 2), not all in a line.

    Returns
    -------
    dense
        Corners (low, high), shape (2, 2), of the square with the most codes.
    sparse
        Of the squares that hold codes or are centred in their convex hull, those with the fewest
        codes, and of these the one nearest to the median code: a gap, if there is one.
    """
    counts, edges = _histogram(codes)
    inside = sliding_window_view(counts, (BOX_BINS, BOX_BINS)).sum(axis=(2, 3))
    low = np.stack(np.meshgrid(*(e[:-BOX_BINS] for e in edges), indexing="ij"), axis=-1)
    high = np.stack(np.meshgrid(*(e[BOX_BINS:] for e in edges), indexing="ij"), axis=-1)
    centre = (low + high) / 2
    # A hull may be too narrow for any centre, but never for the boxes that hold its codes.
    among = (Delaunay(codes).find_simplex(centre) >= 0) | (inside > 0)
    fewest = among & (inside == inside[among].min())
    distance = ((centre - np.median(codes, axis=0)) ** 2).sum(axis=-1)
    chosen = (inside.argmax(), np.where(fewest, distance, np.inf).argmin())
    places = [np.unravel_index(flat, inside.shape) for flat in chosen]
    dense, sparse = (np.stack([low[place], high[place]]) for place in places)
    return dense, sparse


def _histogram(codes: Floats) -> tuple[Floats, list[Floats]]:
    """Count the codes in equal squares, at least as many along each axis as a box has."""
    extent = np.ptp(codes, axis=0)
    width = extent.max() / BINS
    numbers = np.maximum(np.ceil(extent / width), BOX_BINS).astype(int)
    middle = (codes.min(axis=0) + codes.max(axis=0)) / 2
    edges = [
        mid + width * (np.arange(number + 1) - number / 2)
        for mid, number in zip(middle, numbers, strict=True)
    ]
    counts, _ = np.histogramdd(codes, bins=edges)
    return counts, edges
