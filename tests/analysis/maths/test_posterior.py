import numpy as np
import pytest
from scipy.stats import norm

from analysis.maths.posterior import (
    aggregate_moments,
    dead_units,
    distance_from_normal,
    kl_per_dimension,
)


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
