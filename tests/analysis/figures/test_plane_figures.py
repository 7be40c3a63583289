"""Figures of the plane of two-dimensional latents: axes must say where images and codes lie."""

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.patches import ConnectionPatch, Rectangle

from aevae.files.schema import Results
from analysis.figures import code_map, latent_grid
from analysis.figures.parts import classes
from analysis.maths.decoder import decode
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep


def titled(figure, title):
    (axes,) = (axes for axes in figure.axes if axes.get_title() == title)
    return axes


def shown(axes):
    (image,) = axes.images
    return image


# --- latent grid ----------------------------------------------------------------------------------


def tile_at(axes, column, row):
    """The image that a viewer sees at a place of the grid, top row first."""
    image = shown(axes)
    left, right, bottom, top = image.get_extent()
    picture = np.asarray(image.get_array())
    assert image.origin == "upper"
    assert (left, bottom) == (-0.5, -0.5)
    rows = round(top - bottom)
    down = (rows - 1 - row) * 28
    assert picture.shape == (28 * rows, 28 * round(right - left))
    return picture[down : down + 28, column * 28 : (column + 1) * 28]


@pytest.mark.parametrize("title", ["AE: decoded grid", "VAE: decoded grid", "CVAE: 3"])
def test_z1_grows_to_the_right_and_z2_upwards(study, title):
    axes = titled(latent_grid.draw(latent_grid.FIGURE.gathered(study)), title)
    assert axes.get_ylim()[0] < axes.get_ylim()[1]
    assert axes.get_xlim()[0] < axes.get_xlim()[1]
    for row, column in ((0, 0), (0, 3), (3, 0), (2, 1)):
        tile = tile_at(axes, column, row)
        # The stored images tell their place, and are brighter in the upper half.
        assert tile[-1, 0] == pytest.approx((10 * row + column) / 255)
        assert tile[0, 0] == pytest.approx((10 * row + column + 100) / 255)


def test_ticks_name_z_at_the_centres_of_tiles(study):
    figure = latent_grid.draw(latent_grid.FIGURE.gathered(study))
    vae, ae = titled(figure, "VAE: decoded grid"), titled(figure, "AE: decoded grid")
    assert list(vae.get_xticks()) == [0, 1, 2, 3]
    assert [tick.get_text() for tick in vae.get_xticklabels()] == [
        "\N{MINUS SIGN}1.96",
        "\N{MINUS SIGN}0.41",
        "0.41",
        "1.96",
    ]
    assert [tick.get_text() for tick in ae.get_xticklabels()] == [
        "\N{MINUS SIGN}30.0",
        "\N{MINUS SIGN}3.3",
        "23.3",
        "50.0",
    ]
    assert [tick.get_text() for tick in ae.get_yticklabels()] == [
        "\N{MINUS SIGN}15.0",
        "\N{MINUS SIGN}1.7",
        "11.7",
        "25.0",
    ]


@pytest.mark.parametrize("change", ["transposed", "downwards"])
def test_a_grid_stored_another_way_round_looks_the_same(study, change):
    plane = latent_grid.FIGURE.gathered(study).planes["vae"][0]
    z = np.stack(np.meshgrid(plane.z1, plane.z2), axis=-1)
    image = plane.images * 255
    if change == "transposed":
        z, image = z.swapaxes(0, 1), image.swapaxes(0, 1)
    else:
        z, image = z[::-1], image[::-1]
    again = latent_grid.orient(z, image, (28, 28))
    assert np.array_equal(again.z1, plane.z1)
    assert np.array_equal(again.z2, plane.z2)
    assert np.allclose(again.images, plane.images)


def test_codes_are_coloured_by_digit(study, stored, test_labels):
    figure = latent_grid.draw(latent_grid.FIGURE.gathered(study))
    axes = titled(figure, "VAE: posterior means of the test images")
    (points,) = axes.collections
    with stored("vae-z002") as file:
        mu = file["test/mu"][()]
    by_place = {tuple(place): to_hex(c) for place, c in zip(
        np.asarray(points.get_offsets()).astype("f4"), points.get_facecolors(), strict=True
    )}  # fmt: skip
    assert by_place == {
        tuple(place): classes.COLOURS[digit] for place, digit in zip(mu, test_labels, strict=True)
    }
    assert {text.get_text() for text in axes.texts} == set("0123456789")
    assert axes.get_aspect() == 1


def test_a_cvae_has_ten_panels(study):
    figure = latent_grid.draw(latent_grid.FIGURE.gathered(study))
    assert [axes.get_title() for axes in figure.axes if "CVAE" in axes.get_title()] == [
        f"CVAE: {digit}" for digit in range(10)
    ]


