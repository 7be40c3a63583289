import pkgutil
import re
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import h5py
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

import analysis.figures
from analysis.figures import EVIDENCE, FIGURES, by_digit, loss_curves
from analysis.figures.parts import classes, maps, style
from analysis.figures.recipe import saver, write_figure
from analysis.figures.registry import RECIPES
from analysis.measures.embedding import NAMES
from analysis.measures.study import Study
from analysis.sweep.load import open_sweep
from analysis.tables.registry import RECIPES as TABLE_RECIPES
from analysis.write import prose

# Those that compare settings are tested with a sweep in which settings vary.
ARTICLE = [recipe for recipe in RECIPES.values() if not recipe.least_axes]


def titled(figure, title):
    (axes,) = (axes for axes in figure.axes if axes.get_title() == title)
    return axes


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


@pytest.mark.parametrize("recipe", ARTICLE, ids=lambda recipe: recipe.name)
def test_every_figure_stays_within_its_page(drawn, recipe):
    figure = drawn(recipe).figure
    assert isinstance(figure, Figure)
    assert figure.get_figwidth() <= style.PAGE_INCHES
    saver(figure, "png")(BytesIO())
    with style.styled():
        assert_nothing_is_cut_off(figure)


def test_a_figure_is_laid_out_for_the_first_of_its_files():
    class Counted(ConstrainedLayoutEngine):
        times = 0

        def execute(self, fig):
            Counted.times += 1
            super().execute(fig)

    figure = Figure(layout=Counted())
    figure.add_subplot().set_ylabel("SSE")
    saver(figure, "png")(BytesIO())
    laid_out = Counted.times
    assert laid_out
    saver(figure, "pdf")(BytesIO())
    assert Counted.times == laid_out


@pytest.mark.parametrize("recipe", ARTICLE, ids=lambda recipe: recipe.name)
def test_captions_name_dataset_seed_and_every_run_shown(drawn, recipe, tmp_path):
    drawing = drawn(recipe)
    write_figure(drawing, tmp_path, [])
    caption = (tmp_path / f"{recipe.name}.md").read_text()
    assert "MNIST" in caption
    # A figure of the dataset alone is made from no run.
    assert "seed 0" in caption or not drawing.runs
    assert "1 seed, trained for 3 epochs" in caption or not drawing.runs
    bars = [c for axes in drawing.figure.axes for c in axes.containers
            if isinstance(c, ErrorbarContainer) and c.has_yerr]  # fmt: skip
    assert not bars or re.search("[Bb]ars |intervals ", caption)
    assert caption.count("`") == 2 * len(drawing.runs)
    for run in drawing.runs:
        assert f"`{run.run_id}`" in caption


def test_every_figure_module_is_registered_under_its_name():
    found = {module.name for module in pkgutil.iter_modules(analysis.figures.__path__)}
    assert found - {"parts", "recipe", "registry"} == set(RECIPES)
    for name, recipe in RECIPES.items():
        assert recipe.gather.__module__ == f"analysis.figures.{name}"


def test_figures_are_listed_for_the_command_line_as_they_are_registered():
    listed = FIGURES | EVIDENCE
    assert list(listed) == list(RECIPES)
    assert all(RECIPES[name].about == about for name, about in listed.items())


def test_figures_need_tables_and_embeddings_that_exist():
    assert {need for recipe in RECIPES.values() for need in recipe.needs} <= set(TABLE_RECIPES)
    assert {name for recipe in RECIPES.values() for name in recipe.embeddings} == set(NAMES)


def test_drawing_changes_no_global_style(study):
    import matplotlib

    before = dict(matplotlib.rcParams)
    loss_curves.draw(loss_curves.FIGURE.gathered(study))
    assert dict(matplotlib.rcParams) == before


# --- loss curves ----------------------------------------------------------------------------------


def test_panels_show_every_term_of_training_and_validation_of_every_run(study, stored):
    figure = loss_curves.draw(loss_curves.FIGURE.gathered(study))
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "AE: SSE",
        "VAE: SSE", "VAE: KL (nats)", "VAE: loss, SSE + KL",
        "CVAE: SSE", "CVAE: KL (nats)", "CVAE: loss, SSE + KL",
        "Rate and distortion, last epoch",
    ]  # fmt: skip
    for title, term in (("KL (nats)", "kl"), ("loss, SSE + KL", "loss")):
        panel = titled(figure, f"VAE: {title}")
        with stored("vae-z002") as two, stored("vae-z020") as twenty:
            expected = {
                tuple(file[f"history/{split}/{term}"][()])
                for file in (two, twenty)
                for split in ("train", "val")
            }
        drawn = {tuple(line.get_ydata()) for line in panel.lines}
        assert drawn == expected
        assert panel.get_yscale() == {"kl": "linear", "loss": "log"}[term]
        assert list(panel.lines[0].get_xdata()) == [1, 2, 3]
    low, high = panel.get_ylim()  # its own: the curves fill the panel
    assert np.log(np.max(list(drawn)) / np.min(list(drawn))) > 0.8 * np.log(high / low)


def test_latent_size_has_one_colour_in_all_panels(study):
    figure = loss_curves.draw(loss_curves.FIGURE.gathered(study))
    colours = style.latent_colours([2, 20])
    for title in ("AE: SSE", "VAE: KL (nats)", "CVAE: loss, SSE + KL"):
        assert [to_hex(line.get_color()) for line in titled(figure, title).lines] == [
            colours[2], colours[2], colours[20], colours[20],
        ]  # fmt: skip
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["d = 2", "d = 20", "training", "validation"]


