"""Sweeps of images that are no digits: tables and findings speak of their classes, if any.

The images and results are made up; what the tables measure is tested on digits.
"""

from dataclasses import replace
from itertools import combinations

import h5py
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.stats import norm

from aevae.kinds import KINDS
from analysis import figures
from analysis.figures import anomaly, interpolations, loss_curves, selection
from analysis.findings import CLAIMS, findings, records
from analysis.findings.reconstruction import CLAIMS as OF_RECONSTRUCTIONS
from analysis.measures import likelihood, nearest_training, pca
from analysis.measures.embedding import scores
from analysis.measures.judges.panel import find_judges
from analysis.measures.study import Study
from analysis.sweep import groups
from analysis.sweep.load import open_sweep
from analysis.tables import by_class, control, per_digit_error, recipe
from analysis.tables.registry import RECIPES, compute_table, make_tables

ANIMALS = ("cat", "low", "all", "emu")  # two of them are called like columns and rows of tables
EVERY = tuple(RECIPES)
KINDS_WITHOUT_LABELS = ("ae", "vae")


@pytest.fixture(scope="module")
def study_of(build_sweep, make_config, tmp_path_factory):
    """Build and open a sweep of some kinds of models with two latents."""

    def make(data, kinds=("ae", "vae", "cvae")):
        configs = [make_config(kind, 2, data=data) for kind in kinds]
        return Study(open_sweep(build_sweep(tmp_path_factory.mktemp("own") / "swéep", configs)))

    return make


@pytest.fixture(scope="module")
def animals(study_of, make_data):
    """Colour pictures of four animals."""
    return study_of(make_data((6, 5, 3), ANIMALS, "animal"))


@pytest.fixture(scope="module")
def unlabelled(study_of, make_data):
    """Grey pictures without labels."""
    return study_of(make_data((6, 5)), KINDS_WITHOUT_LABELS)


@pytest.fixture(scope="module")
def many(study_of, make_data):
    """Pictures of 62 classes, more than there are training images."""
    return study_of(make_data((5, 4), [f"c{n}" for n in range(62)], "glyph"))


@pytest.fixture(scope="module")
def written(animals, tmp_path_factory):
    """Everything that tables and findings of the animals say."""
    folder = tmp_path_factory.mktemp("out")
    made, omitted = make_tables(animals, names=EVERY)
    assert list(omitted) == ["published"]
    recipe.write_tables(made, folder, ["csv", "md", "latex"])
    records.write(animals.sweep, findings(animals), folder)
    return folder


def test_no_output_speaks_of_digits(written):
    names = [path.name for path in written.iterdir()]
    assert {"per_class_error.csv", "per_class_error.md", "per_class_error.tex"} <= set(names)
    assert not [name for name in names if "digit" in name]
    assert not [name for name in names if "digit" in (written / name).read_text().lower()]


def test_classes_stand_in_tables_by_their_names(written):
    for name in ("per_class_error", "control", "memorisation"):
        assert list(pd.read_csv(written / f"{name}.csv")["class"][:5]) == [*ANIMALS, "all"]
    assert "by animal, mean over" in (written / "per_class_error.md").read_text()


def test_a_class_called_like_a_column_hides_nothing(animals):
    shown = per_digit_error.for_readers(compute_table(animals, "per_digit_error"))
    assert list(shown.columns[4:]) == ["cat", "class low", "class all", "emu", "all", "low", "high"]
    assert (shown["low"] < shown["all"]).all()


def test_claims_are_worded_for_the_classes_and_those_about_digits_are_absent(written):
    text = (written / "findings.md").read_text()
    left = [claim for claim in CLAIMS if not claim.of_digits]
    assert len(CLAIMS) - len(left) == 4
    assert f"**{len(left)} claims" in text
    for name in ("ones-easiest", "sevens-next", "twos-and-eights-hardest", "digits-morph"):
        assert name not in text
    assert "hardly anything that resembles an animal." in text
    assert "A grid over the VAE's two-dimensional latent space shows every animal." in text
    assert "{" not in text


def test_claims_about_digits_are_about_the_ten_digits_only(study_of, make_data, study):
    other = study_of(make_data((4, 4), ["I", "II"], "digit"), ["ae"])
    assert not [claim.name for claim in CLAIMS if claim.of_digits and claim.concerns(other)]
    assert all(claim.concerns(study) for claim in CLAIMS)


