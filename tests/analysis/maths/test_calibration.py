"""Calibration where the truth is known."""

import numpy as np
import pytest

from analysis.maths.calibration import reliability


def test_one_who_says_the_truth_has_no_error_and_one_who_boasts_has_that_of_his_boast():
    rng = np.random.default_rng(0)
    true = rng.uniform(0.3, 0.9, 200_000)
    right = rng.random(200_000) < true
    honest, boaster = reliability(true, right), reliability(true + 0.1, right)
    assert honest.error == pytest.approx(0, abs=0.01)
    filled = honest.counts > 0
    assert honest.said[filled] == pytest.approx(honest.right[filled], abs=0.01)
    assert boaster.error == pytest.approx(0.1, abs=0.01)


def test_an_answer_stands_in_the_bin_whose_lower_edge_it_reaches():
    found = reliability([0.0, 0.5, 0.9, 1.0], [0, 1, 0, 1], np.array([0, 0.5, 1]))
    assert found.counts.tolist() == [1, 3]
    assert found.said == pytest.approx([0, 0.8])
    assert found.right == pytest.approx([0, 2 / 3])
    assert found.error == pytest.approx(0.75 * (0.8 - 2 / 3))
