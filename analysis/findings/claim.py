"""A claim of the article: what is measured, the rule of the verdict, what must fail the rule."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from analysis.maths.intervals import LEVEL, Estimate, UndefinedEffect
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient

Found = TypeVar("Found")
Verdict = Literal["supported", "contradicted", "not specific", "undecided"]


@dataclass(frozen=True)
class Rule:
    """When a claim counts as supported: its effect exceeds a threshold, or falls short of it.

    Parameters
    ----------
    threshold
        What the effect is compared with, in its unit.
    why
        The reason for this threshold, a sentence.
    version, changed
        How often the rule was changed, counting from 1, and the time of its last change (UTC).
        Whoever changes a measure, a threshold or a control raises both.
    side
        On which side of the threshold the effect supports the claim.
    contradicted
        The claim is contradicted on the other side of this value, at every threshold; by default of
        the threshold. A claim that one thing exceeds another by a margin names the value of no
        difference: a difference that is smaller than the margin does not contradict it.
    others
        Thresholds at which the verdict is shown too.
    """

    threshold: float
    why: str
    version: int
    changed: datetime
    side: Literal["above", "below"] = "above"
    contradicted: float | None = None
    others: tuple[float, ...] = ()

    def decide(
        self, effect: Estimate, level: float = LEVEL, threshold: float | None = None
    ) -> Verdict:
        """Decide a claim by the interval of a level; without an interval, by the effect itself.

        Parameters
        ----------
        effect
            Of the claim.
        level
            Coverage of the interval.
        threshold
            Another than that of the rule.
        """
        verdict = self.compare(effect, level, threshold)
        if verdict != "contradicted" or self.contradicted is None:
            return verdict
        beyond = self.compare(effect, level, self.contradicted)
        return "contradicted" if beyond == "contradicted" else "undecided"

    def compare(
        self, effect: Estimate, level: float = LEVEL, threshold: float | None = None
    ) -> Verdict:
        """Tell whether an effect satisfies the rule (supported) or fails it (contradicted).

        Only the threshold counts. Controls are compared like this: what must fail the rule need not
        be the opposite of the claim.
        """
        value = self.threshold if threshold is None else threshold
        low, high = effect.interval(level) or (effect.value, effect.value)
        if self.side == "below":
            low, high, value = -high, -low, -value
        if low > value:
            return "supported"
        return "contradicted" if high <= value else "undecided"


@dataclass(frozen=True)
class Control:
    """Something that must fail the rule of a claim; if it does not, the claim is not supported.

    Parameters
    ----------
    name
        For example ``PCA``.
    what
        What is measured in the place of what, and why it must fail: a sentence.
    measure
        Computes the same effect for it. It raises MissingIngredient where the sweep lacks what it
        needs.
    opposite
        Whether it stands for the opposite of the claim. If it passes, the test would not have
        noticed the opposite: the claim is undecided.
    """

    name: str
    what: str
    measure: Callable[[Study], Estimate]
    opposite: bool = False


@dataclass(frozen=True)
class Outcome:
    """What the measure of a claim gave: the effect, and the numbers that a reader wants."""

    effect: Estimate
    detail: str


@dataclass(frozen=True)
class Claim:
    """A claim and its test.

    Parameters
    ----------
    name
        A short name. On images of something else, ``class`` stands for ``digit`` in it.
    group
        Claims of one group share numbers, so that they are no independent evidence.
    claim, test, effect
        What the article says, in one sentence of ours; what is computed, with the rule; what the
        effect is, with its unit. What the classes are called is put into these texts: ``{noun}``
        and what else `analysis.sweep.dataset.StoredDataset.worded` knows.
    measure
        Computes the effect. It raises MissingIngredient where a sweep cannot decide the claim.
    rule, control
        What follows from the effect, and what must fail.
    of_digits
        Whether the claim is about certain digits, and has no meaning for other images.
    """

    name: str
    group: str
    claim: str
    test: str
    effect: str
    measure: Callable[[Study], Outcome]
    rule: Rule
    control: Control
    of_digits: bool = False

    def concerns(self, study: Study) -> bool:
        """Tell whether the claim has a meaning for the images of a study."""
        return study.data.are_digits or not self.of_digits

    def measured(self, study: Study) -> "Measured":
        """Measure the claim and its control on the sweep of a study."""
        outcome = _or_reason(self.measure, study)
        if isinstance(outcome, str):
            return Measured(outcome, "the claim itself could not be tested")
        return Measured(outcome, _or_reason(self.control.measure, study))


@dataclass(frozen=True)
class Measured:
    """What was measured for a claim and for its control, or why there is nothing."""

    outcome: Outcome | str
    control: Estimate | str


def _or_reason(measure: Callable[[Study], Found], study: Study) -> Found | str:
    try:
        return measure(study)
    except UndefinedEffect:
        return "on these images the effect is not defined"
    except MissingIngredient as error:
        return str(error)
