"""Figures made of rows of images: what is shown must be what is stored."""

from itertools import product

import h5py
import numpy as np
import pytest

from analysis.figures import (
    digits,
    generated,
    interpolations,
    latent_sizes,
    noise,
    reconstructions,
    traversals,
)
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep


@pytest.fixture
def test_images(complete_dir):
    """The test images, read with h5py alone."""
    with h5py.File(complete_dir / "dataset.h5", locking=False) as file:
        return file["test/image"][()] / 255


def shown(axes):
    (image,) = axes.images
    return image


def untile(picture, gap=2):
    """Cut a picture of 28x28 tiles into rows of columns."""
    step = 28 + gap
    rows, columns = (picture.shape[0] + gap) // step, (picture.shape[1] + gap) // step
    return [
        [picture[r * step : r * step + 28, c * step : c * step + 28] for c in range(columns)]
        for r in range(rows)
    ]


def names(ticks):
    return [tick.get_text() for tick in ticks]


# --- digits ---------------------------------------------------------------------------------------


def test_digits_fill_their_rows_in_the_order_of_the_test_split(study, test_images, test_labels):
    data = digits.FIGURE.gathered(study)
    (axes,) = digits.draw(data).axes
    tiles = untile(shown(axes).get_array())
    fewest = np.bincount(test_labels).min()
    assert np.shape(tiles)[:2] == (10, min(10, fewest))
    for digit, row in enumerate(tiles):
        assert np.array_equal(row, test_images[test_labels == digit][: len(row)])
    assert names(axes.get_yticklabels()) == [*"0123456789"]
    assert f"The first {len(tiles[0])} test images" in digits.caption(data)


# --- reconstructions ------------------------------------------------------------------------------


def test_same_images_go_through_every_model(study, test_images, stored, test_labels):
    data = reconstructions.FIGURE.gathered(study)
    figure = reconstructions.draw(data)
    labels = [axes.get_ylabel() for axes in figure.axes[:7]]
    assert labels == ["original", "AE", "residual", "VAE", "residual", "CVAE", "residual"]
    rows = [int(np.flatnonzero(test_labels == digit)[0]) for digit in range(10)]
    assert data.indices == rows
    originals = test_images[rows]
    with stored("cvae-z020") as file:
        decoded = file["test/reconstruction_at_mean"][()][rows] / 255
    (tiles,) = untile(shown(figure.axes[0]).get_array())
    assert np.array_equal(tiles, originals)
    (tiles,) = untile(shown(figure.axes[5]).get_array())
    assert np.array_equal(tiles, decoded)
    (tiles,) = untile(shown(figure.axes[6]).get_array())
    assert np.array_equal(tiles, decoded - originals)


def test_scales_are_fixed_and_residuals_centred_on_zero(study):
    figure = reconstructions.draw(reconstructions.FIGURE.gathered(study))
    assert [shown(axes).get_clim() for axes in figure.axes[:7]] == [
        (0, 1), (0, 1), (-1, 1), (0, 1), (-1, 1), (0, 1), (-1, 1),
    ]  # fmt: skip
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == [*"0123456789"]


def test_reconstruction_caption_says_how_typical_the_images_are(study, stored):
    caption = reconstructions.caption(reconstructions.FIGURE.gathered(study))
    with stored("vae-z020") as file:
        mean = file["test/sse_at_mean"][()].astype(float).mean()
    assert f"{mean:.2f} (VAE)" in caption
    assert "latent size 20" in caption
    assert "100 test images" in caption


# --- latent sizes ---------------------------------------------------------------------------------


