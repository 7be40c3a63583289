import math

import numpy as np
import pytest

from analysis.maths import metrics


def test_mean_by_digit_is_the_mean_of_each_digit():
    rng = np.random.default_rng(0)
    labels, values = rng.integers(0, 9, 200), rng.gamma(3.0, size=200).astype("f4")
    means = metrics.mean_by_digit(values, labels)
    for digit in range(9):
        chosen = [float(v) for v, label in zip(values, labels, strict=True) if label == digit]
        assert means[digit] == pytest.approx(math.fsum(chosen) / len(chosen), rel=1e-12)
    assert np.isnan(means[9])


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


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)],
)
def test_interval_of_a_share_is_the_published_one(hits, n, low, high):
    found = metrics.share_interval(np.arange(n) < hits)
    assert found == pytest.approx((low, high), abs=5e-5)


def test_elbo_constants_are_those_of_variance_one_half():
    x, mean, kl = np.full(784, 0.3), np.full(784, 0.1), 5.0
    density = -((x - mean) ** 2) / (2 * 0.5) - 0.5 * np.log(2 * np.pi * 0.5)
    sse = ((x - mean) ** 2).sum()
    assert metrics.elbo([sse], [kl])[0] == pytest.approx(density.sum() - kl)
    assert metrics.elbo([sse], [kl], constants=False)[0] == pytest.approx(-sse - kl)


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
