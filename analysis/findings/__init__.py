"""The claims of the article, each tested on the sweep at hand; one module per subject.

Every claim has a rule that is the same for every sweep, with the time of its last change, and a
control that must fail it. The verdict follows from a 95% interval over seeds, judges and images,
adjusted for the number of claims.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, groupby

from analysis.findings import (
    digits,
    generation,
    latents,
    neighbourhoods,
    planes,
    reconstruction,
    samples,
    sizes,
)
from analysis.findings.claim import Claim, Measured
from analysis.findings.result import ClaimResult, judge
from analysis.measures import quality
from analysis.measures.processes import side_by_side
from analysis.measures.study import Study

__all__ = ["CLAIMS", "Claim", "ClaimResult", "findings"]

CLAIMS: tuple[Claim, ...] = (
    *digits.CLAIMS,
    *sizes.CLAIMS,
    *reconstruction.CLAIMS,
    *generation.CLAIMS,
    *samples.CLAIMS,
    *planes.CLAIMS,
    *neighbourhoods.CLAIMS,
    *latents.CLAIMS,
)


def findings(
    study: Study, track: Callable[[Sequence[Claim]], Iterable[Claim]] = iter, jobs: int = 1
) -> tuple[ClaimResult, ...]:
    """Test every claim that concerns the images of a study, in the order of the article.

    In a sweep with axes, claims are tested at its reference cell.

    Parameters
    ----------
    study
        Its sweep has at least one finished run.
    track
        Wraps the list of claims while they are tested, for example in a progress bar.
    jobs
        Number of processes.
    """
    concerned = [claim for claim in CLAIMS if claim.concerns(study)]
    reference = study.reference
    # Claims of a group share measures, so that one process tests them all.
    groups = [tuple(members) for _, members in groupby(concerned, lambda claim: claim.group)]
    if jobs > 1:
        quality.feature_spaces(reference)  # most groups need it: not once in every process
    measured = side_by_side(partial(_measure, reference), groups, jobs, ordered=True)
    each = [found for _, found in zip(track(concerned), chain.from_iterable(measured), strict=True)]
    return judge(reference, concerned, each)


def _measure(study: Study, claims: Sequence[Claim]) -> list[Measured]:
    return [claim.measured(study) for claim in claims]
