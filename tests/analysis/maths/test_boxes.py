import numpy as np
import pytest

from analysis.maths.boxes import dense_and_sparse_box


@pytest.fixture
def rings():
    """Two rings of codes about the origin, the smaller one dense on its right: a gap between."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 4000)
    radius = np.where(np.arange(4000) < 1000, 2.0, 10.0) + rng.normal(0, 0.3, 4000)
    codes = np.stack([radius * np.cos(angle), 0.5 * radius * np.sin(angle)], axis=1)
    return np.concatenate([codes, rng.normal([2, 0], 0.1, (500, 2))])


def held(codes, box):
    return ((codes >= box[0]) & (codes <= box[1])).all(axis=1).sum()


def test_dense_box_holds_the_most_codes_and_the_sparse_one_is_a_gap(rings):
    dense, sparse = dense_and_sparse_box(rings)
    width = np.ptp(rings, axis=0).max() / 10
    assert dense[1] - dense[0] == pytest.approx([width, width])
    assert sparse[1] - sparse[0] == pytest.approx([width, width])
    assert held(rings, dense) > 500
    assert held(rings, sparse) == 0
    # In a gap, not somewhere outside.
    assert np.hypot(*(sparse.mean(axis=0) * [1, 2])) < 10


# Not at the origin, and not at the same place along both axes.
CORNER = np.array([100, -7])


def test_boxes_of_codes_that_can_be_counted_by_hand():
    # The codes extend over 60 x 60, hence a bin is 1 wide and a box 6. Only one box holds both of
    # the codes inside. Near the median, (10.2, 20.6), the nearest empty box ends left of it.
    codes = np.array([[0, 0], [60, 0], [0, 60], [10.2, 20.6], [15.5, 25.5]])
    dense, sparse = dense_and_sparse_box(codes + CORNER)
    assert dense - CORNER == pytest.approx(np.array([[10, 20], [16, 26]]))
    assert sparse - CORNER == pytest.approx(np.array([[4, 18], [10, 24]]))


def test_a_gap_may_lie_in_any_part_of_the_hull_but_not_outside():
    # A triangle has one part, and the median of its corners is one of them.
    codes = np.array([[0, 0], [60, 0], [0, 60]])
    _, sparse = dense_and_sparse_box(codes + CORNER)
    # The box nearest to the corner (0, 0) starts one bin away from it; both axes do as well.
    assert sorted((sparse - CORNER)[0]) == pytest.approx([0, 1])


def test_boxes_of_codes_in_a_line_hold_the_most_and_the_fewest_codes():
    codes = np.array([[0, 0], [30, 21.3], [60, 42.6], [60, 42.6], [60, 42.601]])
    dense, sparse = dense_and_sparse_box(codes + CORNER)
    # The last codes lie on the rim of the last bin, and no bin lies beyond it.
    assert (dense - CORNER)[:, 0] == pytest.approx([54, 60])
    assert held(codes, dense - CORNER) == 3
    # The hull is too narrow for the centre of a box: a box that holds one code is chosen.
    assert held(codes, sparse - CORNER) == 1


@pytest.mark.parametrize("slope", [0, 0.71])
def test_codes_almost_in_a_line_have_boxes_too(slope):
    codes = np.random.default_rng(0).uniform([0, 0], [10, 1e-3], (500, 2))
    codes[:, 1] += slope * codes[:, 0]
    dense, sparse = dense_and_sparse_box(codes)
    assert dense[1] - dense[0] == pytest.approx(sparse[1] - sparse[0])
    assert held(codes, dense) >= held(codes, sparse) > 0
