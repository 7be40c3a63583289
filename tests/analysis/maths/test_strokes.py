"""The style of images that are drawn by rule, and styles that are shared by construction."""

import numpy as np
import pytest

from analysis.maths.strokes import FEATURES, shared_part, style_of


def bar(slant=0.0, thickness=4.0, length=20):
    """Draw a bar: its top is moved to the right by `slant` for each pixel upwards."""
    y, x = np.mgrid[:40, :40].astype(float)
    middle = 19.5 + slant * (19.5 - y)
    inside = (abs(x - middle) <= thickness / 2) & (abs(y - 19.5) <= length / 2)
    return inside.astype(float)


def feature(image, name):
    return style_of(image)[FEATURES.index(name)]


@pytest.mark.parametrize("slant", [-0.5, 0.0, 0.4])
def test_slant_is_that_of_the_stroke(slant):
    assert feature(bar(slant), "slant") == pytest.approx(slant, abs=0.03)


@pytest.mark.parametrize(("width", "length"), [(4, 24), (8, 24), (4, 30)])
def test_thickness_is_that_of_the_stroke_but_for_its_ends(width, length):
    """A bar of width W and length L has the ink W L and edges of 2 (W + L)."""
    expected = width * length / (width + length)
    assert feature(bar(0, width, length), "thickness") == pytest.approx(expected, rel=0.1)


def test_width_and_height_are_standard_deviations_of_the_ink():
    image = np.zeros((30, 30))
    image[10:20, 5:25] = 0.7
    assert feature(image, "width") == pytest.approx(np.arange(20).std())
    assert feature(image, "height") == pytest.approx(np.arange(10).std())
    assert np.isnan(style_of(np.zeros((30, 30)))).all()


def test_a_shared_style_is_told_from_one_of_each_label():
    """Noise with half the variance of what is shared leaves two thirds of it."""
    rng = np.random.default_rng(0)
    places = rng.normal(size=4000)
    labels = np.arange(10)[:, None]
    assert shared_part(places + 5.0 * labels) == pytest.approx(1)
    own = rng.normal(size=(10, 4000))
    assert shared_part(own) == pytest.approx(0, abs=0.02)
    assert shared_part(places + np.sqrt(0.5) * own) == pytest.approx(2 / 3, abs=0.03)
    assert np.isnan(shared_part(places[None]))
