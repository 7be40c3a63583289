"""Areas under ROC curves with intervals, over several seeds that score the same images."""

from collections.abc import Mapping

import numpy as np

from analysis.maths.intervals import Estimate, combine, left_out
from analysis.maths.metrics import Floats


def areas_of(inside: Floats, outside: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the area of each seed, (S,), by set of outliers.

    Parameters
    ----------
    inside, outside
        Scores of the test images, (S, N), and of each set of outliers, (S, M); those of outliers
        should be higher.
    """
    return {
        name: np.array([placements(*pair).mean() for pair in zip(inside, scores, strict=True)])
        for name, scores in outside.items()
    }


def worst_area(inside: Floats, outside: Mapping[str, Floats]) -> Estimate:
    """Estimate the area of the set of outliers that is told least well, on average over seeds.

    The variance due to the images is that of DeLong et al. (1988) for the mean over the seeds.
    """
    areas = areas_of(inside, outside)
    table = np.stack(list(areas.values()), axis=1)
    worst = list(areas)[int(table.mean(axis=0).argmin())]
    pairs = list(zip(inside, outside[worst], strict=True))
    below = np.mean([placements(test, scores) for test, scores in pairs], axis=0)
    above = np.mean([placements(scores, test) for test, scores in pairs], axis=0)
    variance = below.var(ddof=1) / len(below) + above.var(ddof=1) / len(above)
    return combine(
        _worst(table),
        seeds=left_out(table, _worst),
        image_variance=float(variance),
        image_freedom=min(len(below), len(above)) - 1,
        counts=(len(table), 0),
    ).within(0, 1)


def _worst(areas: Floats) -> float:
    return float(areas.mean(axis=0).min())


def placements(reference: Floats, scores: Floats) -> Floats:
    """Return the share of the reference below each score; of equal ones, half."""
    ordered = np.sort(reference)
    ranks = np.searchsorted(ordered, scores) + np.searchsorted(ordered, scores, side="right")
    return np.asarray(ranks / (2 * len(ordered)))
