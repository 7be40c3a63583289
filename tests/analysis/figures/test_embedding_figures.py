"""What is on the axes of the figures that lay images and latents out in a plane."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from scipy.stats import chi2, gaussian_kde

from analysis.figures import digits_embedding, latent_pca, tsne
from analysis.figures.parts import classes
from analysis.maths.embedding import class_accuracy, embed
from analysis.measures.study import Study


def titled(figure, title):
    (axes,) = (axes for axes in figure.axes if axes.get_title() == title)
    return axes


def drawn_points(axes):
    """Positions and colours of the points of a map, in the order drawn."""
    points = axes.collections[0]
    return np.asarray(points.get_offsets()), [to_hex(c) for c in points.get_facecolors()]


# --- t-SNE ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded(complete, tmp_path_factory):
    """A study of the complete sweep, with a folder for its embeddings."""
    return Study(complete, tmp_path_factory.mktemp("embeddings"))


def test_map_of_images_has_every_image_in_its_colour(embedded, test_labels):
    data = digits_embedding.FIGURE.gathered(embedded)
    (axes,) = digits_embedding.draw(data).axes
    assert axes.get_aspect() == 1
    places, colours = drawn_points(axes)
    rows = [int(np.flatnonzero((data.layout.plane == place).all(axis=1))[0]) for place in places]
    assert sorted(rows) == list(range(100))
    assert colours == [classes.COLOURS[digit] for digit in test_labels[rows]]
    # Not digit by digit: then the last one would hide the others.
    assert np.count_nonzero(np.diff(test_labels[rows].astype(int)) < 0) > 30
    assert {text.get_text() for text in axes.texts} == set("0123456789")


def test_tsne_has_a_panel_per_model_and_its_scores(embedded, stored, test_labels):
    data = tsne.FIGURE.gathered(embedded)
    figure = tsne.draw(data)
    first = [axes.get_title().splitlines()[0] for axes in figure.axes]
    assert first == ["AE, d = 20", "VAE, d = 20", "CVAE, d = 20"]
    with stored("vae-z020") as file:
        expected = embed(file["test/z"][()]).tsne
    places, _ = drawn_points(figure.axes[1])
    assert sorted(map(tuple, places)) == sorted(map(tuple, expected.plane))
    assert f"neighbours kept {expected.preservation:.2f}" in figure.axes[1].get_title()
    caption = tsne.caption(data)
    assert f"VAE, d = 20: neighbours kept {expected.preservation:.3f}" in caption
    assert f"digits {class_accuracy(expected.plane, test_labels):.3f}" in caption
    assert "perplexity 30" in caption
    assert "gaps do not show where a decoder fails" in caption


# --- PCA ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pca_figure(study):
    """The figure of the complete sweep, with a row per model."""
    return latent_pca.draw(latent_pca.FIGURE.gathered(study))


def test_samples_lie_on_the_axes_of_the_training_means_through_the_origin(pca_figure, stored):
    plane = titled(pca_figure, "VAE, d = 20")
    with stored("vae-z020") as file:
        means, z = file["train/mu"][()].astype(float), file["test/z"][()].astype(float)
    variances, axes = np.linalg.eigh(np.cov(means.T))
    expected = z @ axes[:, [-1, -2]]
    places, _ = drawn_points(plane)
    order = np.random.default_rng(0).permutation(100)
    assert np.abs(places) == pytest.approx(np.abs(expected[order]))
    shares = variances[[-1, -2]] / variances.sum()
    assert plane.get_xlabel() == f"PC 1 ({shares[0]:.0%} of variance)"
    assert plane.get_ylabel() == f"PC 2 ({shares[1]:.0%} of variance)"
    assert plane.get_aspect() == 1


def test_every_digit_has_two_contours_and_a_ridge_per_axis(pca_figure):
    plane, *sides = pca_figure.axes[:3]
    contours = [c for c in plane.collections if isinstance(c, ContourSet)]
    colours = [to_hex(contour.get_edgecolor()[0]) for contour in contours]
    assert colours == [colour for colour in classes.COLOURS for _ in range(2)]
    radii = sorted(patch.get_radius() for patch in plane.patches)
    assert chi2.cdf(np.square(radii), df=2) == pytest.approx([0.5, 0.9])
    for axes, values in zip(sides, drawn_points(plane)[0].T, strict=True):
        *ridges, whole = axes.collections
        assert [to_hex(ridge.get_facecolor()[0]) for ridge in ridges] == list(classes.COLOURS)
        assert [t.get_text() for t in axes.get_yticklabels()] == [*"0123456789", "all"]
        outline = whole.get_paths()[0].vertices
        peak = outline[outline[:, 1].argmax(), 0]
        at = np.linspace(values.min(), values.max(), 2000)
        assert peak == pytest.approx(at[gaussian_kde(values)(at).argmax()], abs=0.1)


def test_standard_normal_lies_over_the_density_of_all(pca_figure):
    (line,) = pca_figure.axes[1].lines
    x, y = line.get_data()
    height = (y - 10) / (y - 10).max()
    near = np.abs(x) < 3
    assert height[near] == pytest.approx(np.exp(-(x[near] ** 2) / 2), abs=0.02)


def test_an_axis_hardly_used_is_a_spike(study):
    data = latent_pca.FIGURE.gathered(study)
    places = np.random.default_rng(0).normal(size=(100, 2)) * (1, 1e-6)
    narrow = replace(data, projections=[replace(data.projections[0], places=places)])
    _, _, axes = latent_pca.draw(narrow).axes
    for digit, ridge in enumerate(axes.collections[:10]):
        assert ridge.get_paths()[0].vertices[:, 1].max() > digit + 1


def test_a_dead_dimension_leaves_the_axis_of_the_other():
    latents = np.column_stack([np.random.default_rng(0).normal(size=100), np.zeros(100)])
    places, explained = latent_pca.project(latents, latents)
    assert explained == pytest.approx((1, 0))
    assert np.abs(places) == pytest.approx(np.abs(latents))
