"""Numbers computed from stored arrays. NumPy in, NumPy out; nothing is read or drawn here.

N images, V values of an image (pixels, times 3 in colour), C classes, d latent size, K importance
samples. SSE is the sum of squared errors of the values of one image, with intensities in [0, 1];
KL, ELBO and bounds are in nats per image.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from scipy.stats import t as student_t

ACTIVE_VARIANCE = 0.01
FIXED_VARIANCE = 0.5  # of a Gaussian decoder that does not learn its variance

Floats = NDArray[np.float64]
Labels = NDArray[np.integer]


def mean_by_class(values: ArrayLike, labels: Labels, classes: int) -> Floats:
    """Average per-image values within each class.

    Parameters
    ----------
    values
        Shape (N,).
    labels
        Classes from 0 to `classes` - 1, shape (N,).
    classes
        Number of classes, C.

    Returns
    -------
    ndarray
        Means, shape (C,), summed in double precision; NaN for a class without images.
    """
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=np.asarray(values), minlength=classes)
    means = np.full(classes, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


def bootstrap_interval(
    values: ArrayLike, *, seed: int = 0, resamples: int = 1000, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return percentile bootstrap intervals of means (Efron and Tibshirani 1993, ch. 13).

    Parameters
    ----------
    values
        One row per image, shape (N, ...); what stands in a row is resampled together.
    seed
        Of the resampling: the same values give the same interval.
    resamples
        Number of samples of N images drawn with replacement.
    level
        Coverage of the interval.

    Returns
    -------
    low, high
        Bounds, each of shape (...); NaN without images.
    """
    sample = np.asarray(values, dtype=np.float64)
    low, high = np.quantile(_resampled_means(sample, seed, resamples), _tails(level), axis=0)
    return low, high


def bootstrap_difference(
    values: ArrayLike, others: ArrayLike, *, resamples: int = 1000, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Return percentile bootstrap intervals of differences of means between two sets of images.

    Each set is resampled by itself, since no image of one belongs to an image of the other: Efron
    and Tibshirani (1993), ch. 8.

    Parameters
    ----------
    values, others
        One row per image, shapes (N, ...) and (M, ...).
    resamples, level
        See `bootstrap_interval`.

    Returns
    -------
    low, high
        Bounds of the mean of `others` less that of `values`, each of shape (...).
    """
    first, second = (np.asarray(sample, dtype=np.float64) for sample in (values, others))
    # With one seed, two sets of equally many images would be resampled in the same way.
    means = _resampled_means(second, 1, resamples) - _resampled_means(first, 0, resamples)
    low, high = np.quantile(means, _tails(level), axis=0)
    return low, high


def _resampled_means(sample: Floats, seed: int, resamples: int) -> Floats:
    """Return means of rows (N, ...) drawn with replacement, (resamples, ...); NaN without rows."""
    count = len(sample)
    if count == 0:
        return np.full((resamples, *sample.shape[1:]), np.nan)
    rng = np.random.default_rng(seed)
    return np.asarray([draw_rows(count, rng) @ sample / count for _ in range(resamples)])


def draw_rows(count: int, rng: np.random.Generator) -> NDArray[np.integer]:
    """Draw as many rows as there are, with replacement; return how often each is drawn, (N,)."""
    # A mean follows from these counts, which need less memory than the rows that are drawn.
    return np.bincount(rng.integers(count, size=count), minlength=count)


def seed_interval(means: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return Student's interval of the mean over trainings.

    A bootstrap over a handful of seeds would be far too narrow.

    Parameters
    ----------
    means
        One value per seed, shape (S,), S >= 2.
    level
        Coverage of the interval.
    """
    values = np.asarray(means, dtype=np.float64)
    half = student_t.ppf(_tails(level)[1], len(values) - 1) * standard_error(values)
    return float(values.mean() - half), float(values.mean() + half)


def welch_interval(means: ArrayLike, others: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a difference between the means over two sets of trainings.

    Welch's t, with the degrees of freedom of Welch (1947), eq. 28 and Satterthwaite (1946): the two
    sets may have different variances and numbers.

    Parameters
    ----------
    means, others
        One value per seed, shapes (S,) and (T,), S >= 2 and T >= 2.
    level
        Coverage of the interval.

    Returns
    -------
    low, high
        Bounds of the mean of `others` less that of `means`.
    """
    first, second = (np.asarray(sample, dtype=np.float64) for sample in (means, others))
    difference = second.mean() - first.mean()
    squares = [standard_error(sample) ** 2 for sample in (first, second)]
    if sum(squares) == 0:
        return float(difference), float(difference)
    freedoms = len(first) - 1, len(second) - 1
    freedom = sum(squares) ** 2 / sum(s**2 / f for s, f in zip(squares, freedoms, strict=True))
    half = student_t.ppf(_tails(level)[1], freedom) * np.sqrt(sum(squares))
    return float(difference - half), float(difference + half)


def standard_error(values: ArrayLike) -> float:
    """Return the standard error of the mean of values (N,); NaN if there is only one."""
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2:
        return float("nan")
    return float(sample.std(ddof=1) / np.sqrt(len(sample)))


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2


def elbo(
    sse: ArrayLike,
    kl: ArrayLike,
    values: int,
    variance: float = FIXED_VARIANCE,
    *,
    constants: bool = True,
) -> Floats:
    """Evidence lower bound of each image under a Gaussian likelihood.

    With the variance s, -log p(x|z) is SSE / 2s + V/2 ln(2 pi s): Kingma and Welling (2014), eq. 3.
    For s = 1/2 that is SSE + V/2 ln(pi).

    Parameters
    ----------
    sse, kl
        Shape (N,) each; `sse` of one sampled z estimates the expectation over q(z|x).
    values
        Number of values of an image, V.
    variance
        Of the likelihood.
    constants
        Include -V/2 ln(pi), so that the bound is one on log p(x). Without it, the bound for a
        variance of 1/2 is -(SSE + KL).
    """
    error = np.asarray(sse, dtype=np.float64) / (2 * variance)
    bound = -(error + np.asarray(kl, dtype=np.float64)) - values / 2 * np.log(2 * variance)
    return np.asarray(bound - values / 2 * np.log(np.pi) if constants else bound)


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


def active_units(mu: ArrayLike, threshold: float = ACTIVE_VARIANCE) -> int:
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


def auroc(inside: Floats, outside: Floats) -> float:
    """Area under the ROC curve: the probability that a value of `outside` is the larger one.

    Ties count half. Mann-Whitney's U over its maximum (Hanley and McNeil 1982).

    Parameters
    ----------
    inside, outside
        Shapes (N,) and (M,).
    """
    ranks = rankdata(np.concatenate([inside, outside]))[len(inside) :]
    above = ranks.sum() - len(outside) * (len(outside) + 1) / 2
    return float(above / (len(inside) * len(outside)))
