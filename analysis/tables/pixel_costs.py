"""What an error of one pixel costs, as squared error and as cross-entropy."""

import numpy as np
import pandas as pd

from analysis.maths import pixel_costs
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe

TARGETS = (0.0, 0.1, 0.2, 0.5, 0.8, 0.9, 1.0)
ERROR = 0.1
WITHIN = 0.05  # of a target: the pixels that it stands for


def make(study: Study) -> pd.DataFrame:
    """Return the cost of a value that is 0.1 too low and 0.1 too high, by the true value.

    Columns: target; share (of the values of the test images within 0.05 of it); squared_error
    (either way); cross_entropy_low and cross_entropy_high, above the least cross-entropy, nats;
    ratio (high over low); slope_low and slope_high (absolute derivatives with respect to the
    value); dearer: ``too high``, ``too low`` or ``neither``. A value outside [0, 1] has no cost.
    """
    values = np.bincount(study.sweep.images("test").ravel(), minlength=256)
    levels = np.arange(256) / 255
    return pd.DataFrame([_row(t, values[abs(levels - t) <= WITHIN].sum() / values.sum())
                         for t in TARGETS])  # fmt: skip


def _row(target: float, share: float) -> dict[str, object]:
    sides = [_cost(target - ERROR, target), _cost(target + ERROR, target)]
    (low, slope_low), (high, slope_high) = sides
    return {
        "target": target,
        "share": share,
        "squared_error": ERROR**2,
        "cross_entropy_low": low,
        "cross_entropy_high": high,
        "ratio": high / low,
        "slope_low": slope_low,
        "slope_high": slope_high,
        "dearer": _dearer(low, high),
    }


def _cost(value: float, target: float) -> tuple[float, float]:
    """Return the excess of the cross-entropy and its absolute slope; NaN outside (0, 1)."""
    value = round(value, 9)
    if not 0 <= value <= 1:
        return np.nan, np.nan
    excess = float(pixel_costs.cross_entropy_excess(value, target))
    inside = 0 < value < 1
    slope = abs(float(pixel_costs.cross_entropy_slope(value, target))) if inside else np.inf
    return excess, slope


def _dearer(low: float, high: float) -> str:
    if np.isnan(low) or np.isnan(high):
        return ""
    if np.isclose(low, high):
        return "neither"
    return "too high" if high > low else "too low"


def caption(study: Study) -> str:
    """Say what is compared, and what the article says of it."""
    return (
        f"Cost of a reconstructed value that is {ERROR:g} below (low) or above (high) the true "
        "value, by the true value (target): the squared error, the same either way, and the "
        "cross-entropy above its least value, in nats, with its absolute slope. share is that of "
        f"the values of the {study.data.counts['test']:,} test images of {study.data.title} within "
        f"{WITHIN:g} of the target. The cross-entropy of 0.4 and of 0.6 is the same if the true "
        "value is 0.5, so the article's example does not show its asymmetry; with any other true "
        "value, an error away from 0.5 is dearer. With respect to the input of the last sigmoid, "
        "its slope is the error itself, the same either way. Pure mathematics, but for share."
    )


TABLE = TableRecipe("pixel_costs", make, caption, lambda table: table)
