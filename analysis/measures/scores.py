"""How good the samples of some runs are, with what makes each score uncertain."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from aevae.files.hdf5 import Array
from analysis.maths.intervals import Estimate, combine, left_out, of_means
from analysis.maths.metrics import Floats
from analysis.measures import quality
from analysis.measures.quality import CLASSIFIER_SPACE, PCA_SPACE
from analysis.measures.study import Study
from analysis.sweep.load import Run


def recognisable(study: Study, runs: Sequence[Run], sampler: str) -> Estimate:
    """Share of samples of whose class a judge is sure: over seeds, judges and samples.

    Raises
    ------
    MissingIngredient
        There are no judges.
    """
    found = [quality.assess_samples(study, run, sampler).recognisable for run in runs]
    return share_of(np.stack(found))


def share_of(hits: Array) -> Estimate:
    """Share of what is so, for S seeds, J judges and N samples of each seed, (S, J, N)."""
    return of_means(hits[..., None], _only, judged=True, shared=False, shares=True)


def coverage(study: Study, runs: Sequence[Run], sampler: str, space: str) -> Estimate:
    """Share of real images near which there is a sample: over seeds and real images."""
    found = [quality.assess_samples(study, run, sampler).overlap[space].covered for run in runs]
    return of_means(np.stack(found)[:, None, :, None], _only, shares=True)


def frechet(study: Study, runs: Sequence[Run], sampler: str, space: str) -> Estimate:
    """Fréchet distance from the real images: over seeds; with one seed, there is no interval."""
    found = [quality.assess_samples(study, run, sampler).frechet[space] for run in runs]
    values = np.array(found)
    without = left_out(values, lambda kept: float(kept.mean()))
    return combine(float(values.mean()), seeds=without, counts=(len(runs), 0))


def _only(means: Floats) -> float:
    return float(means[0])


# By the names that the columns of the table `sample_quality` have.
SCORES: dict[str, Callable[[Study, Sequence[Run], str], Estimate]] = {
    "recognisable": recognisable,
    "coverage_pca": partial(coverage, space=PCA_SPACE),
    "coverage_classifier": partial(coverage, space=CLASSIFIER_SPACE),
    "frechet_pca": partial(frechet, space=PCA_SPACE),
    "frechet_classifier": partial(frechet, space=CLASSIFIER_SPACE),
}
