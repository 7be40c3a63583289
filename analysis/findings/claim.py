"""What a finding is, and how it is reached: a claim, the effect that would show it, a verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.maths.metrics import Floats, seed_interval, share_interval
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient

RESAMPLES = 1000

Verdict = Literal["supported", "contradicted", "undecided"]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class ClaimResult:
    """One claim of the article, tested on a sweep.

    Parameters
    ----------
    name
        A short name that never changes, for example ``ones-easiest``.
    claim
        What the article says, in one sentence of ours.
    test
        What was computed, and the rule of the verdict.
    effect
        What the effect size is, with its unit.
    estimate, low, high
        The effect size and its 95% interval; None where there is none.
    verdict
        ``undecided`` also where the sweep lacks what the test needs.
    detail
        The numbers that a reader wants, or what is missing.
    """

    name: str
    claim: str
    test: str
    effect: str
    estimate: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    detail: str


@dataclass(frozen=True)
class Interval:
    """An effect size and its 95% interval; there is none where nothing was sampled."""

    estimate: float
    low: float | None = None
    high: float | None = None

    def above(self, threshold: float) -> Verdict:
        """Decide whether the effect exceeds a threshold."""
        if (self.estimate if self.low is None else self.low) > threshold:
            return "supported"
        highest = self.estimate if self.high is None else self.high
        return "contradicted" if highest <= threshold else "undecided"

    def below(self, threshold: float) -> Verdict:
        """Decide whether the effect falls short of a threshold."""
        opposite: dict[Verdict, Verdict] = {
            "supported": "contradicted",
            "contradicted": "supported",
            "undecided": "undecided",
        }
        return opposite[self.above(threshold)]


@dataclass(frozen=True)
class Outcome:
    """What the test of a claim gave."""

    effect: Interval
    verdict: Verdict
    detail: str


@dataclass(frozen=True)
class Claim:
    """A claim and its test.

    Parameters
    ----------
    name
        A short name. On images of something else, ``class`` stands for ``digit`` in it.
    claim, test, effect
        See `ClaimResult`. What the classes are called is put into these texts: ``{noun}`` and
        what else `analysis.sweep.dataset.StoredDataset.worded` knows.
    measure
        Tests the claim. It raises MissingIngredient where a sweep cannot decide it.
    of_digits
        Whether the claim is about certain digits, and has no meaning for other images.
    """

    name: str
    claim: str
    test: str
    effect: str
    measure: Callable[[Study], Outcome]
    of_digits: bool = False

    def concerns(self, study: Study) -> bool:
        """Tell whether the claim has a meaning for the images of a study."""
        return study.data.are_digits or not self.of_digits

    def find(self, study: Study) -> ClaimResult:
        """Test the claim on the sweep of a study."""
        data = study.data
        claim, test, effect = map(data.worded, (self.claim, self.test, self.effect))
        words = data.file_name(self.name), claim, test, effect
        try:
            outcome = self.measure(study)
        except MissingIngredient as error:
            return ClaimResult(*words, None, None, None, "undecided", f"Not tested: {error}.")
        size = outcome.effect
        numbers = size.estimate, size.low, size.high
        return ClaimResult(*words, *numbers, outcome.verdict, outcome.detail)


def interval(
    effects: Sequence[Callable[[Rows], float]], count: int, resamples: int = RESAMPLES
) -> Interval:
    """Estimate an effect: over the seeds if there are several, else by resampling the images.

    Parameters
    ----------
    effects
        For each seed, what computes the effect from rows of its images.
    count
        Number of images.
    resamples
        How often they are drawn with replacement.

    Returns
    -------
    Interval
        The mean over the seeds with Student's interval, which shows how trainings differ; or the
        effect with its percentile bootstrap interval (Efron and Tibshirani 1993, ch. 13).

    Raises
    ------
    MissingIngredient
        The effect is not a number, for example because there is no image of some class.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = np.array([effect(np.arange(count)) for effect in effects])
        if not np.isfinite(whole).all():
            raise MissingIngredient("on these images the effect is not defined")
        if len(whole) > 1:
            return Interval(float(whole.mean()), *seed_interval(whole))
        rng = np.random.default_rng(0)
        resampled = [effects[0](rng.integers(count, size=count)) for _ in range(resamples)]
    # A resample of few images may lack a class, and its effect is then not a number.
    low, high = np.quantile(np.array(resampled)[np.isfinite(resampled)], (0.025, 0.975))
    return Interval(float(whole[0]), float(low), float(high))


def interval_of_means(values: Sequence[Floats], effect: Callable[[Floats], float]) -> Interval:
    """Estimate an effect that follows from means over the images; see `interval`.

    Parameters
    ----------
    values
        For each seed, shape (N, K): K quantities of each image.
    effect
        Computes the effect from their means (K,).
    """

    def of_rows(quantities: Floats) -> Callable[[Rows], float]:
        return lambda rows: float(effect(quantities[rows].mean(axis=0)))

    return interval([of_rows(quantities) for quantities in values], len(values[0]))


def interval_of_share(hits: Sequence[NDArray[np.bool_]]) -> Interval:
    """Estimate a share of images: over the seeds if there are several, else Wilson's.

    Parameters
    ----------
    hits
        For each seed, which images count, shape (N,).
    """
    shares = [float(hit.mean()) for hit in hits]
    if len(shares) > 1:
        return Interval(float(np.mean(shares)), *seed_interval(shares))
    return Interval(shares[0], *share_interval(hits[0]))
