"""Generated images: z is sampled from the prior, or from a mixture fitted to the codes."""

import warnings

import numpy as np
from numpy.typing import NDArray

from aevae.files import names
from aevae.files.fields import label_type
from aevae.files.hdf5 import Array
from aevae.training.evaluation.evaluator import Arrays, Evaluator
from aevae.training.seeds import derive_seed

MIXTURE_ROWS = 10_000
MIXTURE_TOLERANCE = 1e-2  # nats per code; a smaller one does not fit held-out codes better


def samples(run: Evaluator, codes: Array) -> Arrays:
    """Return z and decoded images of each sampler, and the labels of a conditional model.

    `codes` are those of the images that the run was trained on.
    """
    count = run.evaluation.samples_per_sampler
    # The labels are sorted, and the numbers of images of two classes differ by at most one.
    kind = label_type(run.classes)
    labels = (np.arange(count) * run.classes // count).astype(kind)
    arrays: Arrays = {}
    for sampler in names.SAMPLERS:
        rng = np.random.default_rng(derive_seed(run.config.seed, f"samples-{sampler}"))
        if sampler == "prior":
            z = rng.standard_normal((count, codes.shape[1]), dtype=np.float32)
        else:
            z = _mixture_samples(run.evaluation.mixture_components, codes, count, rng)
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
        random_state=np.random.RandomState(rng.integers(2**32)),  # scikit-learn takes no Generator
    )
    with warnings.catch_warnings():
        # 50 iterations are enough for a sampler; nothing depends on full convergence.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(codes[rows])
    # The mixture has the single precision of the codes, which fails the checks in mixture.sample().
    # So the samples are drawn here, in double precision.
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
    # The samples are ordered by component. They are shuffled, so that a label, which is given by
    # position, does not depend on the component.
    return rng.permutation(np.concatenate(parts), axis=0).astype(np.float32)
