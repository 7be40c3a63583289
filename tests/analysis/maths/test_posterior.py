import numpy as np
import pytest

from analysis.maths.posterior import decompose_kl

N, VARIANCE = 4000, 0.2


def posteriors(covariance, mean=0.0):
    """Posteriors of variance 0.2 whose aggregate is N(mean, covariance), and a draw of each."""
    rng = np.random.default_rng(0)
    d = len(covariance)
    within = VARIANCE * np.eye(d)
    mu = rng.multivariate_normal(np.full(d, mean), covariance - within, N).astype("f4")
    z = mu + np.sqrt(VARIANCE) * rng.standard_normal((N, d), dtype="f4")
    return z, mu, np.full((N, d), np.log(VARIANCE), dtype="f4")


def test_independent_gaussians_have_mutual_information_only():
    parts = decompose_kl(*posteriors(np.eye(2)), draws=N)
    # I(x; z) of a Gaussian channel: log(1 / 0.2) / 2 for each dimension.
    assert parts.mutual_information == pytest.approx(np.log(1 / VARIANCE), abs=0.05)
    assert parts.total_correlation == pytest.approx(0, abs=0.02)
    assert parts.dimension_wise_kl == pytest.approx(0, abs=0.01)
    assert parts.mutual_information_se == pytest.approx(np.sqrt(2 * 0.8) / np.sqrt(N), rel=0.1)


def test_correlation_and_shift_are_told_apart():
    correlation, mean = 0.7, 1.5
    covariance = np.array([[1, correlation], [correlation, 1]])
    z, mu, logvar = posteriors(covariance, mean)
    parts = decompose_kl(z, mu, logvar, draws=N)
    information = 0.5 * np.log(np.linalg.det(covariance) / VARIANCE**2)
    assert parts.mutual_information == pytest.approx(information, abs=0.05)
    assert parts.total_correlation == pytest.approx(-0.5 * np.log(1 - correlation**2), abs=0.03)
    assert parts.dimension_wise_kl == pytest.approx(2 * 0.5 * mean**2, abs=0.1)
    kl = 0.5 * (mu**2 + VARIANCE - 1 - np.log(VARIANCE)).sum(axis=1).mean()
    whole = parts.mutual_information + parts.total_correlation + parts.dimension_wise_kl
    assert whole == pytest.approx(kl, abs=0.1)


def test_mutual_information_is_at_most_log_n():
    mu = np.random.default_rng(0).normal(size=(50, 3)).astype("f4")
    parts = decompose_kl(mu, mu, np.full_like(mu, -20))
    assert parts.mutual_information == pytest.approx(np.log(50))


def test_dimensions_that_ignore_the_image_hold_nothing():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((500, 4), dtype="f4")
    parts = decompose_kl(z, np.zeros_like(z), np.zeros_like(z))
    assert parts.mutual_information == pytest.approx(0, abs=1e-5)
    assert parts.total_correlation == pytest.approx(0, abs=1e-5)
    assert parts.dimension_wise_kl == pytest.approx(0, abs=1e-5)
