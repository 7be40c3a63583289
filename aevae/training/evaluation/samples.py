"""Images made by the decoder alone: from the prior, and from a mixture fitted on the codes."""

import warnings

import numpy as np
from numpy.typing import NDArray

from aevae.files import names
from aevae.files.fields import label_type
from aevae.files.hdf5 import Array
from aevae.training.evaluation.evaluator import Arrays, Evaluator
from aevae.training.seeds import derive_seed

MIXTURE_ROWS = 10_000
MIXTURE_TOLERANCE = 1e-2  # nats per code: finer ones gain nothing on held-out codes


def samples(run: Evaluator, train_mu: Array) -> Arrays:
    """Decoder-only generation: from the prior, and from a mixture fitted on the codes."""
    count = run.evaluation.samples_per_sampler
    # Sorted, and as many of each class as of every other, or one more.
    kind = label_type(run.classes)
    labels = (np.arange(count) * run.classes // count).astype(kind)
    arrays: Arrays = {}
    for sampler in names.SAMPLERS:
        rng = np.random.default_rng(derive_seed(run.config.seed, f"samples-{sampler}"))
        if sampler == "prior":
            z = rng.standard_normal((count, train_mu.shape[1]), dtype=np.float32)
        else:
            z = _mixture_samples(run.evaluation.mixture_components, train_mu, count, rng)
        arrays[names.sample(sampler, names.Z)] = z
        arrays[names.sample(sampler, names.IMAGE)] = run.decode(z, labels)
        if run.config.model.traits.conditional:
            arrays[names.sample(sampler, names.LABEL)] = labels
    return arrays


def _mixture_samples(
    components: int, codes: Array, count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Fit a Gaussian mixture with full covariances on the codes and draw (count, d) from it."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    rows = rng.permutation(len(codes))[:MIXTURE_ROWS]
    mixture = GaussianMixture(
        min(components, len(rows)),
        reg_covar=1e-4 * float(codes.var(axis=0).mean()) + 1e-6,
        max_iter=50,
        tol=MIXTURE_TOLERANCE,
        random_state=np.random.RandomState(rng.integers(2**32)),  # what scikit-learn takes
    )
    with warnings.catch_warnings():
        # 50 iterations are enough for a sampler; nothing depends on full convergence.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(codes[rows])
    # Fitted in single precision like the codes, too coarse for the checks of mixture.sample().
    shares = mixture.weights_.astype(np.float64)
    parts = [
        mean + rng.standard_normal((size, len(mean))) @ np.linalg.cholesky(covariance).T
        for size, mean, covariance in zip(
            rng.multinomial(count, shares / shares.sum()),
            mixture.means_,
            mixture.covariances_.astype(np.float64),
            strict=True,
        )
    ]
    # Component by component so far; the labels must not follow that order.
    return rng.permutation(np.concatenate(parts), axis=0).astype(np.float32)
