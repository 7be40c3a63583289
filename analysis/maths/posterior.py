"""What a latent space holds: dead and active dimensions, and where the KL term goes.

NumPy in, NumPy out. N images, d latent size; everything in nats. z (N, d) is drawn from the
posteriors q(z|x), Gaussians with mean `mu` and log-variance `logvar`, (N, d) each. The aggregate
posterior q(z) is the mean of the N posteriors.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import kstest

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats, standard_error

DRAWS = 1000
CHUNK = 50  # draws at a time; 4 bytes x CHUNK x N stay in the processor's cache
LOG_TWO_PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Decomposition:
    """Where the KL term goes, in nats per image: the three parts add up to the KL.

    `mutual_information` of image and code is at most log N, since q(z) knows N images only. Where
    the KL comes near that bound, what is missing here is counted as `total_correlation`.
    """

    mutual_information: float
    mutual_information_se: float
    total_correlation: float
    dimension_wise_kl: float


def decompose_kl(z: Array, mu: Array, logvar: Array, draws: int = DRAWS) -> Decomposition:
    """Split the KL into mutual information, total correlation and dimension-wise KL.

    Source: Chen et al., Isolating Sources of Disentanglement (2018), eq. 2. The densities of the
    aggregate posterior are exact sums over all N posteriors, not over a minibatch; expectations
    over it are means over evenly spaced draws of z.

    Parameters
    ----------
    z, mu, logvar
        Shape (N, d): one draw of each posterior, and the posteriors.
    draws
        How many rows of `z` are used; the standard error of the mutual information is that of
        the mean over these.
    """
    rows = np.unique(np.linspace(0, len(z) - 1, min(draws, len(z))).astype(int))
    z = z[rows]
    conditional = _log_normal(z, mu[rows], logvar[rows]).sum(axis=1)
    joint, marginals = _aggregate_log_density(z, mu, logvar)
    prior = _log_normal(z, 0.0, 0.0).sum(axis=1)
    information = conditional - joint
    return Decomposition(
        float(information.mean()),
        standard_error(information),
        float((joint - marginals).mean()),
        float((marginals - prior).mean()),
    )


def _log_normal(z: Array, mu: Array | float, logvar: Array | float) -> Floats:
    """Log-density of independent Gaussians, elementwise."""
    deviation = np.asarray(z, dtype=np.float64) - mu
    return np.asarray(-0.5 * (deviation**2 / np.exp(logvar) + logvar + LOG_TWO_PI))


def _aggregate_log_density(z: Array, mu: Array, logvar: Array) -> tuple[Floats, Floats]:
    """Return log q(z), and the sum over dimensions of log q(z_k), for draws (M, d): (M,) each."""
    # One dimension after the other, each contiguous in memory: twice as fast.
    mu, logvar = np.ascontiguousarray(mu.T), np.ascontiguousarray(logvar.T)
    # Scaled such that a log-density is offset - (z * scale - centre)^2.
    scale = np.exp(-0.5 * logvar) * np.float32(np.sqrt(0.5))
    centre = mu * scale
    offset = -0.5 * (logvar + np.float32(LOG_TWO_PI))
    count = mu.shape[1]
    joint, marginals = np.empty(len(z)), np.zeros(len(z))
    for start in range(0, len(z), CHUNK):
        chunk = slice(start, start + CHUNK)
        total = np.zeros((len(z[chunk]), count), dtype=np.float32)
        density = np.empty_like(total)
        for k, column in enumerate(z[chunk].T):
            np.multiply.outer(column, scale[k], out=density)
            density -= centre[k]
            np.square(density, out=density)
            np.subtract(offset[k], density, out=density)
            total += density
            np.exp(density, out=density)
            # The posterior that a draw came from keeps this mean from vanishing.
            marginals[chunk] += np.log(density.mean(axis=1))
        joint[chunk] = logsumexp(total, axis=1) - np.log(count)
    return joint, marginals


def kl_per_dimension(mu: Array, logvar: Array) -> Floats:
    """KL of the posteriors from N(0, I) by dimension, mean over the images, shape (d,).

    Source: Kingma and Welling (2014), appendix B.
    """
    mu, logvar = mu.astype(np.float64), logvar.astype(np.float64)
    return np.asarray(0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).mean(axis=0))


def aggregate_moments(mu: Array, logvar: Array | None) -> tuple[Floats, Floats]:
    """Mean and variance of the aggregate posterior by dimension, (d,) each; (0, 1) is N(0, I).

    Without `logvar`, those of the codes `mu` of an autoencoder.
    """
    mu = mu.astype(np.float64)
    within = 0.0 if logvar is None else np.exp(logvar.astype(np.float64)).mean(axis=0)
    return mu.mean(axis=0), np.asarray(mu.var(axis=0) + within)


def distance_from_normal(z: Array) -> Floats:
    """Kolmogorov-Smirnov distance of each dimension of draws (N, d) from N(0, 1), from 0 to 1."""
    # The method concerns the p-value only; an exact one would take ten times as long.
    tests = [kstest(column, "norm", method="asymp") for column in z.T.astype(np.float64)]
    return np.array([test.statistic for test in tests])


def dead_units(codes: Array) -> NDArray[np.bool_]:
    """Tell which dimensions of the training codes (N, d) of an autoencoder are 0 for every image.

    A ReLU unit that no image excites gets no gradient and stays so.
    """
    return np.asarray(~codes.any(axis=0))
