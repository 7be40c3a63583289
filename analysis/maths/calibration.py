"""How far one who says how sure he is can be believed. NumPy in, NumPy out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.maths.metrics import Floats

# Between 0 and 1; most answers are near 1, where the bins are narrow.
EDGES = np.array([0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1])


@dataclass(frozen=True, eq=False)
class Reliability:
    """What was said and what was so, in B bins of what was said, (B,) each; NaN in empty bins.

    Parameters
    ----------
    counts
        Number of answers.
    said
        Mean of the probabilities said.
    right
        Share of the answers that were right.
    """

    counts: Floats
    said: Floats
    right: Floats

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1: Guo et al. (2017), eq. 3.

        The mean over the answers of the gap of their bin. Small sets have an error above 0 even
        where every probability is true.
        """
        filled = self.counts > 0
        gaps = abs(self.said - self.right)[filled]
        return float(gaps @ self.counts[filled] / self.counts.sum())


def reliability(said: ArrayLike, right: ArrayLike, edges: Floats = EDGES) -> Reliability:
    """Compare probabilities said (N,) with whether each answer was right (N,), from 0 to 1.

    Bins hold their lower edge, and the last one its upper edge too.
    """
    said, right = (np.asarray(values, dtype=np.float64) for values in (said, right))
    places = np.clip(np.searchsorted(edges, said, side="right") - 1, 0, len(edges) - 2)
    counts, sums, hits = (
        np.bincount(places, weights=weights, minlength=len(edges) - 1).astype(np.float64)
        for weights in (None, said, right)
    )
    with np.errstate(invalid="ignore"):
        return Reliability(counts, sums / counts, hits / counts)
