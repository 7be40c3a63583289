"""The aggregate posterior of a run, evaluated at samples of the posteriors of its training images.

Results before schema 5 have no variances of these. The test images stand in for the training images
then: they are fewer, so the brackets are wider.
"""

import numpy as np

from analysis.maths.aggregate import Densities, measure_densities
from analysis.measures.latents import SAMPLE, has_samples, read_latents, read_posteriors
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import MissingIngredient, Run

LEAST_DRAWS, MOST_DRAWS = 1000, 2000
LATENTS = 20_000  # drawn in all, so that large latent sizes do not take much longer


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
def find_densities(study: Study, run: Run) -> Densities:
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
    return measure_densities(z[rows], rows, mu, logvar, labels)
