"""What single latent dimensions hold: dead ones, the KL of each, how far each is from N(0, 1).

NumPy in, NumPy out. N images, d latent size; everything in nats. z (N, d) is drawn from the
posteriors q(z|x), Gaussians with mean `mu` and log-variance `logvar`, (N, d) each. The aggregate
posterior q(z) is the mean of the N posteriors; `analysis.maths.aggregate` is about all its
dimensions together.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kstest

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats

# Nats of a dimension that carries information. If its samples over all images are Gaussian, their
# means then make up 18 % of its variance (1 - exp(-2 * 0.1)); of the least active unit, with a
# variance of 0.01, they make up 1 %, which is 0.005 nats.
INFORMATIVE_KL = 0.1


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
