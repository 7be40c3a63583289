import io
import pkgutil
from csv import DictReader

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import analysis.tables
from analysis.figures import loss_curves
from analysis.measures import aggregate
from analysis.measures.study import Study
from analysis.report.page import facts
from analysis.sweep.load import MissingIngredient, open_sweep
from analysis.tables import (
    EVIDENCE,
    TABLES,
    auroc,
    latent_size_choice,
    latent_space,
    published,
    recipe,
    summary,
)
from analysis.tables.registry import RECIPES, compute_table, make_tables
from analysis.write import terminal
from analysis.write.formats import format_cell, to_csv, to_latex, to_markdown

IDENTITY = ["run_id", "model", "variant", "latent_size", "seed"]
CELL = ["group", "model", "variant", "latent_size", "seeds"]

OF_ANY = set(TABLES) - {"literature"}  # of sweeps that are no repetition of another paper's


@pytest.fixture(scope="module")
def per_digit(study):
    return compute_table(study, "per_digit_error")


@pytest.fixture(scope="module")
def runs(study):
    return compute_table(study, "summary").set_index("run_id")


@pytest.fixture
def several_seeds(build_sweep, make_config, tmp_path):
    configs = [make_config(kind, 2, seed=seed) for kind in ("ae", "vae") for seed in range(3)]
    return open_sweep(build_sweep(tmp_path / "seeds", configs))


def read_all(root, path):
    """One array per seed, read with h5py alone."""
    arrays = []
    for results in sorted(root.glob("runs/vae-*/evaluation.h5")):
        with h5py.File(results) as file:
            arrays.append(file[path][()].astype(float))
    return np.stack(arrays)


# --- the registry ---------------------------------------------------------------------------------


def test_every_table_module_is_registered_under_its_name():
    found = {module.name for module in pkgutil.iter_modules(analysis.tables.__path__)}
    assert found - {"by_class", "recipe", "registry"} == set(RECIPES)
    for name, table in RECIPES.items():
        assert table.make.__module__ == f"analysis.tables.{name}"
        assert set(table.needs) <= set(RECIPES)


def test_tables_are_listed_for_the_command_line_as_they_are_registered():
    listed = TABLES | EVIDENCE
    assert list(listed) == list(RECIPES)
    assert all(RECIPES[name].about == about for name, about in listed.items())


# --- error by digit -------------------------------------------------------------------------------


def test_per_digit_columns_and_rows(per_digit):
    assert list(per_digit.columns) == [
        *CELL, "digit", "n", "sse_mean", "sse_mean_low", "sse_mean_high", "sse_sample", "kl",
    ]  # fmt: skip
    assert len(per_digit) == (6 + 2) * 11
    assert list(per_digit["group"].unique()) == ["AE", "VAE", "CVAE", "PCA"]
    assert list(per_digit["digit"][:11]) == [*"0123456789", "all"]


@pytest.mark.parametrize(
    ("name", "dataset"),
    [("sse_mean", "sse_at_mean"), ("sse_sample", "sse_at_sample"), ("kl", "kl")],
)
def test_per_digit_values_are_the_means_of_the_stored_errors(
    per_digit, stored, test_labels, name, dataset
):
    rows = per_digit.query("model == 'vae' and latent_size == 20").set_index("digit")
    with stored("vae-z020") as file:
        values = file[f"test/{dataset}"][()].astype(float)
    for digit in range(10):
        assert rows[name][str(digit)] == pytest.approx(values[test_labels == digit].mean())
        assert rows["n"][str(digit)] == (test_labels == digit).sum()
    assert rows[name]["all"] == pytest.approx(values.mean())
    assert rows["n"]["all"] == 100


def test_what_does_not_apply_to_the_autoencoder_is_empty(per_digit):
    csv = to_csv(per_digit, "")
    first = csv.splitlines()[1]
    assert first.startswith("AE,ae,linear")
    assert first.endswith(",,")


