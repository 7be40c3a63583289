"""Which digits are easy to reconstruct, and which are hard."""

from collections.abc import Callable

import numpy as np

from aevae.datasets import DIGITS
from aevae.files import names
from analysis.findings.claim import Claim, Interval, Outcome, Rows, interval
from analysis.maths import metrics
from analysis.maths.metrics import Floats, Labels
from analysis.measures.cells import run_errors
from analysis.measures.study import Study, once_per_study
from analysis.sweep.load import Run
from analysis.write.prose import listed

HARD = (2, 8)
MEASURED = (
    "The test SSE of each digit is divided by the mean over all digits, so that all models and "
    "latent sizes count the same, and averaged over them. Supported if "
)
UNIT = "in % of the mean SSE, averaged over models and latent sizes"


def _ones(study: Study) -> Outcome:
    """Compare 1 with the best of the others."""
    effect = _contrast(study, lambda means: _others(means, (1,)).min() - means[1])
    return Outcome(effect, effect.above(0), _ranking(study))


def _sevens(study: Study) -> Outcome:
    """Compare 7 with the best of the others but 1."""
    effect = _contrast(study, lambda means: _others(means, (1, 7)).min() - means[7])
    return Outcome(effect, effect.above(0), _ranking(study))


def _hardest(study: Study) -> Outcome:
    """Compare the better of 2 and 8 with the worst of the others."""
    effect = _contrast(study, lambda means: means[[*HARD]].min() - _others(means, HARD).max())
    return Outcome(effect, effect.above(0), _ranking(study))


def _others(means: Floats, digits: tuple[int, ...]) -> Floats:
    return np.delete(means, digits)


def _contrast(study: Study, contrast: Callable[[Floats], float]) -> Interval:
    """Estimate a contrast of the relative errors (10,) of the digits."""
    labels = study.sweep.labels("test")

    def effect(values: Floats) -> Callable[[Rows], float]:
        return lambda rows: 100 * contrast(_means(values[rows], labels[rows]))

    return interval([effect(values) for values in _errors_by_seed(study)], len(labels))


def _means(values: Floats, labels: Labels) -> Floats:
    return metrics.mean_by_class(values, labels, len(DIGITS))


def _errors_by_seed(study: Study) -> list[Floats]:
    return _relative_errors(study, study.sweep.runs)


@once_per_study
def _relative_errors(study: Study, runs: tuple[Run, ...]) -> list[Floats]:
    """Return, for each seed, the error of each image in units of the mean, averaged over cells."""
    by_seed: dict[int, list[Floats]] = {}
    for run in runs:
        with study.sweep.open(run) as results:
            values = run_errors(results, "test", names.SSE_AT_MEAN)
        by_seed.setdefault(run.config.seed, []).append(values / values.mean())
    most = max(map(len, by_seed.values()))
    return [np.mean(cells, axis=0) for cells in by_seed.values() if len(cells) == most]


def _ranking(study: Study) -> str:
    """Name the digits from easy to hard, with their errors in % of the mean."""
    values = np.mean(_errors_by_seed(study), axis=0)
    means = 100 * _means(values, study.sweep.labels("test"))
    order = np.argsort(means)
    return f"From easy to hard: {listed(f'{digit} ({means[digit]:.0f}%)' for digit in order)}."


CLAIMS = (
    Claim(
        "ones-easiest",
        "The digit 1, being a straight line, is the easiest to reconstruct.",
        MEASURED + "1 has a smaller error than every other digit.",
        f"least SSE of the other digits less that of 1, {UNIT}",
        _ones,
        of_digits=True,
    ),
    Claim(
        "sevens-next",
        "The digit 7, being made of straight lines, is the easiest to reconstruct beside 1.",
        MEASURED + "7 has a smaller error than every other digit but 1.",
        f"least SSE of the other digits but 1 less that of 7, {UNIT}",
        _sevens,
        of_digits=True,
    ),
    Claim(
        "twos-and-eights-hardest",
        "The digits 2 and 8 are the hardest to reconstruct, being made of loops and curves.",
        MEASURED + "2 and 8 both have a larger error than every other digit.",
        f"lesser SSE of 2 and 8 less the greatest SSE of the other digits, {UNIT}",
        _hardest,
        of_digits=True,
    ),
)
