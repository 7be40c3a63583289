"""Intervals of effects that several things make uncertain: seeds, judges and images.

The variance of an estimate is the sum of a part for each factor: what the estimate would vary by if
only the trainings, only the judges or only the images were others. docs/methods.md has the formulas
and the simulated coverage.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student_t

from analysis.maths.metrics import Floats, draw_rows

LEVEL = 0.95
RESAMPLES = 400  # the standard error of a standard error is then 3.5 %
# Two hits and two misses in each of up to three columns, which do not depend on each other.
PSEUDO = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=np.float64)
MOST_KEPT = 20_000  # images whose draws are kept for the next effect: 16 MB
SEED, JUDGE, IMAGE = "seed", "judge", "image"


class UndefinedEffect(ValueError):
    """The effect is not a number, for example because there is no image of some class."""


@dataclass(frozen=True)
class Part:
    """The variance of an estimate that is due to one factor, and its degrees of freedom."""

    factor: str
    variance: float
    freedom: float


@dataclass(frozen=True)
class Estimate:
    """An effect, and the parts of its variance; without parts, nothing was sampled.

    `seeds` and `judges` say how many of them the effect is a mean over; 0 judges: it needs none.
    No interval reaches beyond `limits`.
    """

    value: float
    parts: tuple[Part, ...] = ()
    seeds: int = 1
    judges: int = 0
    limits: tuple[float, float] = (-np.inf, np.inf)

    @property
    def variance(self) -> float:
        """The sum of the parts."""
        return sum(part.variance for part in self.parts)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance: Satterthwaite (1946), eq. 17."""
        denominator = sum(part.variance**2 / part.freedom for part in self.parts)
        return self.variance**2 / denominator if denominator > 0 else np.inf

    def interval(self, level: float = LEVEL) -> tuple[float, float] | None:
        """Return Student's interval; None without parts."""
        if not self.parts:
            return None
        half = float(student_t.ppf((1 + level) / 2, self.freedom) * np.sqrt(self.variance))
        least, most = self.limits
        return max(self.value - half, least), min(self.value + half, most)

    def p_value(self, threshold: float) -> float | None:
        """Return the two-sided p-value of the effect being the threshold; None without parts."""
        if not self.parts:
            return None
        distance = abs(self.value - threshold)
        if self.variance == 0:
            return 1.0 if distance == 0 else 0.0
        return float(2 * student_t.sf(distance / np.sqrt(self.variance), self.freedom))

    def budget(self) -> dict[str, float]:
        """Return the share of the variance that each factor has; nothing if there is none."""
        if self.variance == 0:
            return {}
        shares = dict.fromkeys((part.factor for part in self.parts), 0.0)
        for part in self.parts:
            shares[part.factor] += part.variance / self.variance
        return shares

    def shifted(self, by: float) -> "Estimate":
        """Return the estimate of the effect plus a constant."""
        low, high = (limit + by for limit in self.limits)
        return replace(self, value=self.value + by, limits=(low, high))

    def within(self, low: float, high: float) -> "Estimate":
        """Return the estimate with limits that the effect cannot exceed, such as 0 and 1."""
        return replace(self, limits=(low, high))