def test_with_one_seed_the_images_are_resampled(per_digit, stored, test_labels):
    rows = per_digit.query("model == 'ae' and latent_size == 20").set_index("digit")
    with stored("ae-z020") as file:
        values = file["test/sse_at_mean"][()].astype(float)
    for digit in ("3", "all"):
        chosen = values if digit == "all" else values[test_labels == int(digit)]
        width = rows["sse_mean_high"][digit] - rows["sse_mean_low"][digit]
        standard_error = chosen.std() / np.sqrt(len(chosen))
        assert width == pytest.approx(2 * 1.96 * standard_error, rel=0.15)


def test_with_several_seeds_the_interval_is_that_of_the_trainings(several_seeds):
    table = compute_table(Study(several_seeds), "per_digit_error")
    row = table.query("model == 'vae' and digit == 'all'").iloc[0]
    means = read_all(several_seeds.root, "test/sse_at_mean").mean(axis=1)
    # 4.303 is the 97.5 % quantile of Student's t with two degrees of freedom.
    half = 4.303 * means.std(ddof=1) / np.sqrt(3)
    assert row["seeds"] == 3
    assert row["sse_mean"] == pytest.approx(means.mean())
    assert row["sse_mean_low"] == pytest.approx(means.mean() - half, rel=1e-3)
    assert row["sse_mean_high"] == pytest.approx(means.mean() + half, rel=1e-3)


# --- history and summary --------------------------------------------------------------------------


def test_history_holds_every_epoch_and_split(study, stored):
    table = compute_table(study, "history")
    assert list(table.columns) == [*IDENTITY, "epoch", "split", "loss", "sse", "kl"]
    assert len(table) == 6 * 3 * 2
    rows = table.query("model == 'cvae' and latent_size == 2 and split == 'val'")
    with stored("cvae-z002") as file:
        assert list(rows["kl"]) == list(file["history/val/kl"])
        assert list(rows["loss"]) == list(file["history/val/loss"])
    assert list(rows["epoch"]) == [1, 2, 3]
    assert table.query("model == 'ae'")["kl"].isna().all()


def test_summary_of_a_vae(runs, stored):
    (row,) = (row for run_id, row in runs.iterrows() if str(run_id).startswith("vae-z020"))
    with stored("vae-z020") as file:
        sse = file["test/sse_at_sample"][()].astype(float).mean()
        kl = file["test/kl"][()].astype(float).mean()
        assert row["val_loss"] == file["history/val/loss"][-1]
        assert row["val_sse_sample"] == pytest.approx(file["val/sse_at_sample"][()].mean())
        assert row["training_seconds"] == pytest.approx(file["history/epoch_seconds"][()].sum())
        val = file["val/sse_at_sample"][()].astype(float) + file["val/kl"][()]
        assert row["val_elbo"] == pytest.approx(-val.mean() - 392 * np.log(np.pi))
        assert row["test_mse"] == pytest.approx(file["test/sse_at_mean"][()].mean() / 784)
        bound, size = file["test/iwae_bound"][()], file["test/effective_sample_size"][()]
    assert row["test_loss"] == pytest.approx(sse + kl)
    assert row["test_elbo"] == pytest.approx(-(sse + kl) - 392 * np.log(np.pi))
    assert row["iwae_bound"] == pytest.approx(bound.mean())
    assert row["effective_sample_size"] == pytest.approx(size.mean())
    assert row["active_units"] == 20
    assert row["epochs"] == 3


def test_after_early_stopping_the_numbers_are_those_of_the_kept_epoch(
    build_sweep, make_config, tmp_path
):
    config = make_config("vae", 2, epochs=9)
    train = config.train.model_copy(update={"early_stopping": 1})
    config = config.model_copy(update={"train": train})
    folder = build_sweep(tmp_path / "s", [config])
    path = folder / "runs" / config.run_id / "trained.h5"
    with h5py.File(path, "r+") as file:
        file.attrs["kept_epoch"] = 2
        val = {name: file[f"history/val/{name}"][()] for name in ("loss", "sse", "kl")}
    study = Study(open_sweep(folder))
    table = compute_table(study, "summary")
    row = table.iloc[0]
    assert (row["epochs"], row["kept_epoch"], row["val_loss"]) == (3, 2, val["loss"][1])
    assert "at the epoch whose weights were kept" in summary.caption(study)
    assert compute_table(study, "history")["epoch"].max() == 3
    data = loss_curves.gather(study)
    (curve,) = data.curves.values()
    assert (curve.kept("sse"), curve.kept("kl")) == (val["sse"][1], val["kl"][1])
    figure = loss_curves.draw(data)
    assert figure.axes[0].lines[-1].get_xydata().tolist() == [[2, val["sse"][1]]]
    assert figure.axes[-1].get_title() == "Rate and distortion, kept epoch"
    assert "a dot marks the epoch" in loss_curves.caption(data)
    assert facts(study.sweep)["Epochs"] == "at most 9"