def test_without_labels_all_but_what_is_by_class_stands(unlabelled):
    made, omitted = make_tables(unlabelled, names=EVERY)
    reason = "the images have no labels"
    assert omitted.pop("control") == "no finished run of the CVAE"
    assert omitted.pop("published").startswith("no run on MNIST")
    lacking = ["per_digit_error", "calibration", "plane_structure", "probes"]
    assert omitted == dict.fromkeys(lacking, reason)
    tables = {table.name: table for table in made}
    assert list(tables["memorisation"].data["class"].unique()) == ["all"]
    quality = tables["sample_quality"]
    assert quality.data["coverage_pca"].notna().all()
    assert not [name for name in quality.data if "classifier" in name or name == "recognisable"]
    assert f"What needs judges is left out: {reason}." in quality.caption
    assert list(tables["smoothness"].data.columns[-2:]) == ["length", "jump"]


def test_commands_print_what_there_is_and_do_not_speak_of_digits(run, unlabelled, tmp_path):
    result = run("tables", unlabelled.sweep.root, "--to", tmp_path, "--format", "md")
    assert result.exit_code == 0
    assert "omitted per_class_error: the images have no labels" in result.output
    assert "Every run on the 40 validation and 100 test images of own-images" in result.output
    assert "digit" not in result.output


def test_a_figure_that_needs_labels_is_a_failure_only_if_it_was_asked_for(
    run, unlabelled, tmp_path, monkeypatch
):
    few = {name: figures.FIGURES[name] for name in ("by_digit", "loss_curves")}
    monkeypatch.setattr(figures, "FIGURES", few)
    arguments = "figures", unlabelled.sweep.root, "--to", tmp_path, "--format", "png"
    for options, code in [((), 0), (("--only", "loss_curves,by_digit"), 1)]:
        result = run(*arguments, *options)
        assert result.exit_code == code
        assert result.stderr.splitlines() == ["skipped by_class: the images have no labels"]
        assert (tmp_path / "loss_curves.png").exists()


def test_what_the_sweep_cannot_embed_is_a_failure_only_if_it_was_asked_for(
    run, unlabelled, tmp_path
):
    reason = "skipped vae: no latent size above 2 for which every model has a finished run"
    for options, code in [((), 0), (("--only", "images,vae"), 1)]:
        result = run("embed", unlabelled.sweep.root, "--to", tmp_path, *options)
        assert result.exit_code == code
        assert reason in result.stderr.splitlines()


def test_without_labels_claims_on_classes_are_not_tested(unlabelled):
    found = {finding.name: finding for finding in findings(unlabelled)}
    for name in (
        "vae-recognisable",
        "ae-interpolates-worse",
        "ae-gaps-fail",
        "few-latents-keep-the-class",
    ):
        assert found[name].verdict == "undecided"
        assert found[name].detail == "Not tested: the images have no labels."
    for name in ("vae-fuzzy", "samples-are-new", "anomalies-detected", "ae-overfits"):
        assert found[name].estimate is not None


def test_without_labels_distances_are_relative_to_all_test_images(unlabelled):
    run = unlabelled.sweep.runs[1]
    pairs = nearest_training.sample_pairs(unlabelled, run)
    real = nearest_training.test_pairs(unlabelled, 60)
    expected = np.sqrt(pairs.sse / np.median(real.sse))
    assert nearest_training.relative_distance(unlabelled, pairs) == pytest.approx(expected)


def test_of_many_classes_readers_see_the_best_and_the_worst(many):
    table = compute_table(many, "per_digit_error")
    shown = per_digit_error.for_readers(table)
    means = table.groupby("class", sort=False)["sse_mean"].mean().drop("all").sort_values()
    assert list(shown.columns[4:-3]) == [*means.index[:5], *means.index[-5:]]
    assert len(table) == (3 + 1) * 63
    caption = per_digit_error.caption(many)
    assert "Of 62 glyphs, the 5 with the least and the 5 with the greatest mean error" in caption


def test_readers_see_the_best_and_the_worst_of_each_run():
    agreement = np.append(np.roll(np.arange(51) / 51, 7), 0.5)
    table = pd.DataFrame({"run_id": "a", "model": "cvae", "class": [*map(str, range(51)), "all"],
                          "agreement": agreement})  # fmt: skip
    both = pd.concat([table, table.assign(run_id="b")])
    shown = control.for_readers(both)["class"]
    assert list(shown) == 2 * [*map(str, [*range(7, 12), *range(2, 7)]), "all"]


