"""Borders of classes on grids that are drawn by hand."""

import numpy as np
import pytest

from analysis.maths.borders import border_lengths, over_chance, with_regions_shuffled


def test_borders_are_counted_on_both_sides_and_not_within_a_class():
    grid = np.array([[0, 0, 1],
                     [0, 2, 1]])  # fmt: skip
    lengths = border_lengths(grid, 4)
    assert lengths.tolist() == [[0, 1, 2, 0], [1, 0, 1, 0], [2, 1, 0, 0], [0, 0, 0, 0]]


def test_classes_at_random_places_border_as_often_as_by_chance():
    """Although one class is far rarer than the others."""
    rng = np.random.default_rng(0)
    grid = rng.choice(4, size=(300, 300), p=[0.5, 0.3, 0.15, 0.05])
    ratios = over_chance(border_lengths(grid, 4))
    assert ratios[~np.eye(4, dtype=bool)] == pytest.approx(np.ones(12), abs=0.1)
    assert np.isnan(np.diag(ratios)).all()


def test_a_class_that_lies_between_two_others_keeps_them_apart():
    grid = np.repeat([[0, 1, 2]], 6, axis=0).repeat(3, axis=1)
    ratios = over_chance(border_lengths(grid, 3))
    assert ratios[0, 2] == 0
    assert ratios[0, 1] == ratios[1, 2] == pytest.approx(1, abs=0.05)


def test_shuffled_regions_keep_their_shapes_and_the_classes_their_number_of_regions():
    """Two regions of class 0 touch only at a corner, so that they may get different classes."""
    grid = np.array([[0, 0, 1],
                     [2, 2, 0]])  # fmt: skip
    places = [grid == 1, grid == 2, np.isin(np.arange(6), [0, 1]).reshape(2, 3),
              np.arange(6).reshape(2, 3) == 5]  # fmt: skip
    seen = set()
    for seed in range(30):
        shuffled = with_regions_shuffled(grid, np.random.default_rng(seed))
        classes = [set(shuffled[place].tolist()) for place in places]
        assert all(len(each) == 1 for each in classes)
        assert sorted(each.pop() for each in classes) == [0, 0, 1, 2]
        seen.add(shuffled.tobytes())
    assert len(seen) == 12
