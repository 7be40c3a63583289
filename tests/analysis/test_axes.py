"""A sweep in which settings vary: columns of the tables, the reference cell, figures by setting."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from aevae.axes import Axis
from analysis.figures import (
    by_digit,
    by_setting,
    decoder_variance,
    rate_distortion,
    seen_by_setting,
    two_settings,
)
from analysis.figures.parts import style
from analysis.figures.parts.naming import PointNames
from analysis.figures.parts.scales import Scale
from analysis.figures.parts.settings import DISTORTION, RATE
from analysis.figures.recipe import Skipped
from analysis.findings import records
from analysis.measures.study import Study
from analysis.report import story
from analysis.sweep.load import SweepResults, open_sweep
from analysis.tables.registry import RECIPES, compute_table

SEEDS = 3
BY_SETTING = by_setting, rate_distortion, decoder_variance, seen_by_setting, two_settings
# These tables are of MNIST only, of models with labels, or of the settings of a paper.
OF_ANY = [
    name for name in RECIPES if name not in ("published", "control", "literature", "pixel_costs")
]


@pytest.fixture(scope="module")
def folder(build_sweep, make_config, make_data, tmp_path_factory) -> Path:
    """AE and VAE with two numbers of epochs, the VAE with three weights; one cell is excluded."""
    data = make_data((8, 8), ["a", "b", "c"], "letter")
    cells = [("ae", epochs, {}) for epochs in (3, 4)]
    weights = (0.5, 1.0, 4.0)
    cells += [("vae", epochs, {"kl_weight": weight}) for epochs in (3, 4) for weight in weights]
    del cells[2]  # the VAE of 3 epochs with weight 0.5
    configs = [
        make_config(kind, 2, seed=seed, epochs=epochs, data=data, **settings)
        for (kind, epochs, settings), seed in itertools.product(cells, range(SEEDS))
    ]
    return build_sweep(tmp_path_factory.mktemp("axes") / "sweep", configs)


@pytest.fixture(scope="module")
def varied(folder, tmp_path_factory) -> Study:
    return Study(open_sweep(folder), tmp_path_factory.mktemp("embeddings"))


@pytest.fixture(scope="module")
def only_reference(varied) -> Study:
    """A study of the runs at the reference cell, as if the sweep had no others."""
    sweep = varied.sweep
    return Study(
        SweepResults(sweep.root, sweep.dataset, varied.reference.sweep.runs, ()), varied.embeddings
    )


# --- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_ANY)
def test_every_table_has_a_column_for_each_axis(varied, name):
    table, recipe = compute_table(varied, name), RECIPES[name]
    assert table.columns.is_unique
    configs = {run.run_id: run.config for run in varied.sweep.runs}
    if "run_id" in table:
        rows = table[table["run_id"].isin(list(configs))]
        for row in rows.itertuples():
            config = configs[row.run_id]
            assert row.epochs == config.train.epochs
            assert row.kl_weight == config.model.kl_weight or row.model == "ae"
        assert rows["kl_weight"].isna().equals(rows["model"] == "ae")
        assert set(rows["run_id"]) == set(configs)
        per_run = rows.groupby("run_id").size().groupby(lambda run_id: run_id[0])
        assert (per_run.nunique() == 1).all() or name == "history"
    else:
        cells = table[table["model"] != "pca"].drop_duplicates(["group"])
        assert len(cells) == 2 + 5
        assert set(cells["seeds"]) == {SEEDS}
    if recipe.for_readers:
        shown = recipe.for_readers(table)
        assert {"kl_weight", "epochs"} <= set(shown)
        assert shown["epochs"].dtype == "Int64"  # empty for PCA, but whole for all others
        assert not shown.duplicated().any()


def test_readers_see_what_is_of_a_run_once(varied):
    auroc = RECIPES["auroc"].for_readers(compute_table(varied, "auroc"))
    assert len(auroc) == SEEDS * (2 * 1 + 5 * 3)  # scores: SSE, and for the VAE KL and their sum
    probes = RECIPES["probes"].for_readers(compute_table(varied, "probes"))
    assert len(probes) == SEEDS * (2 + 2 * 5) + 2  # the VAE by z and by means; PCA and pixels
    assert list(probes["kl_weight"].isna()) == [True] * 6 + [False] * 30 + [True] * 2


def test_errors_of_a_cell_are_means_over_its_seeds_only(varied):
    runs = compute_table(varied, "summary")
    cells = compute_table(varied, "per_digit_error").query("`class` == 'all'")
    for (weight, epochs), seeds in runs[runs["model"] == "vae"].groupby(["kl_weight", "epochs"]):
        (cell,) = cells.query(f"kl_weight == {weight} and epochs == {epochs}")["sse_mean"]
        assert cell == pytest.approx(seeds["test_sse_mean"].mean())


# --- the reference cell ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", OF_ANY)
def test_at_the_reference_a_table_is_that_of_a_sweep_of_its_runs(varied, only_reference, name):
    table = compute_table(varied.reference, name)
    alone = compute_table(only_reference, name)
    assert set(table) - set(alone) <= {"kl_weight", "epochs"}
    for column in alone:
        if alone[column].dtype.kind == "f":
            np.testing.assert_allclose(table[column], alone[column], rtol=1e-9)
        else:
            assert table[column].isna().tolist() == alone[column].isna().tolist()
            assert table[column].dropna().tolist() == alone[column].dropna().tolist()


def test_figures_of_the_article_show_the_reference_and_say_so(varied):
    drawing = by_digit.FIGURE.drawn(varied)
    assert {(run.config.train.epochs, run.config.model.kl_weight) for run in drawing.runs} == {
        (4, 1.0)
    }
    assert " Drawn at kl_weight = 1 (VAE), epochs = 4 from " in drawing.caption
    titles = [axes.get_title() for axes in drawing.figure.axes]
    assert [title for title in titles if title] == ["AE", "VAE", "PCA"]


def test_findings_say_where_they_were_tested(varied):
    sweep = varied.reference.sweep
    text = records.to_text(sweep, [])
    assert "Tested on the 6 of 21 runs that have kl_weight = 1 (VAE), epochs = 4." in text
    record = json.loads(records.to_json(sweep, []))
    assert record["reference"] == {
        "ae": {"train.epochs": 4}, "vae": {"model.kl_weight": 1.0, "train.epochs": 4},
    }  # fmt: skip
    assert len(record["runs"]) == 6


def test_the_page_has_a_section_on_settings_only_where_some_vary(varied, study):
    (section,) = (s for s in story.complete([], [], varied.reference.sweep) if s.name == "settings")
    assert "kl_weight (0.5, 1, 4), epochs (3, 4)" in section.text
    assert "the reference cell, kl_weight = 1 (VAE), epochs = 4," in section.text
    assert "settings" not in [section.name for section in story.complete([], [], study.sweep)]


def test_a_value_that_no_run_has_is_one_line_and_nothing_is_written(run, folder, tmp_path):
    target = tmp_path / "out"
    result = run("figures", folder, "--to", target, "--at", "epochs=4", "--at", "kl_weight=7")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "aevae-analysis: --at: no run has kl_weight = '7' (valid: 0.5, 1, 4)"
    )
    assert not target.exists()


def test_another_reference_is_drawn_on_demand(run, folder, tmp_path):
    result = run("figures", folder, "--to", tmp_path, "--only", "loss_curves,two_settings",
                 "--format", "png", "--at", "train.epochs=3")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "reference cell: kl_weight = 1 (VAE), epochs = 3" in result.stderr
    assert (
        "Drawn at kl_weight = 1 (VAE), epochs = 3 from "
        in (tmp_path / "loss_curves.md").read_text()
    )


# --- figures by setting ---------------------------------------------------------------------------


@pytest.mark.parametrize("figure", BY_SETTING)
def test_without_axes_there_is_nothing_to_compare(study, figure):
    drawing = figure.FIGURE.drawn(study)
    assert isinstance(drawing, Skipped)
    assert "in this sweep" in drawing.reason


def test_lines_by_setting_hold_the_others_at_the_reference(varied):
    data = by_setting.FIGURE.gathered(varied)
    found = {
        axis.name: [(line.model, line.values) for line in lines]
        for axis, lines in data.rows.items()
    }
    assert found == {
        "kl_weight": [("vae", (0.5, 1.0, 4.0))],
        "epochs": [("ae", (3, 4)), ("vae", (3, 4))],
    }
    line = data.lines[-1]
    runs = compute_table(varied, "summary").query("model == 'vae' and kl_weight == 1")
    errors = [runs.loc[runs["epochs"] == epochs, "test_sse_mean"] for epochs in (3, 4)]
    assert list(line.means("error")) == pytest.approx([seeds.mean() for seeds in errors])
    # 4.303 is the 97.5 % quantile of Student's t with two degrees of freedom.
    halves = [4.303 * seeds.std(ddof=1) / np.sqrt(SEEDS) for seeds in errors]
    assert list(line.half_widths("error")) == pytest.approx(halves, rel=1e-3)
    assert "kl_weight does not apply to the AE." in by_setting.caption(data)
    figure = by_setting.draw(data)
    assert [axes.get_xlabel() for axes in figure.axes] == ["kl_weight"] * 4 + ["epochs"] * 4
    assert [len(axes.containers) for axes in figure.axes] == [1, 1, 1, 1, 2, 1, 2, 2]


def test_rate_and_distortion_are_means_of_the_sampled_z(varied):
    data = rate_distortion.FIGURE.gathered(varied)
    assert [axis.name for axis in data.rows] == ["kl_weight", "epochs"]
    table = rate_distortion.table(data)
    runs = compute_table(varied, "summary").query("model == 'vae' and kl_weight == .5")
    row = table.iloc[0]
    assert (row["setting"], row["value"], row["model"]) == ("kl_weight", "0.5", "VAE")
    assert row[RATE] == pytest.approx(runs["test_kl"].mean())
    assert row[DISTORTION] == pytest.approx(runs["test_sse_sample"].mean())
    last = table.iloc[-1]
    assert (last["setting"], last["model"]) == ("", "AE")
    assert np.isnan(last[RATE])
    names = {text.get_text() for text in rate_distortion.draw(data).axes[0].texts}
    assert len(names) > 0
    assert names <= {"0.5", "1", "4"}


def test_what_z_tells_is_drawn_by_setting_between_the_ends_of_its_bracket(varied):
    data = seen_by_setting.FIGURE.gathered(varied)
    _, _, of_image, *_ = seen_by_setting.draw(data).axes
    runs = compute_table(varied, "latent_space").query("model == 'vae' and epochs == 4")
    means = runs.groupby("kl_weight").mean(numeric_only=True)
    (band,) = of_image.collections[1:]  # after the bars of the line
    drawn = set(band.get_paths()[0].vertices[:, 1])
    assert len(means) == 3
    for end in ("low", "high"):
        assert drawn.issuperset(means[f"mutual_information_{end}"])


def test_every_noise_has_a_score_at_every_variance(varied):
    data = decoder_variance.FIGURE.gathered(varied)
    table = decoder_variance.table(data).set_index("variance")
    quality = compute_table(varied, "sample_quality").query("epochs == 4")
    runs = quality.query("model == 'vae' and kl_weight == .5 and sampler == 'mixture'")
    assert table.loc["0.25", "recognisable mixture"] == pytest.approx(runs["recognisable"].mean())
    ae = quality.query("model == 'ae' and sampler == 'diagonal'")
    assert table.loc["", "coverage_classifier diagonal"] == pytest.approx(
        ae["coverage_classifier"].mean()
    )
    rate, distortion, *scores = decoder_variance.draw(data).axes
    assert (len(rate.lines), len(distortion.lines)) == (1, 2)
    # Four noises for the VAE, three for the AE, whose mean is its code.
    assert [len(axes.lines) for axes in scores] == [7, 7]


@pytest.mark.parametrize("figure", BY_SETTING)
def test_figures_by_setting_stay_within_their_page(varied, figure):
    drawn = figure.FIGURE.drawn(varied).figure
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    frame = drawn.bbox
    assert drawn.get_figwidth() <= style.PAGE_INCHES
    for axes in drawn.axes:
        box = axes.get_tightbbox(canvas.get_renderer())
        assert frame.x0 - 1 <= box.x0 <= box.x1 <= frame.x1 + 1
        assert frame.y0 - 1 <= box.y0 <= box.y1 <= frame.y1 + 1


def test_a_map_is_empty_where_no_run_was_trained(varied):
    data = two_settings.FIGURE.gathered(varied)
    ((x, y, (found,)),) = data.rows
    assert (x.name, y.name, found.model) == ("kl_weight", "epochs", "vae")
    assert np.isnan(found.error).tolist() == [[True, False, False], [False, False, False]]
    assert found.reference == (1, 1)
    runs = compute_table(varied, "summary").query("epochs == 3 and kl_weight == 1")
    assert found.error[0, 1] == pytest.approx(runs["test_sse_mean"].mean())
    assert len(two_settings.draw(data).axes[0].texts) == 5


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ((1, 2, 8), "linear"),
        ((1e-4, 1e-3, 1e-2), "log"),
        ((0.0, 0.02, 4.0), "names"),
        ((0.0, 1.0, 4.0), "linear"),
        (("constant", "cosine"), "names"),
        (((16,), (64, 64)), "names"),
    ],
)
def test_numbers_have_a_scale_and_other_values_names(values, scale):
    assert Scale(Axis("model.kl_weight", values)).type == scale


def test_of_two_names_at_one_place_the_second_is_left_out():
    axes = Figure(figsize=(2, 2)).add_subplot(xlim=(0, 1), ylim=(0, 1))
    names = PointNames(axes, 1.5, 1.5)
    for x, y, name in ((0.5, 0.5, "0.02"), (0.51, 0.5, "0.05"), (0.95, 0.9, "constant")):
        names.add((x, y), name, "black", below=False)
    assert [(text.get_text(), text.get_ha()) for text in axes.texts] == [
        ("0.02", "left"), ("constant", "right"),
    ]  # fmt: skip
