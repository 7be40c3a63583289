import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.path import Path

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