def test_summary_of_an_autoencoder_has_no_bounds(runs):
    row = runs.query("model == 'ae'").iloc[0]
    assert row["test_loss"] == row["test_sse_mean"]
    assert row[["test_elbo", "iwae_bound", "test_kl", "val_sse_sample"]].isna().all()


def test_the_bernoulli_elbo_is_the_mean_log_weight(build_sweep, make_config, tmp_path):
    config = make_config("vae", 2, likelihood="bernoulli", kl_weight=2)
    study = Study(open_sweep(build_sweep(tmp_path / "s", [config])))
    row = compute_table(study, "summary").iloc[0]
    assert np.isnan(row["test_loss"])  # it does not follow from the SSE
    with study.sweep.open(study.sweep.runs[0]) as results:
        history = {name: results.array(f"history/val/{name}")[-1] for name in ("loss", "kl")}
        weights = results.array("test/elbo")
    assert row["val_elbo"] == pytest.approx(-(history["loss"] - history["kl"]))
    assert row["test_elbo"] == pytest.approx(weights.mean())


def test_of_binary_images_no_grey_pca_is_shown(build_sweep, make_config, tmp_path):
    binary = {"likelihood": "bernoulli", "dynamic_binarisation": True}
    study = Study(open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 2, **binary)])))
    table = compute_table(study, "summary")
    images = study.sweep.images("test") / 255
    # The images of this sweep are noise, so that PCA cannot reconstruct the draws: E (b - x)^2.
    grey = np.square(images - images.mean(axis=0)).mean()
    assert table["test_mse"].iloc[-1] == pytest.approx(grey + (images * (1 - images)).mean(), 0.1)
    assert "those of PCA, are of binary images" in summary.caption(study)


def test_summary_ends_with_pca(runs, per_digit):
    pca = runs.query("model == 'pca'").set_index("latent_size")
    errors = per_digit.query("model == 'pca' and digit == 'all'").set_index("latent_size")
    for d in (2, 20):
        assert pca["test_sse_mean"][d] == pytest.approx(errors["sse_mean"][d])
        assert pca["test_mse"][d] == pytest.approx(errors["sse_mean"][d] / 784)
    assert pca[["seed", "epochs", "val_loss", "test_kl"]].isna().all(axis=None)


# --- choice of the latent size --------------------------------------------------------------------


@pytest.mark.parametrize(("standard_error", "chosen"), [(0.04, 20), (0.05, 5), (0.2, 5), (2, 2)])
def test_choice_is_the_smallest_size_within_one_standard_error(standard_error, chosen):
    curve = pd.DataFrame({"latent_size": [20, 2, 10, 5], "error": [3.0, 5.0, 3.2, 3.05]})
    curve["standard_error"] = [standard_error, 9, 9, 9]
    mark = latent_size_choice.chosen(curve)
    assert list(curve["latent_size"][mark]) == [chosen]


def test_choice_is_made_on_validation_errors_by_both_criteria(study, stored):
    table = compute_table(study, "latent_size_choice")
    assert (table.groupby(["group", "criterion"])["chosen"].sum() == 1).all()
    assert set(table["rule"]) == {latent_size_choice.RULE}
    assert list(table.query("model == 'ae'")["criterion"].unique()) == ["SSE"]
    row = table.query("model == 'cvae' and latent_size == 2 and criterion == 'SSE + KL'").iloc[0]
    with stored("cvae-z002") as file:
        values = file["val/sse_at_sample"][()].astype(float) + file["val/kl"][()]
    assert row["error"] == pytest.approx(values.mean())
    assert row["standard_error"] == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    shown = latent_size_choice.for_readers(table)
    assert list(shown["model"] + " " + shown["criterion"]) == [
        "AE SSE", "VAE SSE", "VAE SSE + KL", "CVAE SSE", "CVAE SSE + KL", "PCA SSE",
    ]  # fmt: skip


