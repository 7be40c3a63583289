import importlib
import pkgutil

import h5py
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import analysis.figures
from analysis.figures import (
    FIGURES,
    by_digit,
    captions,
    generated,
    latent_grid,
    loss_curves,
    reconstructions,
    style,
)
from analysis.load import open_sweep
from analysis.selection import MissingIngredient


def titled(figure, title):
    (axes,) = (axes for axes in figure.axes if axes.get_title() == title)
    return axes


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


def assert_nothing_is_cut_off(figure):
    """Everything drawn lies within the figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    frame = figure.bbox
    for axes in figure.axes:
        box = axes.get_tightbbox(renderer)
        assert box.x0 >= frame.x0 - 1
        assert box.x1 <= frame.x1 + 1
        assert box.y0 >= frame.y0 - 1
        assert box.y1 <= frame.y1 + 1


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_stays_within_its_page(complete, name):
    module = importlib.import_module(f"analysis.figures.{name}")
    figure = module.draw(module.gather(complete))
    assert isinstance(figure, Figure)
    assert figure.get_figwidth() <= style.PAGE_INCHES
    assert_nothing_is_cut_off(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_captions_name_dataset_seed_and_every_run_shown(complete, name):
    module = importlib.import_module(f"analysis.figures.{name}")
    data = module.gather(complete)
    caption = module.caption(data)
    assert "MNIST" in caption
    assert "seed 0" in caption
    for run in data.runs:
        assert f"`{run.run_id}`" in caption


def test_every_figure_module_is_registered():
    found = {module.name for module in pkgutil.iter_modules(analysis.figures.__path__)}
    assert found - {"style", "captions"} == set(FIGURES)


def test_drawing_changes_no_global_style(complete):
    import matplotlib

    before = dict(matplotlib.rcParams)
    loss_curves.draw(loss_curves.gather(complete))
    assert dict(matplotlib.rcParams) == before


# --- loss curves ----------------------------------------------------------------------------------


def test_loss_panels_show_training_and_validation_of_every_run(complete, stored):
    figure = loss_curves.draw(loss_curves.gather(complete))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["AE", "VAE", "CVAE", "Rate and distortion, last epoch"]
    vae = titled(figure, "VAE")
    assert vae.get_yscale() == "log"
    assert vae.get_ylim() == titled(figure, "AE").get_ylim()
    drawn = {tuple(line.get_ydata()) for line in vae.lines}
    with stored("vae-z002") as two, stored("vae-z020") as twenty:
        expected = {
            tuple(file[f"history/{split}/loss"][()])
            for file in (two, twenty)
            for split in ("train", "val")
        }
    assert drawn == expected
    assert list(vae.lines[0].get_xdata()) == [1, 2, 3]


def test_latent_size_has_one_colour_in_all_panels(complete):
    figure = loss_curves.draw(loss_curves.gather(complete))
    colours = style.latent_colours([2, 20])
    for title in ("AE", "VAE", "CVAE"):
        assert [to_hex(line.get_color()) for line in titled(figure, title).lines] == [
            colours[2], colours[2], colours[20], colours[20],
        ]  # fmt: skip
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["d = 2", "d = 20", "training", "validation"]


def test_rate_distortion_points_are_the_last_epoch(complete, stored):
    figure = loss_curves.draw(loss_curves.gather(complete))
    axes = titled(figure, "Rate and distortion, last epoch")
    points = np.vstack([np.asarray(group.get_offsets()) for group in axes.collections])
    expected = []
    for start in ("vae-z002", "vae-z020", "cvae-z002", "cvae-z020"):
        with stored(start) as file:
            expected.append([file["history/val/kl"][-1], file["history/val/sse"][-1]])
    assert points == pytest.approx(np.array(expected))
    assert "KL" in axes.get_xlabel()
    assert "SSE" in axes.get_ylabel()


def test_autoencoders_alone_have_no_rate_panel(build_sweep, make_config, tmp_path):
    folder = build_sweep(tmp_path / "s", [make_config("ae", 2, epochs=1)])
    data = loss_curves.gather(open_sweep(folder))
    figure = loss_curves.draw(data)
    assert [axes.get_title() for axes in figure.axes] == ["AE"]
    assert [line.get_marker() for line in figure.axes[0].lines] == ["x", "."]
    assert "Rate" not in loss_curves.caption(data)


# --- by digit -------------------------------------------------------------------------------------


def test_digit_lines_show_means_on_log_axes_shared_by_all_panels(complete, stored, test_labels):
    figure = by_digit.draw(by_digit.gather(complete))
    panels = [titled(figure, title) for title in ("AE", "VAE", "CVAE")]
    assert {axes.get_xscale() for axes in panels} == {"log"}
    assert {axes.get_yscale() for axes in panels} == {"log"}
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert [tick.get_text() for tick in panels[0].get_xticklabels()] == ["2", "20"]
    lines = {container.get_label(): container.lines[0] for container in panels[1].containers}
    assert list(lines) == [*"0123456789", "all"]
    assert [to_hex(lines[str(digit)].get_color()) for digit in range(10)] == list(
        style.DIGIT_COLOURS
    )
    with stored("vae-z002") as two, stored("vae-z020") as twenty:
        expected = [
            file["test/sse_mean"][()][test_labels == 4].astype(float).mean()
            for file in (two, twenty)
        ]
    assert lines["4"].get_ydata() == pytest.approx(expected)


def test_interval_bars_enclose_the_mean(complete):
    data = by_digit.gather(complete)
    for panel in data.panels:
        assert (panel.low[10] < panel.mean[10]).all()
        assert (panel.mean[10] < panel.high[10]).all()
    figure = by_digit.draw(data)
    (bars,) = titled(figure, "AE").containers[10].lines[2]
    first = bars.get_segments()[0][:, 1]
    assert first == pytest.approx([data.panels[0].low[10, 0], data.panels[0].high[10, 0]])


def test_heat_map_holds_the_same_means(complete):
    data = by_digit.gather(complete)
    figure = by_digit.draw(data)
    maps = [axes for axes in figure.axes if axes.images]
    assert len(maps) == 3
    assert len({axes.images[0].norm for axes in maps}) == 1
    for axes, panel in zip(maps, data.panels, strict=True):
        assert np.array_equal(axes.images[0].get_array(), panel.mean)
        assert panel.mean.shape == (11, 2)
    written = [text.get_text() for text in maps[0].texts]
    assert written[0] == f"{data.panels[0].mean[0, 0]:.1f}"


def test_seeds_are_averaged_per_image(build_sweep, make_config, tmp_path):
    configs = [make_config("ae", 2, seed=seed) for seed in (0, 1)]
    folder = build_sweep(tmp_path / "s", configs)
    errors = []
    for path in folder.glob("runs/*/results.h5"):
        with h5py.File(path) as file:
            errors.append(file["test/sse_mean"][()].astype(float))
    data = by_digit.gather(open_sweep(folder))
    (panel,) = data.panels
    assert panel.mean.shape == (11, 1)
    assert panel.mean[10, 0] == pytest.approx(np.mean(errors))
    assert "seeds 0 and 1" in by_digit.caption(data)
    assert_nothing_is_cut_off(by_digit.draw(data))


# --- reconstructions ------------------------------------------------------------------------------


def test_same_images_go_through_every_model(complete, complete_dir, stored, test_labels):
    data = reconstructions.gather(complete)
    figure = reconstructions.draw(data)
    labels = [axes.get_ylabel() for axes in figure.axes[:7]]
    assert labels == ["original", "AE", "residual", "VAE", "residual", "CVAE", "residual"]
    rows = [int(np.flatnonzero(test_labels == digit)[0]) for digit in range(10)]
    assert data.indices == rows
    with h5py.File(complete_dir / "dataset.h5") as file:
        originals = file["test/image"][()][rows] / 255
    with stored("cvae-z020") as file:
        decoded = file["test/recon_mean"][()][rows] / 255
    (tiles,) = untile(shown(figure.axes[0]).get_array())
    assert np.array_equal(tiles, originals)
    (tiles,) = untile(shown(figure.axes[5]).get_array())
    assert np.array_equal(tiles, decoded)
    (tiles,) = untile(shown(figure.axes[6]).get_array())
    assert np.array_equal(tiles, decoded - originals)


def test_scales_are_fixed_and_residuals_centred_on_zero(complete):
    figure = reconstructions.draw(reconstructions.gather(complete))
    assert [shown(axes).get_clim() for axes in figure.axes[:7]] == [
        (0, 1), (0, 1), (-1, 1), (0, 1), (-1, 1), (0, 1), (-1, 1),
    ]  # fmt: skip
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == [*"0123456789"]


def test_reconstruction_caption_says_how_typical_the_images_are(complete, stored):
    caption = reconstructions.caption(reconstructions.gather(complete))
    with stored("vae-z020") as file:
        mean = file["test/sse_mean"][()].astype(float).mean()
    assert f"{mean:.2f} (VAE)" in caption
    assert "latent size 20" in caption
    assert "100 test images" in caption


# --- generated ------------------------------------------------------------------------------------


def test_rows_are_the_first_samples_of_each_sampler(complete, stored):
    figure = generated.draw(generated.gather(complete))
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["AE\nN(0, I)", "AE\nmixture", "VAE\nprior", "VAE\nmixture", "CVAE\nprior"]
    assert {shown(axes).get_clim() for axes in figure.axes} == {(0, 1)}
    with stored("ae-z020") as file:
        first = file["samples/gmm/image"][:10] / 255
    assert np.array_equal(untile(shown(figure.axes[1]).get_array())[0], first)


def test_cvae_columns_are_the_requested_digits(complete, stored):
    figure = generated.draw(generated.gather(complete))
    axes = figure.axes[-1]
    with stored("cvae-z020") as file:
        labels, images = file["samples/prior/label"][()], file["samples/prior/image"][()] / 255
    for line, tiles in enumerate(untile(shown(axes).get_array())):
        for digit, tile in enumerate(tiles):
            assert np.array_equal(tile, images[labels == digit][line])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [*"0123456789"]


def test_without_a_cvae_no_digit_was_requested(build_sweep, make_config, tmp_path):
    data = generated.gather(open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 5)])))
    figure = generated.draw(data)
    assert all(len(axes.get_xticks()) == 0 for axes in figure.axes)
    assert "CVAE" not in generated.caption(data)


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
def test_z1_grows_to_the_right_and_z2_upwards(complete, title):
    axes = titled(latent_grid.draw(latent_grid.gather(complete)), title)
    assert axes.get_ylim()[0] < axes.get_ylim()[1]
    assert axes.get_xlim()[0] < axes.get_xlim()[1]
    for row, column in ((0, 0), (0, 3), (3, 0), (2, 1)):
        tile = tile_at(axes, column, row)
        # The stored images tell their place, and are brighter in the upper half.
        assert tile[-1, 0] == pytest.approx((10 * row + column) / 255)
        assert tile[0, 0] == pytest.approx((10 * row + column + 100) / 255)


def test_ticks_name_z_at_the_centres_of_tiles(complete):
    figure = latent_grid.draw(latent_grid.gather(complete))
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
def test_a_grid_stored_another_way_round_looks_the_same(complete, change):
    plane = latent_grid.gather(complete).planes["vae"][0]
    z = np.stack(np.meshgrid(plane.z1, plane.z2), axis=-1)
    image = plane.images * 255
    if change == "transposed":
        z, image = z.swapaxes(0, 1), image.swapaxes(0, 1)
    else:
        z, image = z[::-1], image[::-1]
    again = latent_grid.orient(z, image)
    assert np.array_equal(again.z1, plane.z1)
    assert np.array_equal(again.z2, plane.z2)
    assert np.allclose(again.images, plane.images)


def test_codes_are_coloured_by_digit(complete, stored, test_labels):
    figure = latent_grid.draw(latent_grid.gather(complete))
    axes = titled(figure, "VAE: posterior means of the test images")
    (points,) = axes.collections
    with stored("vae-z002") as file:
        mu = file["test/mu"][()]
    by_place = {tuple(place): to_hex(c) for place, c in zip(
        np.asarray(points.get_offsets()).astype("f4"), points.get_facecolors(), strict=True
    )}  # fmt: skip
    assert by_place == {
        tuple(place): style.DIGIT_COLOURS[digit]
        for place, digit in zip(mu, test_labels, strict=True)
    }
    assert {text.get_text() for text in axes.texts} == set("0123456789")
    assert axes.get_aspect() == 1


def test_a_cvae_has_ten_panels(complete):
    figure = latent_grid.draw(latent_grid.gather(complete))
    assert [axes.get_title() for axes in figure.axes if "CVAE" in axes.get_title()] == [
        f"CVAE: {digit}" for digit in range(10)
    ]


def test_without_two_latents_there_is_no_grid(build_sweep, make_config, tmp_path):
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 5)]))
    with pytest.raises(MissingIngredient, match="latent size 2"):
        latent_grid.gather(sweep)


# --- style ----------------------------------------------------------------------------------------


def test_labels_are_spread_apart_and_others_stay():
    places = style.spread_apart([(0, 0), (0.1, 0), (0, 0.2), (9, 9)], least=1)
    distance = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    assert distance[np.triu_indices(4, 1)].min() > 0.9
    assert list(places[3]) == [9, 9]


def test_ink_is_readable_on_light_and_dark():
    assert style.ink_on("#fde725") == "black"
    assert style.ink_on("#440154") == "white"


# --- captions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "text"), [([], ""), ([2], "2"), ([2, 5], "2 and 5"), ([2, 5, 10], "2, 5 and 10")]
)
def test_listed(items, text):
    assert captions.listed(items) == text