def test_without_two_latents_there_is_no_grid(build_sweep, make_config, tmp_path):
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 5)]))
    with pytest.raises(MissingIngredient, match="latent size 2"):
        latent_grid.FIGURE.gathered(Study(sweep))


def test_a_large_cvae_grid_is_thinned_evenly_and_keeps_its_edges():
    z = np.linspace(-2, 2, 20)
    images = np.broadcast_to(np.arange(20)[:, None, None, None] / 20, (20, 20, 28, 28))
    plane = latent_grid.DecodedGrid(z, z, images).thinned(8)
    assert plane.images.shape == (8, 8, 28, 28)
    assert plane.z1[[0, -1]].tolist() == [-2, 2]
    assert plane.z1 == pytest.approx(-plane.z1[::-1])
    assert plane.images[:, 0, 0, 0] == pytest.approx(np.interp(plane.z2, z, np.arange(20) / 20))


# --- code map -------------------------------------------------------------------------------------


@pytest.fixture
def mapped(study):
    data = code_map.FIGURE.gathered(study)
    return data, code_map.draw(data)


def test_codes_are_drawn_where_they_are_stored(mapped, stored, test_labels):
    _, figure = mapped
    points = figure.axes[0].collections[0]
    with stored("ae-z002") as file:
        mu = file["test/mu"][()]
    drawn = {
        (*place, to_hex(colour))
        for place, colour in zip(
            np.asarray(points.get_offsets()), points.get_facecolors(), strict=True
        )
    }
    assert drawn == {
        (*place, classes.COLOURS[digit])
        for place, digit in zip(mu.astype("f8"), test_labels, strict=True)
    }
    assert figure.axes[0].get_aspect() == 1


def test_insets_span_exactly_their_boxes(mapped):
    data, figure = mapped
    plane, *insets = figure.axes
    frames = [patch for patch in plane.patches if isinstance(patch, Rectangle)]
    names = [inset.get_title().split()[0] for inset in insets]
    assert sorted(names) == ["dense", "sparse"]
    assert insets[0].get_ylim()[0] >= insets[1].get_ylim()[0]
    for name, inset, frame in zip(names, insets, frames, strict=True):
        left, right, bottom, top = shown(inset).get_extent()
        assert (*inset.get_xlim(), *inset.get_ylim()) == (left, right, bottom, top)
        assert frame.get_bbox().extents == pytest.approx([left, bottom, right, top])
        assert frame.get_edgecolor() == to_rgba(inset.spines["left"].get_edgecolor())
        inside = (data.codes >= [left, bottom]) & (data.codes <= [right, top])
        assert inset.get_title() == f"{name} box: {inside.all(axis=1).sum()} codes"


def test_neither_frames_nor_leads_cross_the_names_of_digits(mapped):
    plane = mapped[1].axes[0]
    lines = [p for p in plane.get_children() if isinstance(p, Rectangle | ConnectionPatch)]
    lines.remove(plane.patch)
    assert len(lines) == 2 * (1 + 2)
    assert max(line.zorder for line in lines) < min(name.zorder for name in plane.texts)


def test_inset_images_are_decoded_at_the_centres_of_their_cells(mapped, stored, make_config):
    _, figure = mapped
    with stored("ae-z002") as file:
        weights = {name: value[()] for name, value in file["weights"].items()}
    for inset in figure.axes[1:]:
        left, right, bottom, top = shown(inset).get_extent()
        picture = np.asarray(shown(inset).get_array())
        for column, row in ((0, 0), (9, 0), (2, 7)):
            z = [left + (right - left) * (column + 0.5) / 10,
                 bottom + (top - bottom) * (row + 0.5) / 10]  # fmt: skip
            down = (9 - row) * 28
            seen = picture[down : down + 28, column * 28 : (column + 1) * 28]
            decoded = decode(make_config("ae", 2), weights, np.array([z]))
            assert seen == pytest.approx(decoded[0], abs=1e-5)


def test_a_code_map_needs_an_autoencoder(build_sweep, make_config, tmp_path):
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 2)]))
    with pytest.raises(MissingIngredient, match="AE with latent size 2"):
        code_map.FIGURE.gathered(Study(sweep))


def test_a_dead_latent_leaves_no_map_to_draw(study, monkeypatch):
    """An AE that ends in a ReLU may have one."""
    real = Results.array

    def array(results, name):
        values = real(results, name)
        return values * [1, 0] if name == "test/mu" else values

    monkeypatch.setattr(Results, "array", array)
    with pytest.raises(MissingIngredient, match=r"ae-z002-.*dead"):
        code_map.FIGURE.gathered(Study(study.sweep))