def test_choice_for_readers_orders_the_sizes_whatever_a_model_lacks(
    build_sweep, make_config, tmp_path
):
    configs = [make_config("ae", 5), make_config("vae", 2), make_config("vae", 20)]
    sweep = open_sweep(build_sweep(tmp_path / "s", configs))
    shown = latent_size_choice.for_readers(compute_table(Study(sweep), "latent_size_choice"))
    assert list(shown.columns) == [
        "model", "criterion", "2", "5", "20", "standard error", "chosen d",
    ]  # fmt: skip
    assert list(shown.iloc[0][["2", "5", "20"]].isna()) == [True, False, True]


# --- published numbers ----------------------------------------------------------------------------


def test_published_numbers_have_every_cell_of_the_article():
    table = published.published()
    sizes = [2, 5, 10, 20, 50, 100]
    assert [(row.model, row.latent_size) for row in table.itertuples()] == [
        (model, d) for model in ("ae", "vae", "cvae") for d in sizes
    ]
    variational = table[table["model"] != "ae"]
    assert (variational["sse"] + variational["kl"] - variational["loss"]).abs().max() < 0.002


def test_differences_are_ours_less_published(study, stored):
    table = compute_table(study, "published")
    assert len(table) == 6
    row = table.query("model == 'vae' and latent_size == 20").iloc[0]
    with stored("vae-z020") as file:
        sse, kl = file["test/sse_at_sample"][()].mean(), file["test/kl"][()].mean()
    assert (row["published_sse"], row["published_kl"], row["published_loss"]) == (
        18.412, 10.118, 28.53,
    )  # fmt: skip
    assert row["sse_difference"] == pytest.approx(sse - 18.412, rel=1e-5)
    assert row["loss_difference"] == pytest.approx(sse + kl - 28.53, rel=1e-5)
    assert (row["epochs"], row["published_epochs"]) == (3, 100)
    assert list(table.query("model == 'ae'")["text_sse"]) == [31.465, 15.204]


def test_a_run_with_the_settings_of_a_paper_stands_beside_its_number(
    build_sweep, make_config, tmp_path
):
    settings = {"likelihood": "bernoulli", "dynamic_binarisation": True}
    settings |= {"hidden_sizes": (256, 128)}
    known = [make_config("vae", 2, seed=seed, **settings) for seed in (0, 1)]
    other = make_config("vae", 2, **settings | {"hidden_sizes": (256, 64)})
    sweep = open_sweep(build_sweep(tmp_path / "s", [*known, other]))
    made, _ = make_tables(Study(sweep))
    row = next(table.data for table in made if table.name == "literature").iloc[0].to_dict()
    bound, elbo = np.mean(
        [
            [results.array(f"test/{name}").mean() for name in ("iwae_bound", "elbo")]
            for results in sweep.results()
            if results.config.model.hidden_sizes == (256, 128)
        ],
        axis=0,
    )
    assert (row["source"], row["log_likelihood"], row["published_elbo"], row["seeds"]) == (
        "Davidson et al. 2018", -135.73, -137.08, 2,
    )  # fmt: skip
    assert (row["iwae_bound"], row["elbo"]) == pytest.approx((bound, elbo))
    assert row["difference"] == pytest.approx(bound + 135.73)


def test_other_latent_sizes_have_nothing_published(build_sweep, make_config, tmp_path):
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 3)]))
    with pytest.raises(MissingIngredient, match="on MNIST"):
        compute_table(Study(sweep), "published")
    made, omitted = make_tables(Study(sweep), names=[*TABLES, "control"])
    assert list(omitted) == ["published", "control"]
    assert [table.name for table in made] == [
        name for name in TABLES if name in OF_ANY - set(omitted)
    ]


# --- latent space ---------------------------------------------------------------------------------