def of_means(
    values: ArrayLike,
    effect: Callable[[Floats], float],
    *,
    judged: bool = False,
    shared: bool | Sequence[bool] = True,
    shares: bool = False,
    labels: NDArray[np.integer] | None = None,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Estimate an effect that follows from means over seeds, judges and images.

    The effect is computed from the means over all of them, so that a minimum or a ratio is that of
    the means and no mean of minima or ratios.

    Parameters
    ----------
    values
        Shape (S, J, N, K): K quantities of each of N images, for S seeds and J judges.
    effect
        Computes the effect from their means (K,); with `labels`, from those of each class, (C, K).
        Not a number where it is not defined.
    judged
        Whether the judges are a sample; else J is 1, and no judge was needed.
    shared
        Whether image n is the same for every seed, as test images are: resampled together then.
        Generated images are each seed's own, and resampled within it. One answer for each of the K
        quantities if they differ.
    shares
        Whether the quantities are 0 or 1. Their variance is then that of Agresti and Coull (1998),
        sec. 3: two hits and two misses are added, so that no hit in N images is not taken for a
        share of exactly 0.
    labels
        Class of each image, (N,), from 0 to C - 1; only if all images are shared.
    resamples
        Of the images.

    Raises
    ------
    UndefinedEffect
        The effect is not a number, or was one in fewer than two resamples.
    """
    array = np.asarray(values, dtype=np.float64)
    seeds, judges, images, quantities = array.shape
    common = np.broadcast_to(shared, quantities)
    by_seed = array.mean(axis=1)

    def of(rows: Floats) -> float:
        """Compute the effect from the rows (S', N, K) of some seeds."""
        return float(effect(_means(rows.mean(axis=0), np.ones(images), labels)))

    with np.errstate(invalid="ignore", divide="ignore"):
        whole = _means(by_seed.mean(axis=0), np.ones(images), labels)
        value = float(effect(whole))
        without_seed = left_out(by_seed, of)
        without_judge = left_out(array, lambda kept: of(kept.mean(axis=1)), axis=1)
    if not np.isfinite([value, *without_seed, *without_judge]).all():
        raise UndefinedEffect

    def variance(groups: Floats, drawn: NDArray[np.bool_]) -> float:
        """Compute the variance due to images of some quantities; the other means stay."""
        if not drawn.any():
            return 0.0
        resampled = _resampled_means(groups, labels, shares, resamples)
        with np.errstate(invalid="ignore", divide="ignore"):
            return resampled_variance(
                [effect(np.where(drawn, means, whole)) for means in resampled]
            )

    own = variance(by_seed, ~common)
    return combine(
        value,
        seeds=without_seed,
        judges=without_judge if judged else (),
        image_variance=own + variance(by_seed.mean(axis=0)[None], common),
        image_freedom=images - 1,
        own_variance=own,
        counts=(seeds, judges if judged else 0),
    )


def _means(rows: Floats, weights: NDArray[Any], labels: NDArray[np.integer] | None) -> Floats:
    """Average rows (N, K) with weights (N,): shape (K,), or with labels (C, K)."""
    if labels is None:
        return np.asarray(weights @ rows / weights.sum())
    sums = np.bincount(labels, weights)
    columns = [np.bincount(labels, weights * column) / sums for column in rows.T]
    return np.stack(columns, axis=1)


def _resampled_means(
    groups: Floats, labels: NDArray[np.integer] | None, shares: bool, resamples: int
) -> Iterator[Floats]:
    """Average over groups (G, N, K) after drawing the images of each with replacement, repeatedly.

    A group is a seed with images of its own; images that all seeds share are one group.
    """
    if shares:
        groups = np.stack([np.concatenate([rows, PSEUDO[:, : rows.shape[1]]]) for rows in groups])
    count, images = groups.shape[:2]
    for drawn in (_kept_draws if count * images <= MOST_KEPT else _draws)(count, images, resamples):
        pairs = zip(groups, drawn, strict=True)
        yield sum(_means(rows, times, labels) for rows, times in pairs) / count


def _draws(groups: int, images: int, resamples: int) -> Iterator[NDArray[np.uint16]]:
    """Draw the images of each group with replacement, and yield how often each is drawn, (G, N)."""
    rng = np.random.default_rng(0)
    for _ in range(resamples):
        yield np.asarray([draw_rows(images, rng) for _ in range(groups)], np.uint16)


@lru_cache(maxsize=4)  # most effects of a command are of the same number of images
def _kept_draws(groups: int, images: int, resamples: int) -> list[NDArray[np.uint16]]:
    return list(_draws(groups, images, resamples))


def left_out(values: Floats, effect: Callable[[Floats], float], axis: int = 0) -> list[float]:
    """Compute an effect without each row of an axis; nothing if there is only one."""
    count = values.shape[axis]
    if count < 2:
        return []
    return [effect(np.delete(values, place, axis=axis)) for place in range(count)]


def combine(
    value: float,
    *,
    seeds: Sequence[float] = (),
    judges: Sequence[float] = (),
    image_variance: float | None = None,
    image_freedom: float = np.inf,
    own_variance: float = 0.0,
    counts: tuple[int, int] = (1, 0),
) -> Estimate:
    """Put an estimate together from what is known of each factor.

    Parameters
    ----------
    value
        The effect.
    seeds, judges
        The effect without each seed, (S,), and without each judge, (J,). If there is only one,
        its part of the variance is unknown.
    image_variance, image_freedom
        The variance due to the images, and its degrees of freedom; None if no images were sampled.
    own_variance
        The part of `image_variance` that is due to images of each seed's own. The differences of
        the trainings contain it, so that only what they have beyond is added.
    counts
        Number of seeds and of judges.
    """
    parts = []
    if image_variance is not None:
        parts.append(Part(IMAGE, image_variance, image_freedom))
    if len(seeds) > 1:
        parts.append(_of_seeds(jackknife_variance(seeds), len(seeds) - 1, own_variance))
    if len(judges) > 1:
        parts.append(Part(JUDGE, jackknife_variance(judges), len(judges) - 1))
    return Estimate(value, tuple(parts), *counts)


def _of_seeds(variance: float, freedom: float, within: float) -> Part:
    """Return the part of the seeds: what their variance has beyond that within each seed.

    The difference is as uncertain as the variance itself, so it has fewer degrees of freedom.
    """
    beyond = max(variance - within, 0.0)
    return Part(SEED, beyond, freedom * (beyond / variance) ** 2 if beyond > 0 else freedom)


def jackknife_variance(without: ArrayLike) -> float:
    """Variance of an estimate from its values without each of n things: Efron and Tibshirani 11.5.

    Parameters
    ----------
    without
        Shape (n,), n > 1.
    """
    values = np.asarray(without, dtype=np.float64)
    return float((len(values) - 1) * values.var())


def resampled_variance(drawn: ArrayLike) -> float:
    """Bootstrap variance, of the resamples in which the effect is defined.

    A resample of few images may lack a class, and its effect is then not a number.

    Raises
    ------
    UndefinedEffect
        It is defined in fewer than two, which show no variance.
    """
    values = np.asarray(drawn, dtype=np.float64)
    known = values[np.isfinite(values)]
    if len(known) < 2:
        raise UndefinedEffect
    return float(known.var(ddof=1))


def holm(p_values: ArrayLike, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Adjust p-values and levels of intervals for their number: Holm (1979).

    The interval of a claim at its adjusted level leaves the threshold out exactly if its adjusted
    p-value is below 1 - `level`.

    Parameters
    ----------
    p_values
        Shape (m,).
    level
        Coverage of an interval by itself.

    Returns
    -------
    adjusted, levels
        Shape (m,) each: adjusted p-values, and the coverage of each adjusted interval.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    left = np.arange(len(raw), 0, -1)
    stepped = np.minimum(np.maximum.accumulate(left * raw[order]), 1)
    # From the first that is not rejected on, all are judged at the level of that one.
    failed = np.flatnonzero(stepped >= 1 - level)
    if len(failed):
        left[failed[0] :] = left[failed[0]]
    adjusted, levels = np.empty_like(raw), np.empty_like(raw)
    adjusted[order], levels[order] = stepped, 1 - (1 - level) / left
    return adjusted, levels
