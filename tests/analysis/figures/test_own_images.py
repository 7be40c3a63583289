"""Figures of images of one's own: any shape, in colour, few or many classes, or none."""

from string import ascii_letters, ascii_uppercase, digits

import h5py
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text

from aevae.datasets import BUILT_IN
from analysis.figures import (
    by_digit,
    closest_pairs,
    code_map,
    digits_embedding,
    generated,
    interpolations,
    latent_grid,
    latent_pca,
    latent_sizes,
    reconstructions,
    tsne,
)
from analysis.figures.parts import classes, style, tiles
from analysis.figures.recipe import write_figure
from analysis.figures.registry import RECIPES
from analysis.measures.plane_structure import Box
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep

LONG = "a name of forty characters, no fewer ..."
DATA = {
    "letters": ((12, 20), ascii_uppercase, "letter"),
    "colour": ((16, 12, 3), (LONG, "$5 or $6", "c"), "class"),
    "many": ((6, 6), digits + ascii_letters, "character"),
    "unlabelled": ((9, 9), (), "class"),
}
WORDED = (by_digit.FIGURE, interpolations.FIGURE, latent_pca.FIGURE)
# These take a second or more each.
SLOW = {"generators", "closest_pairs", "probe_curves", "digits_embedding", "tsne"}


@pytest.fixture(scope="module")
def studies(tmp_path_factory, build_sweep, make_config, make_data):
    """A study of a sweep of each kind of images; each sweep has d = 2 and 3."""
    found = {}
    for name, (shape, names, noun) in DATA.items():
        data = make_data(shape, names, noun)
        kinds = ("ae", "vae", "cvae") if names else ("ae", "vae")
        configs = [make_config(kind, d, data=data) for kind in kinds for d in (2, 3)]
        root = build_sweep(tmp_path_factory.mktemp("own") / name, configs)
        found[name] = Study(open_sweep(root))
    return found


def stored(study, name):
    """Read an array of the dataset with h5py alone."""
    with h5py.File(study.data.path, locking=False) as file:
        return file[name][()]


def stored_result(study, start, name):
    (folder,) = study.sweep.root.glob(f"runs/{start}*")
    with h5py.File(folder / "evaluation.h5", locking=False) as file:
        return file[name][()]


def heads(axes):
    return [tick.get_text() for tick in axes.get_xticklabels()]


OF_CLASSES = ("by_digit", "reliability", "neighbouring_regions")


@pytest.mark.parametrize("name", DATA)
def test_captions_are_in_the_words_of_the_images(studies, name):
    study = studies[name]
    for recipe in RECIPES.values():
        if recipe.name in SLOW or recipe.least_axes:
            continue
        if name == "unlabelled" and recipe.name in (
            "by_digit",
            "reliability",
            "neighbouring_regions",
        ):
            with pytest.raises(MissingIngredient, match="the images have no labels"):
                recipe.gathered(study)
            continue
        caption = recipe.caption(recipe.gathered(study))
        assert "digit" not in caption
        assert "own-images" in caption
        if not study.data.classes:
            assert "class" not in caption.replace("CVAE", "")


@pytest.mark.parametrize("recipe", WORDED, ids=lambda recipe: recipe.name)
def test_figures_say_what_a_class_is_called_and_nothing_is_cut_off(studies, recipe):
    figure = recipe.draw(recipe.gathered(studies["colour"]))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    said = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "digit" not in said
    assert "class" in said
    for axes in figure.axes:
        box, frame = axes.get_tightbbox(canvas.get_renderer()), figure.bbox
        assert frame.x0 - 1 <= box.x0 <= box.x1 <= frame.x1 + 1
        assert frame.y0 - 1 <= box.y0 <= box.y1 <= frame.y1 + 1


def test_files_of_figures_speak_of_classes(studies, tmp_path):
    written = write_figure(RECIPES["digits"].drawn(studies["colour"]), tmp_path, ["png"])
    assert [path.name for path in written] == ["classes.png", "classes.md"]
    assert studies["colour"].data.file_name("by_digit") == "by_class"


# --- tiles ----------------------------------------------------------------------------------------


