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


@pytest.mark.parametrize("slope", [0, 0.71])
def test_codes_almost_in_a_line_have_boxes_too(slope):
    codes = np.random.default_rng(0).uniform([0, 0], [10, 1e-3], (500, 2))
    codes[:, 1] += slope * codes[:, 0]
    dense, sparse = dense_and_sparse_box(codes)
    assert dense[1] - dense[0] == pytest.approx(sparse[1] - sparse[0])
    assert held(codes, dense) >= held(codes, sparse) > 0