def test_classes_with_too_few_images_are_left_out_and_named(many):
    lacking = many.sweep.rare_classes("train")
    assert lacking  # there are 60 training images
    caption = control.caption(many)
    assert f"Without training images: {by_class.listed(lacking)}." in caption
    table = compute_table(many, "control")
    # Of 30 samples, none is of the other classes.
    assert list(table["class"]) == [*(n for n in [f"c{i}" for i in range(30)] if n not in lacking),
                                    "all"]  # fmt: skip
    accuracy = compute_table(many, "probes")["accuracy"]
    assert accuracy.between(0, 1).all()


def test_of_one_class_what_needs_two_is_left_out(study_of, make_data):
    study = study_of(make_data((6, 5), ["cat"], "animal"))
    made, omitted = make_tables(study, names=EVERY)
    reason = "all training images are of one animal"
    assert {name: omitted[name] for name in ("control", "probes")} == dict.fromkeys(
        ("control", "probes"), reason
    )
    captions = {table.name: table.caption for table in made}
    assert f"What needs judges is left out: {reason}." in captions["sample_quality"]
    assert "per_digit_error" in captions
    detail = {finding.name: finding.detail for finding in findings(study)}["vae-recognisable"]
    assert detail == f"Not tested: {reason}."


def test_errors_of_images_in_colour_are_over_all_values(animals):
    summary = compute_table(animals, "summary")
    assert summary["test_mse"].tolist() == pytest.approx((summary["test_sse_mean"] / 90).tolist())
    assert compute_table(animals, "probes")["latent_size"].max() == 90


def test_edges_in_colour_are_along_both_axes_of_the_image_and_in_every_channel(animals):
    (claim,) = (claim for claim in OF_RECONSTRUCTIONS if claim.name == "vae-fuzzy")
    kept = []
    for run in animals.sweep.runs[:2]:
        with animals.sweep.open(run) as results:
            decoded = results.array("test/reconstruction_at_mean") / 255
        energies = []
        for images in (decoded, animals.sweep.images("test") / 255):
            down = ((images[:, 1:] - images[:, :-1]) ** 2).sum()
            energies.append(down + ((images[:, :, 1:] - images[:, :, :-1]) ** 2).sum())
        kept.append(100 * energies[0] / energies[1])
    assert claim.measure(animals).effect.value == pytest.approx(kept[0] - kept[1], rel=1e-4)


def test_large_images_have_nearly_the_same_components(animals, monkeypatch):
    exact = pca.pca_errors(Study(animals.sweep))
    monkeypatch.setattr(pca, "EXACT_VALUES", 10)
    found = pca.pca_errors(Study(animals.sweep))
    assert found["test", 2].mean() == pytest.approx(exact["test", 2].mean(), rel=1e-3)


def test_judges_of_other_images_are_replaced(study_of, make_data, tmp_path):
    for shape in ((6, 5), (5, 5)):
        study = study_of(make_data(shape, ["cat", "emu"], "animal"), ["vae"])
        for judge in find_judges(Study(study.sweep, tmp_path)):
            assert judge.layers[0][0].shape[0] == np.prod(shape)
            assert judge.layers[-1][1].shape == (3,)


def test_scores_of_layouts_are_by_class_and_need_labels(animals, unlabelled):
    table = scores.embedding_scores(animals.sweep, [])
    assert list(table.columns[-1:]) == ["class_accuracy"]
    assert len(table) == 3
    assert "the share of images with the animal that most of" in scores.caption(animals.sweep)
    assert scores.embedding_scores(unlabelled.sweep, []).empty
    assert "accuracy" not in scores.caption(unlabelled.sweep)


@pytest.fixture
def learnt(study_of, make_data, monkeypatch):
    """A sweep with a VAE whose decoder learns its variance."""
    kind = replace(KINDS["vae"], name="sigma-vae", title="sigma-VAE", learns_variance=True)
    monkeypatch.setitem(KINDS, kind.name, kind)
    monkeypatch.setitem(groups.TITLES, kind.name, kind.title)
    return study_of(make_data((6, 5), ["cat", "emu"], "animal"), ["vae", "sigma-vae"])