def test_median_and_worst_images_go_through_every_run(
    study, complete_dir, stored, test_images, test_labels
):
    data = latent_sizes.FIGURE.gathered(study)
    figure = latent_sizes.draw(data)
    errors = []
    for path in complete_dir.glob("runs/*/evaluation.h5"):
        with h5py.File(path, locking=False) as file:
            errors.append(file["test/sse_at_mean"][()].astype(float))
    mean = np.mean(errors, axis=0)
    for digit in range(10):
        ordered = sorted(np.flatnonzero(test_labels == digit), key=lambda row: mean[row])
        assert data.indices[:, digit].tolist() == [ordered[len(ordered) // 2], ordered[-1]]
    assert [axes.get_title() for axes in figure.axes[:3]] == ["AE", "VAE", "CVAE"]
    for case, axes in enumerate((figure.axes[1], figure.axes[4])):
        chosen = data.indices[case]
        images, residuals = (untile(picture.get_array()) for picture in axes.images)
        assert names(figure.axes[3 * case].get_yticklabels()) == ["original", "d = 2", "d = 20"]
        assert np.array_equal(images[0], test_images[chosen])
        for line, start in ((1, "vae-z002"), (3, "vae-z020")):
            with stored(start) as file:
                decoded = file["test/reconstruction_at_mean"][()][chosen] / 255
            assert np.array_equal(images[line], decoded)
            assert np.isnan(images[line + 1]).all()
            assert np.array_equal(residuals[line + 1], decoded - test_images[chosen])
            assert np.isnan(residuals[line]).all()


def test_residuals_of_all_latent_sizes_are_centred_on_zero(study):
    figure = latent_sizes.draw(latent_sizes.FIGURE.gathered(study))
    for axes in figure.axes[:6]:
        assert [picture.get_clim() for picture in axes.images] == [(0, 1), (-1, 1)]
        assert axes.images[1].get_cmap().name == "RdBu_r"


def test_a_run_that_is_not_there_leaves_its_lines_blank(build_sweep, make_config, tmp_path):
    configs = [make_config("ae", 2), make_config("ae", 5), make_config("vae", 5)]
    figure = latent_sizes.draw(
        latent_sizes.FIGURE.gathered(Study(open_sweep(build_sweep(tmp_path / "s", configs))))
    )
    ae, vae = (np.ma.filled(axes.images[0].get_array(), np.nan) for axes in figure.axes[:2])
    assert np.isfinite(untile(ae)[1]).all()
    assert np.isnan(untile(vae)[1]).all()
    assert np.isfinite(untile(vae)[3]).all()


def test_error_table_has_sse_and_mse_of_every_run(study, stored):
    (table,) = latent_sizes.FIGURE.drawn(study).further
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert cells[0] == ["d", "AE: SSE", "AE: MSE", "VAE: SSE", "VAE: MSE", "CVAE: SSE", "CVAE: MSE"]
    assert [row[0] for row in cells[2:]] == ["2", "20"]
    for column, start in ((3, "vae-z020"), (5, "cvae-z020")):
        with stored(start) as file:
            mean = file["test/sse_at_mean"][()].astype(float).mean()
        assert cells[3][column] == f"{mean:.2f}"
        assert float(cells[3][column + 1]) == pytest.approx(mean / 784, rel=5e-3)


# --- generated ------------------------------------------------------------------------------------

MODELS, NOISES = ("AE", "VAE", "CVAE"), ("N(0, I)", "mixture")


def test_rows_are_the_first_samples_of_each_sampler(study, stored):
    figure = generated.draw(generated.FIGURE.gathered(study))
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == [f"{model}\n{noise}" for model, noise in product(MODELS, NOISES)]
    assert {shown(axes).get_clim() for axes in figure.axes} == {(0, 1)}
    with stored("ae-z020") as file:
        first = file["samples/mixture/image"][:10] / 255
    assert np.array_equal(untile(shown(figure.axes[1]).get_array())[0], first)


def test_cvae_columns_are_the_requested_digits(study, stored):
    figure = generated.draw(generated.FIGURE.gathered(study))
    axes = figure.axes[-2]
    with stored("cvae-z020") as file:
        labels, images = file["samples/prior/label"][()], file["samples/prior/image"][()] / 255
    for line, tiles in enumerate(untile(shown(axes).get_array())):
        for digit, tile in enumerate(tiles):
            assert np.array_equal(tile, images[labels == digit][line])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [*"0123456789"]


def test_without_a_cvae_no_digit_was_requested(build_sweep, make_config, tmp_path):
    data = generated.FIGURE.gathered(
        Study(open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 5)])))
    )
    figure = generated.draw(data)
    assert all(len(axes.get_xticks()) == 0 for axes in figure.axes)
    assert "CVAE" not in generated.caption(data)


# --- noise ----------------------------------------------------------------------------------------


