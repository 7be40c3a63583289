"""The aggregate posterior q(z), the mean of the posteriors of all images, and what follows from it.

NumPy in, NumPy out; everything in nats. q(z) is known through N images only. Its log-density at a
z that was drawn from the posterior of one of them is therefore bracketed. With this posterior
counted in, the N posteriors are all that z can come from, and the density is too high on average;
with this posterior left out, z is new to the other N - 1, and the density is too low on average.
The true mean, for the distribution that the N images come from, lies between. Source: Poole et al.,
On Variational Bounds of Mutual Information (2019), sec. 2.5 (both bounds with a known q(z|x)).

The same holds of each latent alone, and of the class: given the N images, the class of z is known
better than from z alone, so that the entropy is too small; a classifier made of the others has a
cross-entropy that is too large.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats, Labels, standard_error

VALUES = 2_000_000  # of a chunk of draws times N posteriors, 8 bytes each
STEP = 0.5  # between two points of a spline, in standard deviations of the narrowest posterior
LEAST_POINTS = 4  # of a cubic spline
LONELY = 0.1  # share of the own posterior in a density, above which it is computed exactly
LOG_TWO_PI = float(np.log(2 * np.pi))
UNSURE = 1e-3  # weight of an even guess in the classifier, whose logarithm then stays finite


@dataclass(frozen=True)
class Bracket:
    """Two values for each draw, shape (M,); the mean of a quantity lies between their means."""

    low: Floats
    high: Floats

    @property
    def ends(self) -> tuple[float, float]:
        """Means over the draws."""
        return float(self.low.mean()), float(self.high.mean())

    @property
    def error(self) -> float:
        """The larger of the standard errors of the two means, over the draws."""
        return max(standard_error(self.low), standard_error(self.high))

    @property
    def middle(self) -> Floats:
        """The mean of the two values of each draw, shape (M,)."""
        return (self.low + self.high) / 2

    def __add__(self, values: Floats | float) -> "Bracket":
        return Bracket(self.low + values, self.high + values)

    def __sub__(self, other: "Bracket") -> "Bracket":
        return Bracket(self.low - other.high, self.high - other.low)


@dataclass(frozen=True)
class Densities:
    """Log-densities at M draws of z, each from the posterior of another image.

    Parameters
    ----------
    count
        Number N of images whose posteriors make up q(z).
    own, prior
        log q(z|x) of the image that z was drawn for, and that of N(0, I); shape (M,).
    joint, marginals
        log q(z), and the sum over the latents k of log q(z_k).
    label
        log p(y|z) of the image's class y; None without classes.
    hits
        Whether y is the most probable class by the posteriors of all other images, shape (M,):
        what a classifier reads that knows the noise of every dimension. None without classes.
    label_entropy
        H(y) of the N images.
    """

    count: int
    own: Floats
    prior: Floats
    joint: Bracket
    marginals: Bracket
    label: Bracket | None
    hits: NDArray[np.bool_] | None
    label_entropy: float

    @property
    def mutual_information(self) -> Bracket:
        """I(x; z): what z tells of the image. Its lower end cannot exceed log N."""
        return Bracket(self.own, self.own) - self.joint

    @property
    def divergence(self) -> Bracket:
        """KL(q(z) || N(0, I)): how far all latents together are from what is decoded as noise."""
        return self.joint + -self.prior

    @property
    def total_correlation(self) -> Bracket:
        """KL(q(z) || product of q(z_k)): how much the latents depend on each other."""
        return self.joint - self.marginals

    @property
    def dimension_wise_kl(self) -> Bracket:
        """Sum over k of KL(q(z_k) || N(0, 1)): how far each latent alone is from the prior."""
        return self.marginals + -self.prior

    @property
    def class_information(self) -> Bracket | None:
        """I(z; y): what z tells of the class, at most H(y). None without classes."""
        return self.label and self.label + self.label_entropy


def measure_densities(
    z: Array, rows: NDArray[np.intp], mu: Array, logvar: Array, labels: Labels | None = None
) -> Densities:
    """Evaluate the aggregate posterior, with all its parts, at draws from some of them.

    Parameters
    ----------
    z, rows
        Draws, shape (M, d), and the image that each was drawn for, (M,).
    mu, logvar
        Posteriors of all images, shape (N, d) each.
    labels
        Their classes, shape (N,).
    """
    own = _log_normal(z, mu[rows], logvar[rows]).sum(axis=1)
    prior = _log_normal(z, 0.0, 0.0).sum(axis=1)
    classes = None if labels is None else np.eye(labels.max() + 1, dtype=np.float32)[labels]
    joint, label, hits = [], [], []
    for chunk, logs in _log_densities(z, mu, logvar):
        parts = _Parts.of(logs, rows[chunk])
        joint.append(parts.mean)
        if labels is not None and classes is not None:
            own_class = labels[rows[chunk]]
            every = parts.by_class(classes)
            label.append(parts.share(every, own_class, len(np.unique(labels))))
            hits.append(every.argmax(axis=1) == own_class)
    shares = np.bincount([] if labels is None else labels) / len(mu)
    entropy = -float(np.sum(shares[shares > 0] * np.log(shares[shares > 0])))
    return Densities(
        len(mu),
        own,
        prior,
        _join(joint),
        _sum_marginals(z, rows, mu, logvar),
        _join(label) if label else None,
        np.concatenate(hits) if hits else None,
        entropy,
    )


def _log_normal(z: Array, mu: Array | float, logvar: Array | float) -> Floats:
    """Log-density of independent Gaussians, elementwise."""
    deviation = np.asarray(z, dtype=np.float64) - mu
    return np.asarray(-0.5 * (deviation**2 / np.exp(logvar) + logvar + LOG_TWO_PI))


def _log_densities(z: Array, mu: Array, logvar: Array) -> Iterator[tuple[slice, Floats]]:
    """Yield chunks of the draws with log q(z|x) for all N images, (C, N).

    The exponents are quadratic in z, so one matrix product gives all of them. Their parts cancel
    where a posterior is narrow: in double precision, enough digits remain.
    """
    mu, logvar = mu.astype(np.float64), logvar.astype(np.float64)
    precision = np.exp(-logvar)
    factors = np.concatenate([-0.5 * precision, mu * precision], axis=1).T
    constant = -0.5 * (mu**2 * precision + logvar + LOG_TWO_PI).sum(axis=1)
    step = max(1, VALUES // len(mu))
    for start in range(0, len(z), step):
        chunk = slice(start, start + step)
        part = z[chunk].astype(np.float64)
        logs = np.concatenate([part**2, part], axis=1) @ factors
        logs += constant
        yield chunk, logs


def _sum_marginals(z: Array, rows: NDArray[np.intp], mu: Array, logvar: Array) -> Bracket:
    """Return the sum over the latents k of log q(z_k); arguments as of `measure_densities`."""
    total = Bracket(np.zeros(len(z)), np.zeros(len(z)))
    for k in range(z.shape[1]):
        one = slice(k, k + 1)  # keeps the axis
        found = _marginal(z[:, one], rows, mu[:, one], logvar[:, one])
        total = Bracket(total.low + found.low, total.high + found.high)
    return total


def _marginal(z: Array, rows: NDArray[np.intp], mu: Array, logvar: Array) -> Bracket:
    """Return log q(z) of one latent, from M draws (M, 1) and N posteriors (N, 1).

    A mean of thousands of posteriors is smooth on the scale of the narrowest. So its logarithm is
    computed at points, closer together than that, and in between by a cubic spline, if these are
    fewer than the draws. Where few posteriors but the own one lie near a draw, it is not smooth
    and computed exactly.
    """
    spacing = STEP * np.exp(0.5 * logvar.min().astype(np.float64))
    points = int(min(np.ptp(z) / spacing, len(z))) + 2
    if not LEAST_POINTS <= points < len(z):
        return _exact(z, rows, mu, logvar)
    at = np.linspace(z.min(), z.max(), points, dtype=np.float64)
    sums = []
    for _, logs in _log_densities(at[:, None], mu, logvar):
        factor, weights = _split(logs)
        sums.append(factor + np.log(weights.sum(axis=1), dtype=np.float64))
    every = CubicSpline(at, np.concatenate(sums))(z[:, 0])
    own = _log_normal(z, mu[rows], logvar[rows])[:, 0]
    share = np.exp(np.minimum(own - every, 0))
    lonely = share > LONELY
    low = every + np.log1p(-np.where(lonely, 0, share)) - np.log(len(mu) - 1)
    high = every - np.log(len(mu))
    if lonely.any():
        exact = _exact(z[lonely], rows[lonely], mu, logvar)
        low[lonely], high[lonely] = exact.low, exact.high
    return Bracket(low, high)


def _exact(z: Array, rows: NDArray[np.intp], mu: Array, logvar: Array) -> Bracket:
    """Return log q(z) at each draw, from all posteriors."""
    chunks = _log_densities(z, mu, logvar)
    return _join([_Parts.of(logs, rows[chunk]).mean for chunk, logs in chunks])


@dataclass(frozen=True)
class _Parts:
    """Densities of C draws under N posteriors: that of the own one, and those of all others.

    `own` are logarithms, (C,). The others are `weights` (C, N), with 0 in the place of the own one,
    times a factor for each draw, whose logarithm is `factor` (C,).
    """

    own: Floats
    factor: Floats
    weights: Array

    @staticmethod
    def of(logs: Floats, rows: NDArray[np.intp]) -> "_Parts":
        """Take log-densities (C, N) apart, and change them: a copy would take as long."""
        at = np.arange(len(rows)), rows
        own = logs[at]
        logs[at] = -np.inf
        return _Parts(own, *_split(logs))

    @property
    def mean(self) -> Bracket:
        """Logarithm of the mean of the others, and of all."""
        count = self.weights.shape[1]
        others = self._log(self.weights.sum(axis=1))
        return Bracket(others - np.log(count - 1), np.logaddexp(others, self.own) - np.log(count))

    def by_class(self, classes: Array) -> Floats:
        """Sum the weights of each class, (C, K), given the classes (N, K) of all as 0 and 1."""
        return np.asarray(self.weights @ classes, dtype=np.float64)

    def share(self, every: Floats, labels: Labels, count: int) -> Bracket:
        """Log-probability of the draws' classes (C,), from the sums `by_class`.

        Without the own posterior it is mixed with an even guess among `count` classes.
        """
        same, others = every[np.arange(len(labels)), labels], every.sum(axis=1)
        without = (1 - UNSURE) * same / others + UNSURE / count
        counted_in = np.logaddexp(self._log(same), self.own)
        return Bracket(np.log(without), counted_in - np.logaddexp(self._log(others), self.own))

    def _log(self, sums: Array) -> Floats:
        with np.errstate(divide="ignore"):  # no other image has this class
            return np.asarray(self.factor + np.log(sums, dtype=np.float64))


def _join(parts: list[Bracket]) -> Bracket:
    return Bracket(
        np.concatenate([part.low for part in parts]), np.concatenate([part.high for part in parts])
    )


def _split(logs: Floats) -> tuple[Floats, Array]:
    """Take exp(logs), (C, N), apart: the logarithm of a factor for each row (C,), and weights.

    The weights (C, N) are at most 1, so that single precision is enough; it is twice as fast.
    """
    factor = logs.max(axis=1, initial=np.finfo(np.float64).min)
    weights = np.empty(logs.shape, dtype=np.float32)
    np.subtract(logs, factor[:, None], out=weights, casting="same_kind")
    return factor, np.exp(weights, out=weights)