def test_bounds_are_those_of_the_variance_that_was_learnt(learnt):
    table = compute_table(learnt, "summary").iloc[:2].set_index("model")
    assert table["decoder_variance"].to_dict() == {
        "vae": 0.5, "sigma-vae": pytest.approx(np.exp(2 * -1.5)),
    }  # fmt: skip
    (path,) = learnt.sweep.root.glob("runs/sigma-vae*/evaluation.h5")
    with h5py.File(path) as file:
        sse, kl, val_sse, val_kl, sse_at_mean, outliers, outliers_kl = (
            file[name][()].astype(float)
            for name in (
                "test/sse_at_sample", "test/kl", "val/sse_at_sample", "val/kl", "test/sse_at_mean",
                "outliers/noise/sse_at_mean", "outliers/noise/kl",
            )
        )  # fmt: skip
    # Of one value with the error e: log N(e; 0, sigma).
    constant = 30 * norm.logpdf(0, 0, np.exp(-1.5))
    elbo = constant - sse / (2 * np.exp(-3)) - kl
    assert table["test_elbo"]["sigma-vae"] == pytest.approx(elbo.mean())
    assert table["test_loss"]["sigma-vae"] == pytest.approx(-elbo.mean() - 15 * np.log(np.pi))
    choice = compute_table(learnt, "latent_size_choice").query("model == 'sigma-vae'")
    loss = val_sse / (2 * np.exp(-3)) + val_kl - constant - 15 * np.log(np.pi)
    assert choice.set_index("criterion")["error"][likelihood.LOSS] == pytest.approx(loss.mean())
    auroc = compute_table(learnt, "auroc").query(
        "model == 'sigma-vae' and outliers == 'noise' and score == @likelihood.LOSS"
    )
    inside = norm_weighted(sse_at_mean, kl)
    assert auroc["auroc"].item() == pytest.approx(
        (norm_weighted(outliers, outliers_kl)[:, None] > inside).mean()
    )


def norm_weighted(sse, kl):
    return sse / (2 * np.exp(-3)) + kl


def test_what_the_loss_is_of_a_learnt_variance_is_said_where_there_is_one(learnt, study):
    for name in ("summary", "latent_size_choice", "auroc"):
        assert "learns the variance s of its decoder" in RECIPES[name].caption(learnt)
        assert "learns the variance" not in RECIPES[name].caption(study)
    for figure in (anomaly.FIGURE, selection.FIGURE):
        assert "learns the variance s of its decoder" in figure.caption(figure.gathered(learnt))
        assert "learns the variance" not in figure.caption(figure.gathered(study))


def test_titles_beside_few_lines_do_not_overlap(learnt):
    data = interpolations.FIGURE.gathered(learnt)
    # Two lines of many steps, and thus of small images, are lower than the titles are long.
    longer = {model: images.repeat(4, axis=1) for model, images in data.images.items()}
    few = [replace(part, lines=part.lines[:2], names=part.names[:2]) for part in data.parts]
    figure = interpolations.draw(replace(data, images=longer, parts=few))
    renderer = FigureCanvasAgg(figure).get_renderer()
    labels = [axes.yaxis.label for axes in figure.axes if axes.get_ylabel()]
    boxes = [label.get_window_extent(renderer) for label in labels]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_losses_of_different_scales_are_in_panels_of_their_own(learnt):
    figure = selection.draw(selection.FIGURE.gathered(learnt))
    drawn = {
        axes.get_title(): [line.get_label() for line in axes.containers]
        for axes in figure.axes
        if not axes.get_title().startswith("Excess")
    }
    assert drawn == {
        "Reconstruction: SSE": ["VAE", "sigma-VAE", "PCA"],
        "Negative ELBO: SSE + KL": ["VAE"],
        "Negative ELBO, variance fitted": ["sigma-VAE"],
    }


def test_a_negative_loss_is_in_its_panel(learnt):
    """With a small variance, the density of an image is above 1."""
    data = loss_curves.FIGURE.gathered(learnt)
    curves = dict(data.curves)
    for run in data.runs:
        if run.kind.learns_variance:
            curve = curves[run.run_id]
            curves[run.run_id] = replace(
                curve,
                train=curve.train | {"loss": curve.train["loss"] - 1000},
                val=curve.val | {"loss": curve.val["loss"] - 1000},
            )
    figure = loss_curves.draw(replace(data, curves=curves))
    panels = {axes.get_title(): axes for axes in figure.axes}
    learnt_loss = panels["sigma-VAE: loss, negative ELBO"]
    assert panels["VAE: loss, SSE + KL"].get_yscale() == "log"
    assert learnt_loss.get_yscale() == "linear"
    low, high = learnt_loss.get_ylim()
    losses = np.concatenate([line.get_ydata() for line in learnt_loss.lines])
    assert low < losses.min() <= losses.max() < high < 0
    assert "its loss can be negative" in loss_curves.caption(data)
