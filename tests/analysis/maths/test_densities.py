import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.path import Path
from scipy.stats import gaussian_kde

from analysis.maths.densities import line_density, plane_density


def inside(density, share, points):
    """Share of the points within the contour that is drawn at the level of a share."""
    axes = Figure().subplots()
    contours = axes.contour(density.x, density.y, density.values, levels=[density.level(share)])
    (path,) = contours.get_paths()
    enclosing = [Path(polygon).contains_points(points) for polygon in path.to_polygons()]
    # A hole within a region is enclosed twice.
    return (np.sum(enclosing, axis=0) % 2).mean()


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_contours_enclose_their_share_of_the_points(share):
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=(2000, 2)), rng.normal(size=(1000, 2)) * 0.3 + (9, -4)]
    points = np.concatenate(groups)
    assert inside(plane_density(points), share, points) == pytest.approx(share, abs=0.01)


def test_plane_density_is_that_of_gaussian_kernels_along_the_axes():
    rng = np.random.default_rng(0)
    # Mirrored about both axes, so that the kernel of SciPy is not turned either.
    quarter = np.stack([rng.uniform(0, 1, 100), 1000 * rng.gamma(2, size=100)], axis=1)
    signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    points = (quarter[:, None] * signs).reshape(-1, 2) + np.array([5, -20_000])
    exact, found = gaussian_kde(points.T), plane_density(points)
    assert found.values.shape == (100, 100)
    places = np.stack(np.meshgrid(found.x, found.y)).reshape(2, -1)
    expected = exact(places).reshape(100, 100)
    factor = expected.max() / found.values.max()
    tolerance = 0.03 * expected.max()  # counting in bins moves a point by up to half a bin
    assert found.values * factor == pytest.approx(expected, abs=tolerance)
    assert found.at_points * factor == pytest.approx(exact(points.T), abs=tolerance)
    # The plane reaches four widths of the kernel beyond the points, and nothing is cut off.
    reach = 4 * exact.factor * points.std(axis=0, ddof=1)
    for axis, low, high in zip(
        (found.x, found.y), points.min(axis=0) - reach, points.max(axis=0) + reach, strict=True
    ):
        half_bin = (axis[1] - axis[0]) / 2
        assert (axis[0] - half_bin, axis[-1] + half_bin) == pytest.approx((low, high))


def test_two_points_have_a_density():
    assert plane_density([[0, 0], [1, 2]]) is not None
    assert line_density([0, 1], [0.5]) == pytest.approx(gaussian_kde([0, 1])(0.5))


def test_codes_stored_in_single_precision_are_smoothed_in_double():
    codes = np.random.default_rng(0).normal(100, 1, (50, 2)).astype("f4")
    stored, exact = plane_density(codes), plane_density(codes.astype("f8"))
    assert np.array_equal(stored.at_points, exact.at_points)
    lines = (line_density(values, [100, 101]) for values in (codes[:, 0], codes[:, 0].astype("f8")))
    assert np.array_equal(*lines)


def test_line_density_is_that_of_the_values():
    values = np.random.default_rng(0).normal(size=20_000)
    at = np.linspace(-6, 6, 300)
    density = line_density(values, at)
    assert density.sum() * (at[1] - at[0]) == pytest.approx(1, abs=0.01)
    assert density == pytest.approx(np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi), abs=0.03)


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.ones((1, 2)), [[0, 1], [0, 2], [0, 3]]])
def test_points_without_extent_have_no_density(points):
    assert plane_density(points) is None
    assert line_density(np.asarray(points)[:, 0], [0, 1]) is None