def test_latent_dimensions_are_those_stored(study, stored):
    table = compute_table(study, "latent_dimensions")
    assert len(table) == 3 * (2 + 20)
    rows = table.query("model == 'vae' and latent_size == 20")
    assert list(rows["dimension"]) == list(range(20))
    with stored("vae-z020") as file:
        mu, logvar = (file[f"test/{name}"][()].astype(float) for name in ("mu", "logvar"))
        z = file["test/z"][:, 4].astype(float)
    kl = 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar)
    assert list(rows["kl"]) == pytest.approx(list(kl.mean(axis=0)))
    assert rows["mean"].iloc[3] == pytest.approx(mu[:, 3].mean())
    assert rows["variance"].iloc[3] == pytest.approx(mu[:, 3].var() + np.exp(logvar[:, 3]).mean())
    empirical = np.arange(1, 101) / 100
    normal = norm.cdf(np.sort(z))
    farthest = max((empirical - normal).max(), (normal - empirical + 0.01).max())
    assert rows["ks"].iloc[4] == pytest.approx(farthest)


def test_latent_spaces_sum_the_dimensions_up(study, stored):
    table = compute_table(study, "latent_space")
    assert list(table["model"]) == ["ae"] * 2 + ["vae"] * 2 + ["cvae"] * 2
    row = table.query("model == 'cvae' and latent_size == 2").iloc[0]
    every = compute_table(study, "latent_dimensions").query("model == 'cvae' and latent_size == 2")
    assert row["kl"] == pytest.approx(every["kl"].sum())
    assert row["largest_variance"] == every["variance"].max()
    assert (row["active_units"], row["informative_units"]) == (2, 2)
    # The posteriors of the training images, of which there are 60.
    assert row["log_n"] == pytest.approx(np.log(60))
    for name in aggregate.BRACKETED:
        assert row[f"{name}_low"] < row[f"{name}_high"]
    parts = [f"{part}_{end}" for part in aggregate.PARTS for end in ("low", "high")]
    empty = table.query("model == 'ae'")[["kl", *parts, "informative_units", "posteriors", "log_n"]]
    assert empty.isna().all(axis=None)
    shown = latent_space.for_readers(table)
    assert shown["total_correlation"].iloc[-1].count(" to ") == 1


def test_units_that_no_training_image_excites_are_dead(
    build_sweep, make_config, tmp_path, rewrite_results
):
    folder = build_sweep(tmp_path / "s", [make_config("ae", 5, latent_activation="relu")])

    def silence(arrays):
        arrays["train/mu"][:, [1, 3]] = 0
        arrays["train/mu"][0, 3] = 0.1  # one image is enough to live
        arrays["test/mu"][:, 3] = 0

    rewrite_results(folder, silence)
    study = Study(open_sweep(folder))
    dead = compute_table(study, "latent_dimensions")["dead"]
    assert list(dead) == [False, True, False, False, False]
    row = compute_table(study, "latent_space").iloc[0]
    assert (row["dead_units"], row["active_units"]) == (1, 4)


# --- anomaly detection ----------------------------------------------------------------------------


def test_auroc_is_the_chance_that_an_outlier_scores_higher(study, stored):
    table = compute_table(study, "auroc")
    assert len(table) == 2 * (2 * 1 + 4 * 3)
    rows = table.query("model == 'vae' and latent_size == 2 and outliers == 'inverted'")
    rows = rows.set_index("score")
    with stored("vae-z002") as file:
        inside = {name: file[f"test/{name}"][()].astype(float) for name in ("sse_at_mean", "kl")}
        outside = {
            name: file[f"outliers/inverted/{name}"][()].astype(float)
            for name in ("sse_at_mean", "kl")
        }
    for score, names in {
        "SSE": ["sse_at_mean"],
        "KL": ["kl"],
        "SSE + KL": ["sse_at_mean", "kl"],
    }.items():
        inner, outer = sum(inside[n] for n in names), sum(outside[n] for n in names)
        assert rows["auroc"][score] == pytest.approx((outer[:, None] > inner).mean())
    assert list(rows["n_outliers"]) == [100] * 3


