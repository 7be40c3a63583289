"""Numbers computed from stored arrays. NumPy in, NumPy out; nothing is read or drawn here.

N images, d latent size, K importance samples. SSE is the sum of squared pixel errors of one image
with intensities in [0, 1]; KL, ELBO and bounds are in nats per image.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

PIXELS = 784
DIGITS = 10

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]


def mean_by_digit(values: ArrayLike, labels: Labels) -> Floats:
    """Average per-image values within each digit.

    Parameters
    ----------
    values
        Shape (N,).
    labels
        Digits 0-9, shape (N,).

    Returns
    -------
    ndarray
        Means, shape (10,), summed in double precision; NaN for a digit without images.
    """
    counts = np.bincount(labels, minlength=DIGITS)
    sums = np.bincount(labels, weights=np.asarray(values), minlength=DIGITS)
    means = np.full(DIGITS, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def bootstrap_interval(
    values: ArrayLike, *, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of the mean (Efron and Tibshirani 1993, ch. 13).

    Parameters
    ----------
    values
        One value per image, shape (N,); NaN bounds if it is empty.
    seed
        Of the resampling: the same values give the same interval.
    resamples
        Number of samples of N images drawn with replacement.
    level
        Coverage of the interval.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    # One resample at a time: all of them at once would take 80 MB for 10,000 images.
    means = [sample[rng.integers(sample.size, size=sample.size)].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def elbo(sse: ArrayLike, kl: ArrayLike, *, constants: bool = True) -> Floats:
    """Evidence lower bound of each image under the Gaussian likelihood with variance 1/2.

    With that variance -log p(x|z) is SSE + 392 ln(pi): Kingma and Welling (2014), eq. 3.

    Parameters
    ----------
    sse, kl
        Shape (N,) each; `sse` of one sampled z estimates the expectation over q(z|x).
    constants
        Include -392 ln(pi), so that the bound is one on log p(x).
    """
    bound = -(np.asarray(sse, dtype=np.float64) + np.asarray(kl, dtype=np.float64))
    return np.asarray(bound - PIXELS / 2 * np.log(np.pi) if constants else bound)


def iwae_bound(log_weights: ArrayLike) -> Floats:
    """Importance-weighted bound on log p(x): Burda et al. (2016), eq. 8.

    Parameters
    ----------
    log_weights
        log p(x, z) - log q(z|x) for K samples z of each image, shape (N, K).

    Returns
    -------
    ndarray
        Shape (N,), nats.
    """
    weights = np.asarray(log_weights, dtype=np.float64)
    return np.asarray(_log_sum_exp(weights) - np.log(weights.shape[1]))


def effective_sample_size(log_weights: ArrayLike) -> Floats:
    """Kish's effective number of the K importance samples of each image, from 1 to K.

    Near 1 the bound of `iwae_bound` rests on a single sample. Takes log-weights of shape (N, K)
    and returns shape (N,).
    """
    weights = np.asarray(log_weights, dtype=np.float64)
    return np.asarray(np.exp(2 * _log_sum_exp(weights) - _log_sum_exp(2 * weights)))


def active_units(mu: ArrayLike, threshold: float = 0.01) -> int:
    """Count latent dimensions whose mean varies over the images: Burda et al. (2016), sec. 5.

    Parameters
    ----------
    mu
        Posterior means, or the codes of an AE, shape (N, d).
    threshold
        Least variance over the images of an active dimension.
    """
    return int((np.asarray(mu, dtype=np.float64).var(axis=0) > threshold).sum())


def _log_sum_exp(values: Floats) -> Floats:
    """Reduce the last axis without overflow."""
    return np.asarray(np.logaddexp.reduce(values, axis=-1))
