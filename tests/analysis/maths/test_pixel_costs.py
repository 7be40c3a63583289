"""Costs of one pixel: which losses punish an error on one side more than on the other."""

import numpy as np
import pytest

from analysis.maths import pixel_costs
from analysis.tables.registry import compute_table


def test_the_slopes_are_those_of_the_costs():
    r, t, h = np.array([0.1, 0.4, 0.7]), 0.3, 1e-6
    for cost, slope in (
        (pixel_costs.squared_error, pixel_costs.squared_error_slope),
        (pixel_costs.cross_entropy, pixel_costs.cross_entropy_slope),
        (pixel_costs.cross_entropy_excess, pixel_costs.cross_entropy_slope),
    ):
        assert slope(r, t) == pytest.approx((cost(r + h, t) - cost(r - h, t)) / (2 * h), rel=1e-6)


def test_cross_entropy_is_symmetrical_about_one_half_only():
    """By hand: KL(0.2 || 0.1) = 0.2 ln 2 + 0.8 ln(8/9), and KL(0.2 || 0.3) is less."""
    excess = pixel_costs.cross_entropy_excess
    assert excess(0.4, 0.5) == pytest.approx(excess(0.6, 0.5))
    assert excess(0.1, 0.2) == pytest.approx(0.2 * np.log(2) + 0.8 * np.log(8 / 9))
    assert excess(0.1, 0.2) > 1.5 * excess(0.3, 0.2)
    assert excess(0.9, 0.8) == pytest.approx(excess(0.1, 0.2))
    assert excess(0.0, 0.0) == 0


def test_the_table_says_which_side_is_dearer(study, complete_dir):
    table = compute_table(study, "pixel_costs").set_index("target")
    dearer = table["dearer"].to_dict()
    assert (dearer[0.2], dearer[0.5], dearer[0.8], dearer[0.0]) == (
        "too low", "neither", "too high", "",
    )  # fmt: skip
    assert np.isnan(table.loc[0.0, "cross_entropy_low"])
    test = study.sweep.images("test") / 255
    assert table.loc[0.5, "share"] == pytest.approx((abs(test - 0.5) <= 0.05).mean())
