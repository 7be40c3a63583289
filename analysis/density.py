"""Where codes in the plane are dense, and where there are none. NumPy in, NumPy out."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import gaussian_filter
from scipy.spatial import Delaunay

from analysis.metrics import Floats

BINS = 60  # over the larger extent of the codes; equally wide along both axes
BOX_BINS = 6
SMOOTHING_BINS = 1.0
MARGIN_BINS = 3


def contour(codes: Floats, share: float) -> tuple[Floats, Floats, Floats, float]:
    """Find the smallest region that holds a share of the codes, from a smoothed histogram.

    Parameters
    ----------
    codes
        Shape (N, 2).
    share
        Between 0 and 1.

    Returns
    -------
    x, y
        Centres of the bins.
    density
        Shape (len(y), len(x)).
    level
        The region is where `density` is above it: Hyndman (1996), "Computing and graphing highest
        density regions".
    """
    counts, edges = _histogram(codes, margin=MARGIN_BINS)
    density = gaussian_filter(counts, SMOOTHING_BINS)
    descending = np.argsort(density, axis=None)[::-1]
    last = np.searchsorted(np.cumsum(counts.flat[descending]), share * len(codes))
    x, y = ((e[:-1] + e[1:]) / 2 for e in edges)
    return x, y, density.T, float(density.flat[descending[last]])


def dense_and_sparse_box(codes: Floats) -> tuple[Floats, Floats]:
    """Choose two squares, a tenth as wide as the larger extent of the codes (N, 2).

    Returns
    -------
    dense
        Corners (low, high), shape (2, 2), of the square with the most codes.
    sparse
        Of the squares centred in the codes' convex hull, those with the fewest codes, and of these
        the one nearest to the median code: a gap between the codes, if there is one.
    """
    counts, edges = _histogram(codes)
    inside = sliding_window_view(counts, (BOX_BINS, BOX_BINS)).sum(axis=(2, 3))
    low = np.stack(np.meshgrid(*(e[:-BOX_BINS] for e in edges), indexing="ij"), axis=-1)
    high = np.stack(np.meshgrid(*(e[BOX_BINS:] for e in edges), indexing="ij"), axis=-1)
    centre = (low + high) / 2
    enclosed = Delaunay(codes).find_simplex(centre) >= 0
    fewest = enclosed & (inside == inside[enclosed].min())
    distance = ((centre - np.median(codes, axis=0)) ** 2).sum(axis=-1)
    chosen = (inside.argmax(), np.where(fewest, distance, np.inf).argmin())
    places = [np.unravel_index(flat, inside.shape) for flat in chosen]
    dense, sparse = (np.stack([low[place], high[place]]) for place in places)
    return dense, sparse


def _histogram(codes: Floats, margin: int = 0) -> tuple[Floats, list[Floats]]:
    """Count the codes in equal squares; `margin` more of them on every side."""
    extent = np.ptp(codes, axis=0)
    width = extent.max() / BINS
    numbers = np.maximum(np.ceil(extent / width), BOX_BINS).astype(int)
    edges = [
        low + width * np.arange(-margin, number + margin + 1)
        for low, number in zip(codes.min(axis=0), numbers, strict=True)
    ]
    counts, _ = np.histogramdd(codes, bins=edges)
    return counts, edges
