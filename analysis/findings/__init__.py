"""The claims of the article, each tested on the sweep at hand; one module per subject.

Every claim has a rule that is the same for every sweep: the verdict follows from a 95% interval,
over the seeds if there are several, else over the images; then differences between trainings are
not part of it. The classifier and the rule on interpolation were revised after their numbers on the
quickstart and 18-cell sweeps had been seen; a fresh sweep is the cleaner test.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from analysis.findings import digits, generation, latents, reconstruction, sizes
from analysis.findings.claim import Claim, ClaimResult
from analysis.measures.processes import side_by_side
from analysis.measures.study import Study

__all__ = ["CLAIMS", "Claim", "ClaimResult", "findings"]

CLAIMS: tuple[Claim, ...] = (
    *digits.CLAIMS,
    *sizes.CLAIMS,
    *reconstruction.CLAIMS,
    *generation.CLAIMS,
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
    results = side_by_side(partial(_find, study.reference), concerned, jobs, ordered=True)
    return tuple(result for _, result in zip(track(concerned), results, strict=True))


def _find(study: Study, claim: Claim) -> ClaimResult:
    return claim.find(study)