def test_rate_distortion_points_are_the_last_epoch(study, stored):
    figure = loss_curves.draw(loss_curves.FIGURE.gathered(study))
    axes = titled(figure, "Rate and distortion, last epoch")
    points = np.vstack([np.asarray(group.get_offsets()) for group in axes.collections])
    expected = []
    for start in ("vae-z002", "vae-z020", "cvae-z002", "cvae-z020"):
        with stored(start) as file:
            expected.append([file["history/val/kl"][-1], file["history/val/sse"][-1]])
    assert points == pytest.approx(np.array(expected))
    assert "KL" in axes.get_xlabel()
    assert "SSE" in axes.get_ylabel()


def test_the_legend_of_rates_hides_no_point(study):
    """With one model, whose KL grows with its error, the points are where the legend was."""
    data = loss_curves.gather(study)
    vae = [group for group in data.groups if group.model == "vae"]
    ends = zip(vae[0].runs, ((0.032, 11.25), (0.0354, 11.48)), strict=True)
    curves = {
        run.run_id: replace(
            data.curves[run.run_id],
            val={"sse": np.full(3, sse), "kl": np.full(3, kl), "loss": np.full(3, kl + sse)},
        )
        for run, (kl, sse) in ends
    }
    figure = loss_curves.draw(replace(data, groups=vae, curves=curves))
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[-1]
    box = axes.get_legend().get_window_extent()
    points = axes.transData.transform(axes.collections[0].get_offsets())
    assert not any(box.contains(*point) for point in points)
    numbers = [tick.get_window_extent() for tick in axes.get_xticklabels() if tick.get_text()]
    assert all(left.x1 + 4 < right.x0 for left, right in pairwise(numbers))


def test_autoencoders_alone_have_no_rate_panel(build_sweep, make_config, tmp_path):
    folder = build_sweep(tmp_path / "s", [make_config("ae", 2, epochs=1)])
    data = loss_curves.FIGURE.gathered(Study(open_sweep(folder)))
    figure = loss_curves.draw(data)
    assert [axes.get_title() for axes in figure.axes] == ["AE: SSE"]
    assert [line.get_marker() for line in figure.axes[0].lines] == ["x", "."]
    assert "Rate" not in loss_curves.caption(data)


# --- by digit -------------------------------------------------------------------------------------


def test_digit_lines_show_means_on_log_axes_shared_by_all_panels(study, stored, test_labels):
    figure = by_digit.draw(by_digit.FIGURE.gathered(study))
    panels = [titled(figure, title) for title in ("AE", "VAE", "CVAE", "PCA")]
    assert {axes.get_xscale() for axes in panels} == {"log"}
    assert {axes.get_yscale() for axes in panels} == {"log"}
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert [tick.get_text() for tick in panels[0].get_xticklabels()] == ["2", "20"]
    lines = {container.get_label(): container.lines[0] for container in panels[1].containers}
    assert list(lines) == [*"0123456789", "all"]
    assert [to_hex(lines[str(digit)].get_color()) for digit in range(10)] == list(classes.COLOURS)
    with stored("vae-z002") as two, stored("vae-z020") as twenty:
        expected = [
            file["test/sse_at_mean"][()][test_labels == 4].astype(float).mean()
            for file in (two, twenty)
        ]
    assert lines["4"].get_ydata() == pytest.approx(expected)


def test_interval_bars_enclose_the_mean(study):
    data = by_digit.FIGURE.gathered(study)
    for panel in data.panels:
        assert (panel.low[10] < panel.mean[10]).all()
        assert (panel.mean[10] < panel.high[10]).all()
    figure = by_digit.draw(data)
    (bars,) = titled(figure, "AE").containers[10].lines[2]
    first = bars.get_segments()[0][:, 1]
    assert first == pytest.approx([data.panels[0].low[10, 0], data.panels[0].high[10, 0]])


def test_heat_map_holds_the_same_means(study):
    data = by_digit.FIGURE.gathered(study)
    figure = by_digit.draw(data)
    maps = [axes for axes in figure.axes if axes.images]
    assert len(maps) == 4
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
    for path in folder.glob("runs/*/evaluation.h5"):
        with h5py.File(path) as file:
            errors.append(file["test/sse_at_mean"][()].astype(float))
    data = by_digit.FIGURE.gathered(Study(open_sweep(folder)))
    panel, pca = data.panels
    assert (panel.title, pca.title) == ("AE", "PCA")
    assert panel.mean.shape == (11, 1)
    assert panel.mean[10, 0] == pytest.approx(np.mean(errors))
    assert "seeds 0 and 1" in by_digit.caption(data)
    assert_nothing_is_cut_off(by_digit.draw(data))


# --- style ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.5, 20.0, np.nan], (0.5, 20)),
        ([0.0, 1e-28, 2.0, 8.0], (2, 8)),
        ([3.0, 3.0], (1.5, 3)),
        ([0.0, np.nan], (0.5, 1)),
    ],
)
def test_a_map_of_errors_has_a_scale_whatever_the_errors_are(values, ends):
    norm = style.log_norm(np.array(values))
    assert (norm.vmin, norm.vmax) == ends
    shares = norm(np.array(values))
    assert np.ma.getmaskarray(shares).tolist() == np.isnan(values).tolist()
    assert np.all((shares >= 0) & (shares <= 1))


def test_labels_are_spread_apart_and_others_stay():
    places = maps.spread_apart([(0, 0), (0.1, 0), (0, 0.2), (9, 9)], least=1)
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
    assert prose.listed(items) == text