def test_tiles_have_the_aspect_ratio_of_the_images(studies):
    figure = reconstructions.draw(reconstructions.FIGURE.gathered(studies["letters"]))
    width, height = figure.get_size_inches()
    axes = figure.axes[0]
    box = axes.get_position()
    columns = 13
    tile_width = box.width * width / columns
    assert box.height * height / tile_width == pytest.approx(12 / 20, rel=0.1)
    picture = axes.images[0].get_array()
    assert picture.shape == (12, columns * 22 - 2)


def test_colour_is_shown_in_colour_and_residuals_as_means_over_channels(studies):
    study = studies["colour"]
    data = reconstructions.FIGURE.gathered(study)
    original, decoded, residual = reconstructions.draw(data).axes[:3]
    image = stored(study, "test/image")[data.indices[0]] / 255
    made = stored_result(study, "ae-z003", "test/reconstruction_at_mean")[data.indices[0]] / 255
    for axes, expected in ((original, image), (decoded, made)):
        shown = axes.images[0].get_array()[:16, :12]
        assert np.array_equal(shown[..., :3], expected)
        assert (shown[..., 3] == 1).all()
    shown = np.asarray(residual.images[0].get_array()[:16, :12])
    assert shown == pytest.approx((made - image).mean(axis=-1))
    assert original.images[0].get_array()[0, 12, 3] == 0  # gaps are transparent


def test_large_images_are_scaled_down_by_means():
    images = np.random.default_rng(0).integers(0, 256, (2, 256, 250, 3), dtype=np.uint8)
    shown = tiles.intensities(images, (256, 250, 3))
    assert shown.shape == (2, 86, 84, 3)
    assert shown[0, 0, 0] == pytest.approx(images[0, :3, :3].mean(axis=(0, 1)) / 255)
    small = images[:, :28, :28, 0]
    assert np.array_equal(tiles.intensities(small, (28, 28)), small / 255)


# --- classes --------------------------------------------------------------------------------------


def test_many_classes_are_broken_into_rows_that_name_them(studies):
    figure = reconstructions.draw(reconstructions.FIGURE.gathered(studies["letters"]))
    strips = 1 + 2 * 3
    assert heads(figure.axes[0]) == [*ascii_uppercase[:13]]
    assert heads(figure.axes[strips]) == [*ascii_uppercase[13:]]
    assert [axes.get_ylabel() for axes in figure.axes[:strips]] == [
        axes.get_ylabel() for axes in figure.axes[strips : 2 * strips]
    ]


def test_few_classes_have_several_images_each(studies):
    study = studies["colour"]
    data = reconstructions.FIGURE.gathered(study)
    labels = stored(study, "test/label")
    assert labels[data.indices].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert "The first 3 test images of each class" in reconstructions.caption(data)


def test_of_very_many_classes_the_best_and_the_worst_are_shown(studies):
    study = studies["many"]
    labels = stored(study, "test/label")
    runs = [path.name for path in study.sweep.root.glob("runs/*")]
    error = np.sum([stored_result(study, run, "test/sse_at_mean") for run in runs], axis=0)
    means = {label: error[labels == label].mean() for label in np.unique(labels)}
    ordered = sorted(means, key=means.get)
    names = [(digits + ascii_letters)[label] for label in [*ordered[:5], *ordered[-5:]]]
    data = by_digit.FIGURE.gathered(study)
    assert data.names == [*names, "all"]
    assert f"({', '.join(names[:4])} and {names[4]})" in by_digit.caption(data)
    figure = reconstructions.draw(reconstructions.FIGURE.gathered(study))
    assert heads(figure.axes[0]) == names
    points = code_map.draw(code_map.FIGURE.gathered(study)).axes[0].collections[0]
    colours = [to_hex(colour) for colour in points.get_facecolors()]
    assert (
        colours.count(classes.OTHERS_COLOUR)
        == (~np.isin(labels, [*ordered[:5], *ordered[-5:]])).sum()
    )


def test_long_names_are_shortened_and_dollars_stay(studies):
    figure = reconstructions.draw(reconstructions.FIGURE.gathered(studies["colour"]))
    first, *_ = heads(figure.axes[0])
    assert first.startswith("a na")
    assert first.endswith("\N{HORIZONTAL ELLIPSIS}")
    assert style.text_width(first) <= style.PAGE_INCHES / 9
    assert r"\$5 or \$6" in heads(figure.axes[0])
    FigureCanvasAgg(figure).draw()  # which would fail on a formula


