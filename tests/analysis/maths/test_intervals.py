import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from analysis.maths import intervals
from analysis.maths.areas import areas_of, worst_area
from analysis.maths.intervals import (
    Estimate,
    Part,
    UndefinedEffect,
    holm,
    of_means,
    resampled_variance,
)


def first(means):
    return means[0]


def test_one_seed_gives_the_interval_of_the_images():
    values = np.random.default_rng(0).normal(3, 2, size=(1, 1, 400, 1))
    found = of_means(values, first)
    low, high = found.interval()
    assert found.value == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert found.budget() == {"image": 1}


def test_seeds_without_images_of_their_own_give_students_interval():
    values = np.repeat([1.0, 2.0, 6.0], 10).reshape(3, 1, 10, 1)
    # 4.303 is the 97.5 % quantile of Student's t with two degrees of freedom.
    half = 4.303 * np.std([1, 2, 6], ddof=1) / np.sqrt(3)
    assert of_means(values, first).interval() == pytest.approx((3 - half, 3 + half), rel=1e-3)


@pytest.mark.parametrize(
    ("spreads", "shared"),
    [
        ({"seed": 1.0, "judge": 0.0, "image": 1.0}, True),
        ({"seed": 0.0, "judge": 0.0, "image": 10.0}, True),
        ({"seed": 0.3, "judge": 1.0, "image": 5.0}, True),
        ({"seed": 0.3, "judge": 0.3, "image": 6.0}, True),
        ({"seed": 0.0, "judge": 0.3, "image": 10.0}, False),
        ({"seed": 0.5, "judge": 0.5, "image": 10.0}, False),
    ],
)
def test_intervals_cover_the_truth_whatever_varies(spreads, shared):
    rng, covered = np.random.default_rng(0), []
    for _ in range(150):
        values = (
            rng.normal(0, spreads["seed"], (5, 1, 1, 1))
            + rng.normal(0, spreads["judge"], (1, 5, 1, 1))
            + rng.normal(0, spreads["image"], (1 if shared else 5, 1, 200, 1))
            + rng.normal(0, 1, (5, 5, 200, 1))
        )
        low, high = of_means(values, first, judged=True, shared=shared, resamples=60).interval()
        covered.append(low <= 0 <= high)
    # 0.95 within three standard errors of 150 draws.
    assert np.mean(covered) > 0.89


def test_images_that_all_seeds_share_beside_their_own_are_drawn_once_for_all():
    """Real images beside generated ones: a seed does not bring new real images."""
    rng, covered = np.random.default_rng(0), []
    for _ in range(150):
        own = rng.normal(0, 1, (5, 1, 1)) + rng.normal(0, 5, (5, 1, 200))
        real = np.broadcast_to(rng.normal(0, 20, (1, 1, 200)), own.shape)
        values = np.stack([own, real], axis=-1)
        found = of_means(values, lambda m: m[1] - m[0], shared=[False, True], resamples=60)
        low, high = found.interval()
        covered.append(low <= 0 <= high)
    # Were they drawn for each seed by itself, 63 % would cover the truth.
    assert np.mean(covered) > 0.89


def test_the_budget_names_what_varies():
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, (1, 5, 1, 1)) + rng.normal(0, 0.1, (5, 5, 50, 1))
    budget = of_means(values, first, judged=True).budget()
    assert budget["judge"] > 0.95
    assert sum(budget.values()) == pytest.approx(1)


def test_the_least_of_several_is_that_of_the_means_over_seeds():
    # Each seed has its minimum elsewhere: the mean of the minima would be 0.
    values = np.eye(3)[:, None, None, :].repeat(8, axis=2)
    found = of_means(values, lambda means: means.min())
    assert found.value == pytest.approx(1 / 3)


def test_classes_are_averaged_each_by_itself():
    labels = np.array([0, 0, 0, 1])
    values = np.array([1.0, 2.0, 3.0, 10.0]).reshape(1, 1, 4, 1)
    assert of_means(values, lambda means: means[1, 0] - means[0, 0], labels=labels).value == 8


def test_draws_that_are_too_many_to_be_kept_give_the_same(monkeypatch):
    values = np.random.default_rng(0).random((3, 1, 50, 2))
    kept = of_means(values, lambda means: means[0] - means[1], shared=[True, False])
    monkeypatch.setattr(intervals, "MOST_KEPT", 49)
    drawn_anew = of_means(values, lambda means: means[0] - means[1], shared=[True, False])
    assert drawn_anew.parts == kept.parts


def test_no_hit_is_not_taken_for_a_share_of_exactly_0():
    none = np.zeros((1, 1, 500, 1))
    low, high = of_means(none, first, shared=False, shares=True).interval()
    assert low < 0
    # The rule of three (Hanley and Lippman-Hand 1983) has 3 / 500 for one side.
    assert 0.003 < high < 0.012


def test_an_effect_that_is_not_defined_is_refused():
    with pytest.raises(UndefinedEffect):
        of_means(np.zeros((1, 1, 20, 2)), lambda means: means[0] / means[1])


def test_an_effect_without_resamples_that_show_its_variance_is_refused():
    """Two images, one of each class: each resample that differs from them lacks a class."""
    labels, values = np.array([0, 1]), np.array([1.0, 2.0]).reshape(1, 1, 2, 1)
    with pytest.raises(UndefinedEffect):
        of_means(values, lambda m: m[1, 0] - m[0, 0], labels=labels, resamples=1)
    assert resampled_variance([1.0, np.nan, 3.0]) == pytest.approx(2)
    for drawn in ([], [np.nan, 1.0]):
        with pytest.raises(UndefinedEffect):
            resampled_variance(drawn)


def test_auroc_and_its_error_are_those_of_counting_pairs_and_resampling():
    rng = np.random.default_rng(0)
    # Rounded, so that some are equal.
    inside, outside = rng.normal(size=90).round(1), rng.normal(1, 1.5, size=60).round(1)
    sets = {"easy": outside[None] + 9, "hard": outside[None]}
    found = worst_area(inside[None], sets)
    assert found.value == pytest.approx(mannwhitneyu(outside, inside).statistic / (90 * 60))
    assert areas_of(inside[None], sets)["easy"] > 0.99
    resampled = [
        mannwhitneyu(rng.choice(outside, 60), rng.choice(inside, 90)).statistic / (90 * 60)
        for _ in range(500)
    ]
    assert np.sqrt(found.variance) == pytest.approx(np.std(resampled), rel=0.15)


def test_holm_is_that_of_its_paper_and_agrees_with_its_intervals():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    adjusted, levels = holm(p)
    # Holm (1979): 4 x 0.005, then 3 x 0.01, then 2 x 0.03, and no smaller one after it.
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])
    for value, level, raw in zip(adjusted, levels, p, strict=True):
        # The interval of an effect of 0 with this p-value.
        effect = Estimate(1.0, (Part("image", 1 / norm.isf(raw / 2) ** 2, np.inf),))
        low, _ = effect.interval(level)
        assert effect.p_value(0) == pytest.approx(raw)
        assert (low > 0) == (value < 0.05)
