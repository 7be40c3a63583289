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

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats, Labels, standard_error

VALUES = 500_000  # of a chunk of draws times N posteriors: 4 bytes each stay in the cache
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
    """Evaluate the aggregate posterior, exactly, at draws from some of its parts.

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
    ends: dict[str, list[Bracket]] = {"joint": [], "marginals": [], "label": []}
    hits = []
    for chunk, logs, marginals in _log_densities(z, rows, mu, logvar):
        parts = _Parts.of(logs, rows[chunk])
        ends["joint"].append(parts.mean)
        ends["marginals"].append(marginals)
        if labels is not None and classes is not None:
            own_class = labels[rows[chunk]]
            every = parts.by_class(classes)
            ends["label"].append(parts.share(every, own_class, len(np.unique(labels))))
            hits.append(every.argmax(axis=1) == own_class)
    brackets = {name: _join(parts) for name, parts in ends.items() if parts}
    shares = np.bincount([] if labels is None else labels) / len(mu)
    entropy = -float(np.sum(shares[shares > 0] * np.log(shares[shares > 0])))
    return Densities(len(mu), own, prior, brackets["joint"], brackets["marginals"],
                     brackets.get("label"), np.concatenate(hits) if hits else None,
                     entropy)  # fmt: skip


def _log_normal(z: Array, mu: Array | float, logvar: Array | float) -> Floats:
    """Log-density of independent Gaussians, elementwise."""
    deviation = np.asarray(z, dtype=np.float64) - mu
    return np.asarray(-0.5 * (deviation**2 / np.exp(logvar) + logvar + LOG_TWO_PI))


def _log_densities(
    z: Array, rows: NDArray[np.intp], mu: Array, logvar: Array
) -> Iterator[tuple[slice, Array, Bracket]]:
    """Yield chunks of the draws: log q(z|x) for all N images (C, N), and the sum of log q(z_k)."""
    # One dimension after the other, each contiguous in memory: twice as fast.
    mu, logvar = np.ascontiguousarray(mu.T), np.ascontiguousarray(logvar.T)
    # Scaled such that a log-density is offset - (z * scale - centre)^2.
    scale = np.exp(-0.5 * logvar) * np.float32(np.sqrt(0.5))
    centre = mu * scale
    offset = -0.5 * (logvar + np.float32(LOG_TWO_PI))
    count = mu.shape[1]
    step = max(1, VALUES // count)
    for start in range(0, len(z), step):
        chunk = slice(start, start + step)
        total = np.zeros((len(z[chunk]), count), dtype=np.float32)
        density = np.empty_like(total)
        marginals = Bracket(np.zeros(len(total)), np.zeros(len(total)))
        for k, column in enumerate(z[chunk].T):
            np.multiply.outer(column, scale[k], out=density)
            density -= centre[k]
            np.square(density, out=density)
            np.subtract(offset[k], density, out=density)
            total += density
            found = _Parts.of(density, rows[chunk]).mean
            marginals = Bracket(marginals.low + found.low, marginals.high + found.high)
        yield chunk, total, marginals


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
    def of(logs: Array, rows: NDArray[np.intp]) -> "_Parts":
        """Take log-densities (C, N) apart, in place: a copy would take as long as all the rest."""
        at = np.arange(len(rows)), rows
        own = logs[at].astype(np.float64)
        logs[at] = -np.inf
        highest = logs.max(axis=1, initial=np.finfo(np.float32).min)
        logs -= highest[:, None]
        np.exp(logs, out=logs)
        return _Parts(own, highest.astype(np.float64), logs)

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
