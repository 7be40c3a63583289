"""Where the latents of generated images are drawn from; `aevae.files.names` lists the samplers.

A model was trained to decode the latents of its training images. N(0, I) need not be like them, so
the other samplers are fitted on them: ex-post density estimation (Ghosh et al. 2020, From
Variational to Deterministic Autoencoders, sec. 4). NumPy in, NumPy out, without torch.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aevae.files import names
from aevae.files.hdf5 import Array

MIXTURE_ROWS = 10_000
MIXTURE_TOLERANCE = 1e-2  # nats per code; a smaller one does not fit held-out codes better

Latents = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Codes:
    """The posteriors of the images that a model was trained on.

    Parameters
    ----------
    mu
        Posterior means, or the codes of an AE, (N, d).
    logvar
        Log-variances, (N, d); None for an AE.
    labels
        Classes of the images, (N,), if the model is given them; else None.
    """

    mu: Array
    logvar: Array | None = None
    labels: Array | None = None

    def sampled(self, rng: np.random.Generator) -> Array:
        """Draw one z from each posterior, (N, d); the codes of an AE are points."""
        if self.logvar is None:
            return self.mu
        noise = rng.standard_normal(self.mu.shape, dtype=np.float32)
        return np.asarray(self.mu + np.exp(0.5 * self.logvar) * noise)


def draw(
    sampler: str, codes: Codes, requested: Array, components: int, rng: np.random.Generator
) -> Latents:
    """Draw latents.

    Parameters
    ----------
    sampler
        One of `aevae.files.names.SAMPLERS`.
    codes
        What the sampler is fitted on.
    requested
        Class of each image to generate, (M,). Only ``mixture`` heeds it, and only if the codes have
        labels: a conditional model expects latents that are usual for the class.
    components
        Number of Gaussians of a mixture. A mixture for each class has its part of them, at least
        one.
    rng
        Source of randomness.

    Returns
    -------
    ndarray
        Shape (M, d), float32.
    """
    count, d = len(requested), codes.mu.shape[1]
    if sampler == names.PRIOR:
        return rng.standard_normal((count, d), dtype=np.float32)
    if sampler == names.MIXTURE_OF_MEANS:
        return mixture(components, codes.mu, count, rng)
    z = codes.sampled(rng)
    if sampler == names.DIAGONAL:
        noise = rng.standard_normal((count, d), dtype=np.float32)
        return np.asarray(z.mean(axis=0) + z.std(axis=0) * noise, dtype=np.float32)
    if codes.labels is None:
        return mixture(components, z, count, rng)
    return _mixture_by_class(components, z, codes.labels, requested, rng)


def _mixture_by_class(
    components: int, z: Array, labels: Array, requested: Array, rng: np.random.Generator
) -> Latents:
    drawn = np.empty((len(requested), z.shape[1]), dtype=np.float32)
    share = max(1, components // len(np.unique(labels)))
    for label in np.unique(requested):
        asked = requested == label
        own = z[labels == label]
        # A class of one image has no spread, so it is given latents of all images.
        drawn[asked] = mixture(share, own if len(own) > 1 else z, int(asked.sum()), rng)
    return drawn


def mixture(components: int, codes: Array, count: int, rng: np.random.Generator) -> Latents:
    """Fit a Gaussian mixture with full covariances on the codes and draw (count, d) from it."""
    return fit_mixture(components, codes, rng).draw(count, rng)


@dataclass(frozen=True, eq=False)
class Mixture:
    """A fitted Gaussian mixture of K components, in double precision.

    Parameters
    ----------
    shares
        Weights of the components, (K,).
    means
        Their means, (K, d).
    factors
        Cholesky factors of their covariances, (K, d, d).
    """

    shares: NDArray[np.float64]
    means: Array
    factors: NDArray[np.float64]

    def draw(self, count: int, rng: np.random.Generator) -> Latents:
        """Draw latents, (count, d)."""
        parts = [
            mean + rng.standard_normal((size, len(mean))) @ factor.T
            for size, mean, factor in zip(
                rng.multinomial(count, self.shares), self.means, self.factors, strict=True
            )
        ]
        # The samples are ordered by component. They are shuffled, so that a label, which is given
        # by position, does not depend on the component.
        return rng.permutation(np.concatenate(parts), axis=0).astype(np.float32)


def fit_mixture(components: int, codes: Array, rng: np.random.Generator) -> Mixture:
    """Fit a Gaussian mixture with full covariances on the codes, (N, d)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    chosen = codes[rng.permutation(len(codes))[:MIXTURE_ROWS]]
    count = min(components, len(chosen))
    if len(chosen) == 1:
        chosen = chosen.repeat(2, axis=0)  # scikit-learn refuses a single one
    fitted = GaussianMixture(
        count,
        reg_covar=1e-4 * float(codes.var(axis=0).mean()) + 1e-6,
        max_iter=50,
        tol=MIXTURE_TOLERANCE,
        random_state=np.random.RandomState(rng.integers(2**32)),  # scikit-learn takes no Generator
    )
    with warnings.catch_warnings():
        # 50 iterations are enough for a sampler; nothing depends on full convergence.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted.fit(chosen)
    # The mixture has the single precision of the codes, which fails the checks in mixture.sample().
    # So the samples are drawn by `Mixture`, in double precision.
    shares = fitted.weights_.astype(np.float64)
    factors = np.linalg.cholesky(fitted.covariances_.astype(np.float64))
    return Mixture(shares / shares.sum(), fitted.means_, factors)
