import math

import numpy as np
import pytest
from scipy.stats import norm, ttest_ind

from analysis.maths import metrics


def test_mean_by_class_is_the_mean_of_each_class():
    rng = np.random.default_rng(0)
    labels, values = rng.integers(0, 9, 200), rng.gamma(3.0, size=200).astype("f4")
    means = metrics.mean_by_class(values, labels, 10)
    for digit in range(9):
        chosen = [float(v) for v, label in zip(values, labels, strict=True) if label == digit]
        assert means[digit] == pytest.approx(math.fsum(chosen) / len(chosen), rel=1e-12)
    assert np.isnan(means[9])


def test_a_single_image_is_the_mean_of_its_class():
    means = metrics.mean_by_class([7.0, 1.0, 3.0], np.array([9, 0, 0]), 10)
    assert (means[9], means[0]) == (7, 2)
    assert np.isnan(means[1:9]).all()


def test_bootstrap_interval_is_seeded_and_as_wide_as_theory_says():
    values = np.random.default_rng(0).normal(10, 2, size=400)
    low, high = metrics.bootstrap_interval(values, seed=3)
    assert (low, high) == metrics.bootstrap_interval(values, seed=3)
    assert (low, high) != metrics.bootstrap_interval(values, seed=4)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_columns_are_resampled_together():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 1)) + np.array([0.0, 3.0])
    low, high = metrics.bootstrap_interval(values)
    assert low[1] - low[0] == pytest.approx(3)
    assert (low[0], high[0]) == pytest.approx(metrics.bootstrap_interval(values[:, 0]))


def test_bootstrap_interval_of_nothing_is_nan():
    assert np.isnan(metrics.bootstrap_interval([])).all()
    low, high = metrics.bootstrap_interval(np.empty((0, 3)))
    assert low.shape == high.shape == (3,)


def test_published_intervals_are_those_of_seed_0_and_1000_samples_at_95_percent():
    values = np.random.default_rng(0).normal(size=20)
    spelled_out = metrics.bootstrap_interval(values, seed=0, resamples=1000, level=0.95)
    assert metrics.bootstrap_interval(values) == spelled_out


@pytest.mark.parametrize(("level", "low", "high"), [(0.4, 0.5, 0.5), (0.6, 0, 1)])
def test_bootstrap_interval_cuts_both_tails_alike(level, low, high):
    # The mean of two draws of 0 or 1 is 0, 1/2 or 1, with probabilities 1/4, 1/2 and 1/4.
    assert metrics.bootstrap_interval([0.0, 1.0], level=level) == (low, high)


@pytest.mark.parametrize(("level", "quantile"), [(0.95, 4.302653), (0.8, 1.885618)])
def test_interval_over_seeds_is_student_s(level, quantile):
    # Quantiles of the t distribution with two degrees of freedom; the standard deviation is 1.
    half = quantile / np.sqrt(3)
    assert metrics.seed_interval([4, 5, 6], level) == pytest.approx((5 - half, 5 + half))


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_interval_of_a_difference_over_seeds_is_welch_s(level):
    ours, theirs = [4.0, 5.5, 6.0], [9.0, 2.0, 7.0, 8.0, 1.0]
    published = ttest_ind(theirs, ours, equal_var=False).confidence_interval(level)
    assert metrics.welch_interval(ours, theirs, level) == pytest.approx(tuple(published))


def test_a_difference_between_trainings_that_do_not_vary_is_exact():
    assert metrics.welch_interval([2, 2], [5, 5, 5]) == (3, 3)


def test_a_difference_between_two_sets_of_images_is_as_uncertain_as_both():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(10, 2, size=(400, 1)), rng.normal(13, 4, size=(900, 1))
    low, high = metrics.bootstrap_difference(ours, theirs)
    assert low[0] < theirs.mean() - ours.mean() < high[0]
    error = np.hypot(ours.std() / 20, theirs.std() / 30)
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * error, rel=0.1)
    # The same images twice are resampled each by itself.
    low, high = metrics.bootstrap_difference(ours, ours)
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * np.sqrt(2) * ours.std() / 20, rel=0.1)


def test_interval_over_seeds_covers_95_percent_if_nothing_is_said():
    assert metrics.seed_interval([4, 5, 6]) == metrics.seed_interval([4, 5, 6], 0.95)


def test_standard_error_needs_two_values():
    assert metrics.standard_error([4, 6]) == pytest.approx(1)
    assert np.isnan(metrics.standard_error([4]))


