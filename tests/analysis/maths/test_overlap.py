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


def test_frechet_distance_of_two_samples_of_one_gaussian_is_as_biased_as_documented():
    rng = np.random.default_rng(0)
    points, dimensions = 500, 20
    found = [frechet(*rng.normal(size=(2, points, dimensions))) for _ in range(20)]
    expected = dimensions**2 / (2 * points) + 2 * dimensions / points
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


def test_frechet_distance_of_two_known_gaussians():
    rng = np.random.default_rng(0)
    real = rng.normal(0, 1, (20_000, 3))
    fake = rng.normal(0.5, 2, (20_000, 3))
    # Three independent dimensions: differences of means and of standard deviations, squared.
    assert frechet(real, fake) == pytest.approx(3 * (0.5**2 + 1**2), rel=0.03)


def radius(points, place, k):
    return sorted(np.linalg.norm(points[place] - other) for other in points)[k]


def test_overlap_agrees_with_counting_ball_by_ball(clouds):
    real, fake = clouds
    found = overlap(reference(real), fake)
    apart = np.linalg.norm(real[:, None] - fake[None], axis=2)
    within = apart <= np.array([radius(real, place, 5) for place in range(len(real))])[:, None]
    assert found.density == pytest.approx(within.sum(axis=0).mean() / 5)
    assert found.covered.tolist() == within.any(axis=1).tolist()
    assert 0 < found.coverage < 1  # else the numbers above could agree by being trivial


def test_coverage_of_samples_with_half_of_the_modes_is_half_of_that_of_alike_samples():
    rng = np.random.default_rng(0)
    modes = 100 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])

    def draw(shown):
        return modes[np.arange(400) % shown] + rng.normal(size=(400, 2))

    real = reference(draw(4))
    alike, half = overlap(real, draw(4)), overlap(real, draw(2))
    # Naeem et al. (2020), sec. 3.3: two sets of 400 drawn alike, k = 5.
    below = np.prod([(400 - k) / (800 - k) for k in range(1, 6)])
    assert alike.coverage == pytest.approx(1 - below, abs=0.03)
    assert half.covered[np.arange(400) % 4 > 1].sum() == 0
    assert half.coverage == pytest.approx(0.5, abs=0.02)


def line(*places):
    return np.array(places, dtype=np.float64)[:, None]


def test_a_point_on_the_rim_of_a_ball_lies_in_it():
    # Of four real points on a line the fifth neighbour is the farthest: radii 3, 2, 2, 3.
    found = overlap(reference(line(0, 1, 2, 3)), line(-3, 6))
    assert found.coverage == 0.5
    assert found.density == pytest.approx(1 / 5)


def test_a_set_too_small_for_k_neighbours_reaches_to_its_farthest_point():
    found = overlap(reference(line(0, 4)), line(3, 20))
    assert (found.density, found.coverage) == (1 / 5, 1)


def test_overlap_of_points_far_away_is_none(clouds):
    real, fake = clouds
    found = overlap(reference(real), fake + 100)
    assert (found.density, found.coverage) == (0, 0)
