"""The latents of the images of a run: one sample of each posterior, or the posterior means.

The decoder is trained on samples. A dimension that has collapsed, q(z_k|x) close to N(0, 1), still
has a mean that differs a little between images. The noise hides the difference from the decoder,
but whatever reads the means sees it.
"""

from typing import Literal

import numpy as np

from aevae.files import names
from aevae.files.hdf5 import Array
from aevae.files.schema import Results
from analysis.sweep.load import MissingIngredient, Run

At = Literal["sample", "mean"]
SAMPLE: At = "sample"
MEAN: At = "mean"
NOISE_SEED = 0


def has_samples(run: Run) -> bool:
    """Tell whether latents of the training images can be sampled, as from schema 5 on."""
    return not run.kind.variational or names.of_split("train", names.LOGVAR) in run.checked


def read_latents(results: Results, split: str, at: At) -> Array:
    """Read the latents of a split, shape (N, d); an AE has only codes, whatever `at` says.

    The samples of the test images are stored. Those of another split are drawn from its
    posteriors, always with the same noise.

    Raises
    ------
    MissingIngredient
        The file has no variances of the posteriors of the split.
    """
    mean, sample = names.of_split(split, names.MU), names.of_split(split, names.Z)
    if at == MEAN or not results.config.model.traits.variational:
        return results.array(mean)
    return results.array(sample) if sample in results else _draw(*read_posteriors(results, split))


def read_posteriors(results: Results, split: str) -> tuple[Array, Array]:
    """Read the means and log-variances of the posteriors of a split, shape (N, d) each.

    Raises
    ------
    MissingIngredient
        The file has no variances of the posteriors of the split.
    """
    variance = names.of_split(split, names.LOGVAR)
    if variance not in results:
        raise MissingIngredient(
            f"{results.run_id}: its results have no {variance}; `aevae evaluate --again` adds it"
        )
    return results.array(names.of_split(split, names.MU)), results.array(variance)


def _draw(mu: Array, logvar: Array) -> Array:
    noise = np.random.default_rng(NOISE_SEED).standard_normal(mu.shape, dtype=np.float32)
    return np.asarray(mu + np.exp(0.5 * logvar) * noise)
