"""The aggregate posterior of a run, evaluated at samples of the posteriors of its training images.

Results before schema 5 have no variances of these. The test images stand in for the training images
then: they are fewer, so the brackets are wider.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.maths.aggregate import Bracket, Densities, measure_densities
from analysis.maths.metrics import Floats
from analysis.measures.latents import SAMPLE, has_samples, read_latents, read_posteriors
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import MissingIngredient, Run

LEAST_DRAWS, MOST_DRAWS = 1000, 2000
LATENTS = 20_000  # drawn in all, so that large latent sizes do not take much longer

# Parts of the KL, their sum without the first, and what z tells of the class.
PARTS = ("mutual_information", "total_correlation", "dimension_wise_kl")
BRACKETED = (*PARTS, "divergence", "class_information")
UNKNOWN = (np.nan,) * 3


@dataclass(frozen=True)
class Aggregate:
    """What is kept of the densities of a run: little, since a sweep may have thousands of runs.

    What the run does not have is NaN.

    Parameters
    ----------
    count
        Number N of images whose posteriors make up q(z).
    ends
        Low end, high end and standard error of each `BRACKETED` quantity.
    divergence
        KL(q(z) || N(0, I)) at each draw, the middle of its bracket; shape (M,).
    class_accuracy
        Share of the draws whose class the posteriors of all other images give.
    label_entropy
        H(y) of the N images.
    """

    count: float
    ends: Mapping[str, tuple[float, ...]]
    divergence: Floats
    class_accuracy: float
    label_entropy: float

    @staticmethod
    def of(densities: Densities) -> "Aggregate":
        """Take from densities what is kept."""
        brackets: dict[str, Bracket | None] = {n: getattr(densities, n) for n in BRACKETED}
        ends = {
            n: (*found.ends, found.error) if found else UNKNOWN for n, found in brackets.items()
        }
        middle = densities.divergence.middle
        if densities.hits is None:
            return Aggregate(densities.count, ends, middle, np.nan, np.nan)
        accuracy = float(densities.hits.mean())
        return Aggregate(densities.count, ends, middle, accuracy, densities.label_entropy)

    @staticmethod
    def of_codes() -> "Aggregate":
        """Return that of an AE, whose codes have no density."""
        ends = dict.fromkeys(BRACKETED, UNKNOWN)
        return Aggregate(np.nan, ends, np.empty(0), np.nan, np.nan)


def split_of(run: Run) -> str:
    """Name the split whose posteriors make up q(z)."""
    return "train" if has_samples(run) else "test"


def seen_rows(run: Run) -> slice:
    """Return the rows of that split that count: of the training images, those of the run."""
    return run.config.data.trained_rows if split_of(run) == "train" else slice(None)


def draws(latent_size: int) -> int:
    """Tell at how many z the densities are evaluated."""
    return min(MOST_DRAWS, max(LEAST_DRAWS, LATENTS // latent_size))


@once_per_study
@kept_for_commands
def find_aggregate(study: Study, run: Run) -> Aggregate:
    """Evaluate q(z) and its parts at draws for evenly spaced images, the same for all runs.

    Runs of one latent size share these images and the noise, so that differences between runs can
    be taken draw by draw.

    Raises
    ------
    MissingIngredient
        The model is not variational.
    """
    if not run.kind.variational:
        raise MissingIngredient(f"{run.run_id}: its codes have no density")
    split, kept = split_of(run), seen_rows(run)
    with study.sweep.open(run) as results:
        mu, logvar = (array[kept] for array in read_posteriors(results, split))
        z = read_latents(results, split, SAMPLE)[kept]
    labels = study.sweep.labels(split)[kept] if study.data.classes else None
    rows = np.unique(np.linspace(0, len(z) - 1, draws(run.latent_size)).astype(np.intp))
    return Aggregate.of(measure_densities(z[rows], rows, mu, logvar, labels))