def test_colours_of_many_classes_can_be_followed_in_order(studies):
    found = classes.find_classes(studies["letters"])
    luma = [np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)) for colour in found.colours.values()]
    assert len(luma) == 26
    assert luma == sorted(luma)
    assert len(set(found.colours.values())) == 26


def test_names_too_long_for_a_map_stand_in_a_legend(studies):
    figure = code_map.draw(code_map.FIGURE.gathered(studies["colour"]))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][1:] == [r"\$5 or \$6", "c"]
    assert not figure.axes[0].texts
    letters = code_map.draw(code_map.FIGURE.gathered(studies["letters"]))
    assert not letters.legends
    assert {text.get_text() for text in letters.axes[0].texts} == set(ascii_uppercase)


def test_conditional_models_are_asked_for_every_class(studies):
    data = generated.FIGURE.gathered(studies["letters"])
    asked = [label for strip in data.strips for label in strip.asked or []]
    assert asked == 2 * list(range(26))  # from N(0, I), and from a mixture for each letter
    images = stored_result(studies["letters"], "cvae-z003", "samples/mixture/image") / 255
    assert np.array_equal(data.strips[-1].images[0, 0], images[13])
    figure = latent_grid.draw(latent_grid.FIGURE.gathered(studies["letters"]))
    titles = [axes.get_title() for axes in figure.axes if axes.get_title().startswith("CVAE")]
    assert titles == [f"CVAE: {letter}" for letter in ascii_uppercase]


# --- without labels -------------------------------------------------------------------------------


def test_without_labels_maps_have_one_colour_and_ridges_are_of_all(studies):
    study = studies["unlabelled"]
    figure = code_map.draw(code_map.FIGURE.gathered(study))
    colours = {to_hex(colour) for colour in figure.axes[0].collections[0].get_facecolors()}
    assert colours == {classes.PLAIN_COLOUR}
    assert not figure.axes[0].texts
    ridges = latent_pca.draw(latent_pca.FIGURE.gathered(study)).axes[1]
    assert [tick.get_text() for tick in ridges.get_yticklabels()] == ["all"]


def test_without_labels_typical_and_worst_images_are_of_all(studies):
    study = studies["unlabelled"]
    data = latent_sizes.FIGURE.gathered(study)
    runs = [path.name for path in study.sweep.root.glob("runs/*")]
    error = np.mean([stored_result(study, run, "test/sse_at_mean") for run in runs], axis=0)
    ordered = np.argsort(error)
    assert data.indices[1].tolist() == ordered[-10:].tolist()
    assert data.indices[0].tolist() == ordered[45:55].tolist()


def test_layouts_are_scored_by_classes_only_where_there_are_some(studies):
    letters = digits_embedding.FIGURE.gathered(studies["letters"])
    assert "letters, the share of images with the letter" in digits_embedding.caption(letters)
    plain = tsne.FIGURE.gathered(studies["unlabelled"])
    assert "share of images" not in tsne.caption(plain)
    assert "colour" not in tsne.caption(plain)
    assert all("," not in axes.get_title().splitlines()[1] for axes in tsne.draw(plain).axes)


@pytest.mark.parametrize("name", BUILT_IN)
def test_names_of_built_in_classes_stand_whole_beside_the_lines_between_images(name):
    for title in BUILT_IN[name].class_names:
        assert style.fitted(title, interpolations.NAME_INCHES) == title


def test_distances_that_cannot_be_compared_are_named_and_are_no_number(studies):
    study, image = studies["letters"], np.zeros((10, 12, 20))
    found, unknown = np.arange(1, 11) / 4, np.full(10, np.nan)
    rows = [
        closest_pairs.PairRow("AE\nmixture", image, image, unknown),
        closest_pairs.PairRow("VAE\nN(0, I)", image, image, np.append(found[:-1], np.nan)),
    ]
    data = closest_pairs.ClosestPairs(study.sweep.runs[:2], rows, study.data, (30, 100))
    caption = closest_pairs.caption(data)
    assert (
        "The least are 0.25 (VAE N(0, I)). There is none for AE mixture: no test images" in caption
    )
    assert "nan" not in caption


def test_one_code_is_no_plural():
    place = np.zeros(2)
    boxes = [Box(place, place, place, place, count) for count in (0, 1, 1234)]
    held = [code_map.held(box) for box in boxes]
    assert held == ["0 codes", "1 code", "1,234 codes"]
