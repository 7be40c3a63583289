"""Each metric against a computation that shares no code with it."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from analysis.maths.overlap import frechet, overlap, reference


@pytest.fixture
def clouds():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 3)), rng.normal(2, 1.2, size=(30, 3))


def test_frechet_distance_on_a_line_is_that_of_two_gaussians():
    # In one dimension it is the squared differences of means and of standard deviations.
    points = np.array([[-1.0], [1.0], [-1.0], [1.0]])
    sigma = points.std(ddof=1)
    assert frechet(points, 3 * points + 5) == pytest.approx(5**2 + (2 * sigma) ** 2)


def test_frechet_distance_agrees_with_the_matrix_square_root(clouds):
    real, fake = clouds
    a, b = np.cov(real.T), np.cov(fake.T)
    apart = ((real.mean(axis=0) - fake.mean(axis=0)) ** 2).sum()
    expected = apart + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet(real, fake) == pytest.approx(expected)
    assert frechet(fake, real) == pytest.approx(expected)
    assert frechet(real, real) == pytest.approx(0, abs=1e-9)


def radius(points, place, k):
    return sorted(np.linalg.norm(points[place] - other) for other in points)[k]


def in_ball(point, centres, place, k):
    return np.linalg.norm(point - centres[place]) <= radius(centres, place, k)


def test_overlap_agrees_with_counting_ball_by_ball(clouds):
    real, fake = clouds
    found = overlap(reference(real), fake)
    balls = range(len(real))
    precise = [any(in_ball(point, real, i, 3) for i in balls) for point in fake]
    recalled = [any(in_ball(point, fake, i, 3) for i in range(len(fake))) for point in real]
    dense = [sum(in_ball(point, real, i, 5) for i in balls) / 5 for point in fake]
    covered = [any(in_ball(point, real, i, 5) for point in fake) for i in balls]
    assert found.precision == pytest.approx(np.mean(precise))
    assert found.recall == pytest.approx(np.mean(recalled))
    assert found.density == pytest.approx(np.mean(dense))
    assert found.coverage == pytest.approx(np.mean(covered))
    # Else the numbers above could agree by being trivial.
    assert all(0 < share < 1 for share in (found.precision, found.recall, found.coverage))


def line(*places):
    return np.array(places, dtype=np.float64)[:, None]


def test_a_point_on_the_rim_of_a_ball_lies_in_it():
    # Of four real points on a line the third neighbour is the farthest: radii 3, 2, 2, 3.
    found = overlap(reference(line(0, 1, 2, 3)), line(-3, 6))
    assert (found.precision, found.coverage) == (1, 0.5)
    assert found.density == pytest.approx(1 / 5)
    # The two fake points have radius 2, on which the last real point lies.
    assert overlap(reference(line(0, 1, 2, 3)), line(5, 7)).recall == 1 / 4


def test_a_set_too_small_for_k_neighbours_reaches_to_its_farthest_point():
    found = overlap(reference(line(0, 4)), line(3, 20))
    assert (found.precision, found.coverage, found.recall) == (0.5, 1, 1)


def test_overlap_of_points_far_away_is_none(clouds):
    real, fake = clouds
    found = overlap(reference(real), fake + 100)
    assert (found.precision, found.recall, found.density, found.coverage) == (0, 0, 0, 0)
