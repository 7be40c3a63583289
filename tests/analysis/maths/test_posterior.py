import numpy as np
import pytest
from scipy.stats import norm

from analysis.maths import posterior
from analysis.maths.posterior import (
    aggregate_moments,
    dead_units,
    decompose_kl,
    distance_from_normal,
    kl_per_dimension,
)

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


# Three images, two dimensions; the second posterior is the narrow one.
Z = np.array([[0.5, -1.0], [2.0, 0.3], [-0.7, 1.5]], dtype="f4")
MU = np.array([[0.0, -1.5], [1.8, 0.2], [-1.0, 1.0]], dtype="f4")
LOGVAR = np.log(np.array([[1.0, 0.5], [0.04, 0.01], [0.3, 2.0]], dtype="f4"))


def split(rows):
    """The three parts, from the densities of SciPy, for the draws in some rows."""
    sigma = np.exp(LOGVAR.astype("f8") / 2)
    # Indexed by row, posterior and dimension.
    density = norm.pdf(Z[rows][:, None], MU.astype("f8"), sigma)
    own = density[np.arange(len(rows)), rows].prod(axis=1)
    joint = density.prod(axis=2).mean(axis=1)
    marginals = density.mean(axis=1).prod(axis=1)
    prior = norm.pdf(Z[rows].astype("f8")).prod(axis=1)
    information = np.log(own / joint)
    error = information.std(ddof=1) / np.sqrt(len(rows))
    return (
        information.mean(),
        error,
        np.log(joint / marginals).mean(),
        np.log(marginals / prior).mean(),
    )


@pytest.mark.parametrize(("draws", "rows"), [(1000, [0, 1, 2]), (3, [0, 1, 2]), (2, [0, 2])])
def test_the_three_parts_are_exact_for_draws_from_the_first_image_to_the_last(draws, rows):
    parts = decompose_kl(Z, MU, LOGVAR, draws)
    found = (
        parts.mutual_information,
        parts.mutual_information_se,
        parts.total_correlation,
        parts.dimension_wise_kl,
    )
    assert found == pytest.approx(split(np.array(rows)), rel=1e-5)


def test_draws_are_taken_chunk_by_chunk(monkeypatch):
    whole = decompose_kl(Z, MU, LOGVAR)
    monkeypatch.setattr(posterior, "CHUNK", 2)
    chunked = decompose_kl(Z, MU, LOGVAR)
    assert vars(chunked) == pytest.approx(vars(whole), rel=1e-6)


def test_a_thousand_draws_are_used_if_nothing_is_said():
    z, mu, logvar = posteriors(np.eye(2))
    assert decompose_kl(z, mu, logvar) == decompose_kl(z, mu, logvar, draws=1000)


def test_kl_per_dimension_is_the_mean_over_the_images():
    # KL of N(mu, sigma^2) from N(0, 1): (mu^2 + sigma^2 - 1) / 2 - log sigma.
    mu = np.array([[1.0, 0.0], [3.0, 0.0]], dtype="f4")
    logvar = np.log(np.array([[1.0, 4.0], [1.0, 0.5]], dtype="f4"))
    expected = [(0.5 + 4.5) / 2, (1.5 - np.log(2) - 0.25 + np.log(2) / 2) / 2]
    assert kl_per_dimension(mu, logvar) == pytest.approx(expected)


def test_moments_of_the_aggregate_are_those_of_the_mixture():
    mu = np.array([[0.0, 1.0], [2.0, 7.0]], dtype="f4")
    logvar = np.log(np.array([[1.0, 2.0], [3.0, 6.0]], dtype="f4"))
    mean, variance = aggregate_moments(mu, logvar)
    assert mean == pytest.approx([1, 4])
    assert variance == pytest.approx([1 + 2, 9 + 4])
    mean, variance = aggregate_moments(mu, None)
    assert mean == pytest.approx([1, 4])
    assert variance == pytest.approx([1, 9])


def test_moments_and_kl_of_stored_codes_are_computed_in_double_precision():
    rng = np.random.default_rng(0)
    mu, logvar = (rng.normal(1000, 1, (500, 3)).astype("f4") for _ in range(2))
    logvar -= 1000
    exact_mu, exact_logvar = mu.astype("f8"), logvar.astype("f8")
    exact = aggregate_moments(exact_mu, exact_logvar)
    assert np.array_equal(aggregate_moments(mu, logvar), exact)
    exact_kl = kl_per_dimension(exact_mu, exact_logvar)
    assert np.array_equal(kl_per_dimension(mu, logvar), exact_kl)


def test_distance_from_normal_is_half_a_step_at_best_and_one_at_worst():
    # The quantiles of n equal parts of N(0, 1) leave half a step of the distribution of the draws.
    quantiles = norm.ppf((np.arange(50) + 0.5) / 50)
    z = np.stack([quantiles, quantiles + 20, np.full(50, 0.0)], axis=1).astype("f4")
    assert distance_from_normal(z) == pytest.approx([0.01, 1, 0.5], abs=1e-6)


def test_a_unit_is_dead_if_it_is_zero_for_every_image():
    codes = np.array([[0, 0, 1], [0, -1, 0]], dtype="f4")
    assert dead_units(codes).tolist() == [True, False, False]
