"""Bars of estimates."""

from collections.abc import Sequence

import numpy as np

from analysis.maths.intervals import Estimate
from analysis.maths.metrics import Floats


def bars(estimates: Sequence[Estimate]) -> Floats:
    """Return how far the 95% interval of each estimate reaches below and above it, (2, E).

    NaN where there is no interval.
    """
    ends = [estimate.interval() or (np.nan, np.nan) for estimate in estimates]
    values = np.array([estimate.value for estimate in estimates])
    low, high = np.array(ends, dtype=np.float64).T
    return np.stack([values - low, high - values])
