"""From what was measured for all claims to their verdicts, adjusted for the number of claims."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from analysis.findings.claim import Claim, Measured, Rule, Verdict
from analysis.maths.intervals import IMAGE, JUDGE, LEVEL, SEED, Estimate, holm
from analysis.measures.study import Study
from analysis.sweep.load import Run

LEAST_SEEDS = 3  # of a confirmatory verdict
RECIPE = "recipe"

Kind = Literal["exploratory", "confirmatory"]


@dataclass(frozen=True)
class Bounds:
    """An interval and the p-value that belongs to it."""

    low: float
    high: float
    p: float


@dataclass(frozen=True)
class ControlResult:
    """What the control of a claim gave: its effect with a 95% interval, and its verdict.

    The claim is supported only if the verdict of the control is ``contradicted``: it fails the
    rule. Where it could not be computed, `missing` says why and everything else is None.
    """

    name: str
    what: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: Verdict | None = None
    missing: str = ""


@dataclass(frozen=True)
class Source:
    """One thing that makes an effect uncertain: its share of the variance, or why it has none."""

    factor: str
    share: float | None
    note: str = ""


@dataclass(frozen=True)
class AtThreshold:
    """The verdict that another threshold gives."""

    threshold: float
    verdict: Verdict


@dataclass(frozen=True)
class ClaimResult:
    """One claim of the article, tested on a sweep.

    Parameters
    ----------
    name, group
        Short names that never change, for example ``ones-easiest`` and ``digit errors``.
    claim, test, effect
        See `analysis.findings.claim.Claim`.
    rule, control
        The rule: threshold, its reason, version, time of its last change. What must fail it, and
        whether it did.
    verdict, reason
        ``supported``; ``contradicted``; ``not specific`` if the effect is there but the control
        shows it too; or ``undecided``. The reason says why it is one of the last two.
    kind
        ``confirmatory`` if all runs were trained after the last change of the rule and there are
        at least three seeds; else ``exploratory``. Not tested: None.
    estimate, raw, adjusted
        The effect; its 95% interval and p-value for itself, and adjusted for the number of claims.
        The verdict follows from the adjusted one. None where there is none.
    seeds, judges
        How many the effect is a mean over; 0 judges if it needs none.
    budget
        Which share of the variance of the effect each factor has.
    sensitivity
        The verdict at other thresholds, of the same interval and with the same control.
    detail
        The numbers that a reader wants, or what is missing.
    """

    name: str
    group: str
    claim: str
    test: str
    effect: str
    rule: Rule
    control: ControlResult
    verdict: Verdict = "undecided"
    reason: str = "not tested"
    kind: Kind | None = None
    estimate: float | None = None
    raw: Bounds | None = None
    adjusted: Bounds | None = None
    seeds: int = 0
    judges: int = 0
    budget: tuple[Source, ...] = ()
    sensitivity: tuple[AtThreshold, ...] = ()
    detail: str = ""


def judge(
    study: Study, claims: Sequence[Claim], measured: Sequence[Measured]
) -> tuple[ClaimResult, ...]:
    """Decide all claims that were measured on the sweep of a study.

    The p-values of those that have one are adjusted for their number. Claims about a count have no
    p-value, and do not take part in this.
    """
    p_values = [_p_value(claim, each) for claim, each in zip(claims, measured, strict=True)]
    adjusted, levels = holm([p for p in p_values if p is not None])
    families = zip(adjusted, levels, strict=True)
    return tuple(
        _result(study, claim, each, *((None, LEVEL) if p is None else next(families)))
        for claim, each, p in zip(claims, measured, p_values, strict=True)
    )


def _p_value(claim: Claim, measured: Measured) -> float | None:
    if isinstance(measured.outcome, str):
        return None
    return measured.outcome.effect.p_value(claim.rule.threshold)


def _result(
    study: Study, claim: Claim, measured: Measured, adjusted_p: float | None, level: float
) -> ClaimResult:
    """Decide one claim by its interval of a level, which is adjusted for the number of claims."""
    data, rule, outcome = study.data, claim.rule, measured.outcome
    result = ClaimResult(
        name=data.file_name(claim.name),
        group=data.worded(claim.group),
        claim=data.worded(claim.claim),
        test=data.worded(claim.test),
        effect=data.worded(claim.effect),
        rule=rule,
        control=_control_result(study, claim, measured.control),
    )
    if isinstance(outcome, str):
        return replace(result, detail=f"Not tested: {outcome}.")
    effect = outcome.effect
    verdict, reason = _decided(claim, effect, measured.control, level)
    return replace(
        result,
        verdict=verdict,
        reason=reason,
        kind=kind_of(study.sweep.runs, rule.changed, effect.seeds),
        estimate=effect.value,
        raw=_bounds(effect, LEVEL, effect.p_value(rule.threshold)),
        adjusted=_bounds(effect, level, adjusted_p),
        seeds=effect.seeds,
        judges=effect.judges,
        budget=_budget(effect),
        sensitivity=tuple(
            AtThreshold(each, _decided(claim, effect, measured.control, level, each)[0])
            for each in rule.others
        ),
        detail=outcome.detail,
    )


def _decided(
    claim: Claim,
    effect: Estimate,
    control: Estimate | str,
    level: float,
    threshold: float | None = None,
) -> tuple[Verdict, str]:
    """Decide by the effect; only a control that fails leaves support."""
    rule = claim.rule
    verdict = rule.decide(effect, level, threshold)
    if verdict == "undecided":
        if rule.compare(effect, level, threshold) == "contradicted":
            # A count, such as how often a latent size is chosen, has no interval.
            return verdict, "smaller than the margin" if effect.parts else "between the thresholds"
        alone = rule.decide(effect, LEVEL, threshold)
        return verdict, (
            "the interval contains the threshold"
            if alone == verdict
            else f"{alone} by itself, but not after adjusting for the number of claims"
        )
    if verdict == "supported":
        if isinstance(control, str):
            return "undecided", "the control could not be computed"
        of_control = rule.compare(control, LEVEL, threshold)
        if of_control == "supported" and claim.control.opposite:
            return "undecided", "the test has no power: the control passes too"
        if of_control == "supported":
            return "not specific", "the control passes too"
        if of_control != "contradicted":
            return "undecided", "the control does not fail"
    return verdict, ""


def _bounds(effect: Estimate, level: float, p_value: float | None) -> Bounds | None:
    interval = effect.interval(level)
    return None if interval is None or p_value is None else Bounds(*interval, p_value)


def _control_result(study: Study, claim: Claim, control: Estimate | str) -> ControlResult:
    words = study.data.worded(claim.control.name), study.data.worded(claim.control.what)
    if isinstance(control, str):
        return ControlResult(*words, missing=control)
    verdict = claim.rule.compare(control)
    low, high = control.interval() or (None, None)
    return ControlResult(*words, control.value, low, high, verdict)


def kind_of(runs: Sequence[Run], changed: datetime, seeds: int) -> Kind:
    """Say whether a verdict confirms: whoever changed the rule could not know these trainings.

    Parameters
    ----------
    runs
        All runs that may have been used.
    changed
        Time of the last change of the rule; runs must have started later.
    seeds
        Number of seeds.
    """
    fresh = seeds >= LEAST_SEEDS and all((time := _started(run)) and time > changed for run in runs)
    return "confirmatory" if fresh else "exploratory"


def _started(run: Run) -> datetime | None:
    """Read when a training started; None if its file does not say."""
    text = run.checked.provenance.get("started_at")
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _budget(effect: Estimate) -> tuple[Source, ...]:
    """Name the share of each factor, and why one is absent."""
    shares = effect.budget()
    if effect.parts and not shares:
        shares = {part.factor: 0.0 for part in effect.parts}
    absent = {
        SEED: "what other trainings would give is not known from one seed"
        if effect.seeds == 1
        else "seeds are counted",
        JUDGE: "how judges differ is not known from one" if effect.judges else "no judge is needed",
        IMAGE: "no images are sampled" if effect.parts else "images are counted",
    }
    return (
        *(Source(name, shares.get(name), "" if name in shares else why)
          for name, why in absent.items()),
        Source(RECIPE, None, "what other recipes would give is not known from one sweep"),
    )  # fmt: skip
