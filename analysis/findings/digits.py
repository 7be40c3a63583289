"""Which digits are easy to reconstruct, and which are hard."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from aevae.datasets import DIGITS
from aevae.files import names
from analysis.findings.claim import Claim, Control, Outcome, Rule
from analysis.maths import metrics
from analysis.maths.intervals import Estimate, of_means
from analysis.maths.metrics import Floats
from analysis.measures.cells import run_errors
from analysis.measures.linear import mean_image_errors
from analysis.measures.study import Study, once_per_study
from analysis.sweep.load import Run
from analysis.write.prose import listed

HARD = (2, 8)
MEASURED = (
    "The test SSE of each digit, decoding the code or the posterior mean, is divided by the mean "
    "over all digits, so that all models and latent sizes count the same, and averaged over them. "
    "Supported if "
)
UNIT = "in % of the mean SSE, averaged over models and latent sizes"
RULE = Rule(
    0.0,
    "The article names an order and no distance.",
    2,
    datetime(2026, 11, 26, 14, 50, tzinfo=UTC),
    others=(2.0, 5.0, 10.0),
)
GROUP = "errors by digit"


def _ones(study: Study) -> Outcome:
    """Compare 1 with the best of the others."""
    return Outcome(_contrast(study, _errors(study), _of_ones), _ranking(study))


def _sevens(study: Study) -> Outcome:
    """Compare 7 with the best of the others but 1."""
    return Outcome(_contrast(study, _errors(study), _of_sevens), _ranking(study))


def _hardest(study: Study) -> Outcome:
    """Compare the better of 2 and 8 with the worst of the others."""
    return Outcome(_contrast(study, _errors(study), _of_hardest), _ranking(study))


def _of_ones(means: Floats) -> float:
    return float(_others(means, (1,)).min() - means[1])


def _of_sevens(means: Floats) -> float:
    return float(_others(means, (1, 7)).min() - means[7])


def _of_hardest(means: Floats) -> float:
    return float(means[[*HARD]].min() - _others(means, HARD).max())


def _others(means: Floats, digits: tuple[int, ...]) -> Floats:
    return np.delete(means, digits)


def _ones_of_mean_image(study: Study) -> Estimate:
    return _contrast(study, _relative_to_mean_image(study), _of_ones)


def _sevens_of_mean_image(study: Study) -> Estimate:
    return _contrast(study, _relative_to_mean_image(study), _of_sevens)


def _hardest_of_mean_image(study: Study) -> Estimate:
    return _contrast(study, _relative_to_mean_image(study), _of_hardest)


def _contrast(study: Study, values: Floats, contrast: Callable[[Floats], float]) -> Estimate:
    """Estimate a contrast of the errors by digit from relative errors (S, N)."""
    labels = study.sweep.labels("test")
    return of_means(
        values[:, None, :, None], lambda means: 100 * contrast(means[:, 0]), labels=labels
    )


def _relative_to_mean_image(study: Study) -> Floats:
    values = mean_image_errors(study)
    return np.asarray(values[None] / values.mean())


def _errors(study: Study) -> Floats:
    return _relative_errors(study, study.sweep.runs)


@once_per_study
def _relative_errors(study: Study, runs: tuple[Run, ...]) -> Floats:
    """Return, for each seed, the error of each image in units of the mean, averaged over cells."""
    by_seed: dict[int, list[Floats]] = {}
    for run in runs:
        with study.sweep.open(run) as results:
            values = run_errors(results, "test", names.SSE_AT_MEAN)
        by_seed.setdefault(run.config.seed, []).append(values / values.mean())
    most = max(map(len, by_seed.values()))
    return np.stack([np.mean(cells, axis=0) for cells in by_seed.values() if len(cells) == most])


def _ranking(study: Study) -> str:
    """Name the digits from easy to hard, and how much of what varies in each is lost."""
    labels = study.sweep.labels("test")
    means = metrics.mean_by_class(_errors(study).mean(axis=0), labels, len(DIGITS))
    of_image = metrics.mean_by_class(_relative_to_mean_image(study)[0], labels, len(DIGITS))
    lost = means / of_image
    return (
        f"From easy to hard: {_ordered(means)}. In units of the error of the mean image, which "
        f"is smaller for digits with little ink: {_ordered(lost / np.nanmean(lost))}."
    )


def _ordered(means: Floats) -> str:
    return listed(f"{digit} ({100 * means[digit]:.0f}%)" for digit in np.argsort(means))


def _control(measure: Callable[[Study], Estimate]) -> Control:
    return Control(
        "the mean image",
        "The mean training image in the place of every reconstruction. Its errors show how much "
        "ink varies in each digit; what holds for it says nothing of what models learn.",
        measure,
    )


CLAIMS = (
    Claim(
        "ones-easiest",
        GROUP,
        "The digit 1, being a straight line, is the easiest to reconstruct.",
        MEASURED + "1 has a smaller error than every other digit.",
        f"least SSE of the other digits less that of 1, {UNIT}",
        _ones,
        RULE,
        _control(_ones_of_mean_image),
        of_digits=True,
    ),
    Claim(
        "sevens-next",
        GROUP,
        "The digit 7, being made of straight lines, is the easiest to reconstruct beside 1.",
        MEASURED + "7 has a smaller error than every other digit but 1.",
        f"least SSE of the other digits but 1 less that of 7, {UNIT}",
        _sevens,
        RULE,
        _control(_sevens_of_mean_image),
        of_digits=True,
    ),
    Claim(
        "twos-and-eights-hardest",
        GROUP,
        "The digits 2 and 8 are the hardest to reconstruct, being made of loops and curves.",
        MEASURED + "2 and 8 both have a larger error than every other digit.",
        f"lesser SSE of 2 and 8 less the greatest SSE of the other digits, {UNIT}",
        _hardest,
        RULE,
        _control(_hardest_of_mean_image),
        of_digits=True,
    ),
)