def test_auroc_for_readers_has_a_column_per_set(study):
    shown = auroc.for_readers(compute_table(study, "auroc"))
    assert list(shown.columns) == [*IDENTITY[1:], "score", "inverted", "noise"]
    assert len(shown) == 2 * (1 + 3 + 3)


# --- how they are written -------------------------------------------------------------------------


def test_markdown_says_the_same_as_the_csv(study, tmp_path):
    made, omitted = make_tables(study)
    assert omitted == {}
    recipe.write_tables(made, tmp_path, ["csv", "md", "latex"])
    tidy = pd.read_csv(tmp_path / "per_digit_error.csv")
    text = (tmp_path / "per_digit_error.md").read_text()
    caption, header, _, *lines = text.replace("\n\n", "\n").splitlines()
    assert "squared pixel errors per image" in caption
    assert "100 test images of MNIST" in caption
    names = [cell.strip() for cell in header.strip("|").split("|")]
    assert names == [
        "model", "variant", "latent_size", "seeds", *"0123456789", "all", "low", "high",
    ]  # fmt: skip
    assert len(lines) == 8
    for line in lines:
        cells = dict(zip(names, (c.strip() for c in line.strip("|").split("|")), strict=True))
        rows = tidy[
            (tidy.group == cells["model"]) & (tidy.latent_size == int(cells["latent_size"]))
        ]
        shown = [float(cells[digit]) for digit in rows["digit"]]
        assert shown == pytest.approx(list(rows["sse_mean"]), abs=0.005)
        assert float(cells["low"]) == pytest.approx(rows["sse_mean_low"].iloc[-1], abs=0.005)


def test_tables_for_programs_are_csv_only(study, tmp_path):
    recipe.write_tables(make_tables(study)[0], tmp_path, ["csv", "md"])
    csv = {path.stem for path in tmp_path.glob("*.csv")}
    assert csv == OF_ANY
    assert csv - {path.stem for path in tmp_path.glob("*.md")} == {"history", "latent_dimensions"}


def test_csv_keeps_every_digit(per_digit):
    rows = DictReader(io.StringIO(to_csv(per_digit, "")))
    assert [float(row["sse_mean"]) for row in rows] == list(per_digit["sse_mean"])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0012345, "0.00123"), (0.99996, "1.000"), (1.0, "1.00"), (-0.5, "-0.500"), (pd.NA, "")],
)
def test_numbers_for_readers_have_a_few_digits(value, text):
    assert format_cell(value) == text


def test_latex_is_booktabs_and_escaped():
    table = pd.DataFrame({"model_kind": ["a&b", "50%"], "value": [1234.5, np.nan]})
    assert to_latex(table, "100% of x_1.").splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{100\% of x\_1.}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"model kind & value \\",
        r"\midrule",
        r"a\&b & 1234 \\",
        r"50\% &  \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_names_of_classes_may_have_characters_that_formats_use():
    table = pd.DataFrame({"class": ["a|b", r"{x}^~\y"]})
    assert to_markdown(table, "").splitlines()[4].startswith(r"| a\|b ")
    latex = r"\{x\}\textasciicircum{}\textasciitilde{}\textbackslash{}y \\"
    assert to_latex(table, "").splitlines()[8] == latex


def test_brackets_in_names_are_printed_as_they_are(capsys):
    terminal.print_table(pd.DataFrame({"[red]": ["[b]"]}))
    out = capsys.readouterr().out
    assert "[red]" in out
    assert "[b]" in out


def test_markdown_aligns_numbers_to_the_right():
    table = pd.DataFrame({"name": ["ae"], "x": [0.00123]})
    assert to_markdown(table, "T.") == (
        "T.\n\n| name |       x |\n| ---- | ------: |\n| ae   | 0.00123 |\n"
    )


def test_a_partial_sweep_is_marked_for_readers(sweep_dir, tmp_path):
    next(sweep_dir.glob("runs/cvae-z020*/evaluation.h5")).unlink()
    sweep = open_sweep(sweep_dir)
    recipe.write_tables(make_tables(Study(sweep))[0], tmp_path, ["md", "latex"])
    written = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(written) == 2 * (len(OF_ANY) - 2)
    assert all("Partial: 5 of 6 runs." in path.read_text() for path in written)