def test_elbo_constants_are_those_of_variance_one_half():
    x, mean, kl = np.full(784, 0.3), np.full(784, 0.1), 5.0
    density = -((x - mean) ** 2) / (2 * 0.5) - 0.5 * np.log(2 * np.pi * 0.5)
    sse = ((x - mean) ** 2).sum()
    assert metrics.elbo([sse], [kl], 784)[0] == pytest.approx(density.sum() - kl)
    assert metrics.elbo([sse], [kl], 784, constants=False)[0] == pytest.approx(-sse - kl)


@pytest.mark.parametrize("variance", [0.04, 3.0])
def test_elbo_is_the_density_of_a_gaussian_of_any_variance(variance):
    x, mean, kl = np.full(12, 0.3), np.full(12, 0.1), 5.0
    density = norm.logpdf(x, mean, np.sqrt(variance)).sum()
    sse = ((x - mean) ** 2).sum()
    assert metrics.elbo([sse], [kl], 12, variance)[0] == pytest.approx(density - kl)
    # Without the constant, bounds of models with different variances can still be compared.
    left_out = metrics.elbo([sse], [kl], 12, variance, constants=False)[0] + kl - density
    assert left_out == pytest.approx(6 * np.log(np.pi))


def test_iwae_bound_is_the_log_of_the_mean_weight():
    log_weights = np.random.default_rng(0).normal(size=(6, 20))
    expected = np.log(np.exp(log_weights).mean(axis=1))
    assert metrics.iwae_bound(log_weights) == pytest.approx(expected)
    # Shifted to where exp underflows; the bound must shift along.
    assert metrics.iwae_bound(log_weights - 5000) == pytest.approx(expected - 5000)
    assert (metrics.iwae_bound(log_weights) >= log_weights.mean(axis=1)).all()


def test_effective_sample_size_runs_from_one_to_k():
    one_dominates = [0.0] + [-800.0] * 19
    log_weights = np.array([[-500.0] * 20, one_dominates, np.log(np.repeat([1, 3], 10))])
    expected = [20, 1, (10 + 30) ** 2 / (10 + 90)]
    assert metrics.effective_sample_size(log_weights) == pytest.approx(expected)


def test_active_units_ignore_constant_dimensions():
    rng = np.random.default_rng(0)
    mu = np.stack([rng.normal(size=500), np.full(500, 7.0), 0.01 * rng.normal(size=500)], axis=1)
    assert metrics.active_units(mu) == 1
    assert metrics.active_units(np.tile(mu[:, :1], 3)) == 3


def test_a_variance_at_the_threshold_is_not_above_it():
    mu = np.array([[0.0], [1.0]])
    assert metrics.active_units(mu, threshold=0.25) == 0
    assert metrics.active_units(mu, threshold=0.2499) == 1
    # The threshold of the article that the measure is from is 0.01.
    assert metrics.active_units(mu * np.sqrt([0.04 * 1.01, 0.04 * 0.99])) == 1


def test_what_is_stored_in_single_precision_is_computed_in_double():
    rng = np.random.default_rng(0)
    # Large enough for single precision to lose digits of a sum.
    a, b = (rng.normal(1e4, 10, (50, 7)).astype("f4") for _ in range(2))
    exact_a, exact_b = a.astype("f8"), b.astype("f8")
    assert np.array_equal(metrics.elbo(a, b, 784), metrics.elbo(exact_a, exact_b, 784))
    assert np.array_equal(metrics.iwae_bound(a), metrics.iwae_bound(exact_a))
    sizes = metrics.effective_sample_size(a), metrics.effective_sample_size(exact_a)
    assert np.array_equal(*sizes)
    assert metrics.seed_interval(a[:, 0]) == metrics.seed_interval(exact_a[:, 0])
    assert metrics.standard_error(a[:, 0]) == metrics.standard_error(exact_a[:, 0])
    intervals = metrics.bootstrap_interval(a), metrics.bootstrap_interval(exact_a)
    assert np.array_equal(*intervals)
    # The mean of these codes lies between two numbers of single precision: their variance, 6e-8,
    # would come out twice as large.
    codes = np.array([[4096], [4096 + 2**-11]], dtype="f4")
    assert metrics.active_units(codes, threshold=1e-7) == 0


def test_auroc_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    # Rounded, so that some values are equal.
    inside, outside = rng.normal(0, 1, 60).round(1), rng.normal(0.7, 1, 40).round(1)
    pairs = [(a, b) for a in inside for b in outside]
    expected = np.mean([0.5 * (b == a) + (b > a) for a, b in pairs])
    assert metrics.auroc(inside, outside) == pytest.approx(expected)
    assert metrics.auroc(np.arange(3.0), np.arange(3.0) + 10) == 1
    assert metrics.auroc(np.arange(3.0) + 10, np.arange(3.0)) == 0
