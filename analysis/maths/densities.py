"""Smooth densities of points, with Gaussian kernels of Scott's width (Scott 1992, sec. 6.3)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import interpn
from scipy.ndimage import gaussian_filter
from scipy.stats import gaussian_kde

from analysis.maths.metrics import Floats

BINS = 100  # along each side of a plane
REACH = 4  # widths of the kernel around the outermost points


@dataclass(frozen=True)
class PlaneDensity:
    """Density up to a factor: at x (X,) and y (Y,), shape (Y, X), and at the points, shape (N,)."""

    x: Floats
    y: Floats
    values: Floats
    at_points: Floats

    def level(self, share: float) -> float:
        """Return the density on the rim of the densest region that holds this share of the points.

        Source: Hyndman (1996), "Computing and graphing highest density regions", sec. 3.
        """
        return float(np.quantile(self.at_points, 1 - share))


def plane_density(points: ArrayLike) -> PlaneDensity | None:
    """Smooth a fine histogram of points (N, 2); None if they are too few, or in a line.

    The kernel is as wide along each axis as the points ask for, but not turned.
    """
    places = np.asarray(points, dtype=np.float64)
    if len(places) < 2 or not np.ptp(places, axis=0).all():
        return None
    width = places.std(axis=0, ddof=1) * len(places) ** (-1 / 6)
    edges = [
        np.linspace(values.min() - REACH * w, values.max() + REACH * w, BINS + 1)
        for values, w in zip(places.T, width, strict=True)
    ]
    counts, *_ = np.histogram2d(places[:, 0], places[:, 1], bins=edges)
    bin_sizes = np.array([edge[1] - edge[0] for edge in edges])
    smooth = gaussian_filter(counts, width / bin_sizes, truncate=REACH)
    x, y = ((edge[:-1] + edge[1:]) / 2 for edge in edges)
    return PlaneDensity(x, y, smooth.T, interpn((x, y), smooth, places))


def line_density(values: ArrayLike, at: ArrayLike) -> Floats | None:
    """Estimate the density of values (N,) at places (L,); None if too few, or all equal."""
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2 or not np.ptp(sample):
        return None
    return np.asarray(gaussian_kde(sample)(np.asarray(at)))
