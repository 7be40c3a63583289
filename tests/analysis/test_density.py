import numpy as np
import pytest

from analysis import density


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
    dense, sparse = density.dense_and_sparse_box(rings)
    width = np.ptp(rings, axis=0).max() / 10
    assert dense[1] - dense[0] == pytest.approx([width, width])
    assert sparse[1] - sparse[0] == pytest.approx([width, width])
    assert held(rings, dense) > 500
    assert held(rings, sparse) == 0
    # In a gap, not somewhere outside.
    assert np.hypot(*(sparse.mean(axis=0) * [1, 2])) < 10


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_contours_enclose_their_share_of_the_codes(share):
    codes = np.random.default_rng(0).normal(size=(20_000, 2)) * [3, 1]
    x, y, heights, level = density.contour(codes, share)
    assert heights.shape == (len(y), len(x))
    columns = np.abs(codes[:, :1] - x).argmin(axis=1)
    rows = np.abs(codes[:, 1:] - y).argmin(axis=1)
    assert (heights[rows, columns] >= level).mean() == pytest.approx(share, abs=0.03)
    # A normal distribution's region is an ellipse: radius^2 is chi-squared with two degrees.
    area = (heights > level).sum() * (x[1] - x[0]) * (y[1] - y[0])
    assert area == pytest.approx(-2 * np.log(1 - share) * np.pi * 3, rel=0.15)