def test_noise_rows_show_stored_samples_over_their_nearest_training_images(
    study, complete_dir, stored
):
    figure = noise.draw(noise.FIGURE.gathered(study))
    assert [names(axes.get_yticklabels()) for axes in figure.axes] == [
        [label, "nearest"]
        for label in (f"{model}\n{noise}" for model, noise in product(MODELS, NOISES))
    ]
    with h5py.File(complete_dir / "dataset.h5", locking=False) as file:
        train = file["train/image"][()] / 255
    runs = product(("ae", "vae", "cvae"), ("prior", "mixture"))
    for axes, (model, sampler) in zip(figure.axes, runs, strict=True):
        with stored(f"{model}-z002") as file:
            images = file[f"samples/{sampler}/image"][:10] / 255
        decoded, below = untile(shown(axes).get_array())
        assert np.array_equal(decoded, images)
        distance = ((images[:, None] - train[None]) ** 2).sum(axis=(2, 3))
        assert np.array_equal(below, train[distance.argmin(axis=1)])


def test_noise_columns_hold_one_z_and_the_requested_digit(study, stored):
    data = noise.FIGURE.gathered(study)
    axes = noise.draw(data).axes[-2]
    assert names(axes.get_xticklabels()) == [*"0123456789"]
    with stored("cvae-z002") as file:
        labels, images = file["samples/prior/label"][()], file["samples/prior/image"][()] / 255
        z = file["samples/prior/z"][()]
    for digit, tile in enumerate(untile(shown(axes).get_array())[0]):
        first = np.flatnonzero(labels == digit)[0]
        assert np.array_equal(tile, images[first])
        for row in (0, 2, 4):
            assert np.array_equal(data.rows[row].z[digit], z[first])
    assert "decode the same z" in noise.caption(data)


def test_noise_of_different_seeds_is_not_called_the_same(build_sweep, make_config, tmp_path):
    folder = build_sweep(tmp_path / "s", [make_config("ae", 2), make_config("vae", 2, seed=1)])
    assert "the same z" not in noise.caption(noise.FIGURE.gathered(Study(open_sweep(folder))))


def test_noise_needs_two_latents(build_sweep, make_config, tmp_path):
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 5)]))
    with pytest.raises(MissingIngredient, match="latent size 2"):
        noise.FIGURE.gathered(Study(sweep))


# --- traversals and interpolations ----------------------------------------------------------------


def test_traversals_show_the_stored_lines_from_the_most_informative_on(study, stored):
    figure = traversals.draw(traversals.FIGURE.gathered(study))
    with stored("vae-z020") as file:
        images, dims = file["traversal/image"][:10] / 255, file["traversal/dim"][:10]
    assert figure.axes[1].get_title() == "VAE"
    assert np.array_equal(untile(shown(figure.axes[1]).get_array()), images)
    assert names(figure.axes[0].get_yticklabels()) == [str(rank) for rank in range(1, 11)]
    assert names(figure.axes[1].get_xticklabels()) == ["\N{MINUS SIGN}3 sd", "+3 sd"]
    first = ", ".join(map(str, dims[:-1]))
    assert f"{first} and {dims[-1]} (VAE)" in traversals.caption(traversals.FIGURE.gathered(study))


def test_traversals_leave_out_dimensions_without_information(
    build_sweep, make_config, tmp_path, rewrite_results
):
    folder = build_sweep(tmp_path / "s", [make_config("vae", 5)])

    def collapse(arrays):
        arrays["traversal/dim"] = np.array([3, 1, 0, 2, 4], dtype="i4")
        for name in ("mu", "logvar"):
            arrays[f"val/{name}"][:, [0, 2, 4]] = 0.01

    rewrite_results(folder, collapse)
    data = traversals.FIGURE.gathered(Study(open_sweep(folder)))
    assert data.dimensions == {"vae": [3, 1]}
    assert data.images["vae"].shape[0] == 2
    assert "They are 2 (VAE). Dimensions shown, counted from 0: 3 and 1" in traversals.caption(data)


def test_interpolations_name_the_digits_at_their_ends(study, stored, test_labels):
    figure = interpolations.draw(interpolations.FIGURE.gathered(study))
    with stored("ae-z020") as file:
        images, pairs = file["interpolation/image"][()] / 255, file["interpolation/pair"][()]
    assert [axes.get_title() for axes in figure.axes] == ["AE", "VAE", "CVAE", "", "", ""]
    ends = test_labels[pairs]
    within = ends[:, 0] == ends[:, 1]
    for axes, lines in ((figure.axes[0], within), (figure.axes[3], ~within)):
        assert np.array_equal(untile(shown(axes).get_array()), images[lines])
        named = [f"{a} \N{RIGHTWARDS ARROW} {b}" for a, b in ends[lines]]
        assert names(axes.get_yticklabels()) == named
