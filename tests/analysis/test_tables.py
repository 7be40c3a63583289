import io

import numpy as np
import pandas as pd
import pytest

from analysis import output, tables
from analysis.formats import to_csv, to_latex, to_markdown
from analysis.load import open_sweep

PER_DIGIT_COLUMNS = [
    "model", "variant", "latent_size", "seed", "digit", "n", "sse_mean", "sse_sample", "kl",
]  # fmt: skip


@pytest.fixture(scope="module")
def per_digit(complete):
    return tables.per_digit_error(complete)


@pytest.fixture(scope="module")
def summary(complete):
    return tables.summary(complete).set_index("run_id")


def test_per_digit_columns_and_rows(per_digit):
    assert list(per_digit.columns) == PER_DIGIT_COLUMNS
    assert len(per_digit) == 6 * 11
    assert list(per_digit["digit"][:11]) == [*"0123456789", "all"]


@pytest.mark.parametrize("name", ["sse_mean", "sse_sample", "kl"])
def test_per_digit_values_are_the_means_of_the_stored_errors(per_digit, stored, test_labels, name):
    rows = per_digit.query("model == 'vae' and latent_size == 20").set_index("digit")
    with stored("vae-z020") as file:
        values = file[f"test/{name}"][()].astype(float)
    for digit in range(10):
        assert rows[name][str(digit)] == pytest.approx(values[test_labels == digit].mean())
        assert rows["n"][str(digit)] == (test_labels == digit).sum()
    assert rows[name]["all"] == pytest.approx(values.mean())
    assert rows["n"]["all"] == 100


def test_what_does_not_apply_to_the_autoencoder_is_empty(per_digit):
    csv = to_csv(per_digit, "")
    first = csv.splitlines()[1]
    assert first.startswith("ae,linear-h8x6,2,0,0,")
    assert first.endswith(",,")


def test_history_holds_every_epoch_and_split(complete, stored):
    history = tables.history(complete)
    assert list(history.columns) == [
        "run_id", "model", "variant", "latent_size", "seed", "epoch", "split", "loss", "sse", "kl",
    ]  # fmt: skip
    assert len(history) == 6 * 3 * 2
    rows = history.query("model == 'cvae' and latent_size == 2 and split == 'val'")
    with stored("cvae-z002") as file:
        assert list(rows["kl"]) == list(file["history/val/kl"])
        assert list(rows["loss"]) == list(file["history/val/loss"])
    assert list(rows["epoch"]) == [1, 2, 3]
    assert history.query("model == 'ae'")["kl"].isna().all()


def test_summary_of_a_vae(summary, stored):
    (row,) = (row for run_id, row in summary.iterrows() if run_id.startswith("vae-z020"))
    with stored("vae-z020") as file:
        sse = file["test/sse_sample"][()].astype(float).mean()
        kl = file["test/kl"][()].astype(float).mean()
        assert row["val_loss"] == file["history/val/loss"][-1]
        assert row["val_sse_sample"] == pytest.approx(file["val/sse_sample"][()].mean())
        assert row["training_seconds"] == pytest.approx(file["history/epoch_seconds"][()].sum())
        assert row["test_mse"] == pytest.approx(file["test/sse_mean"][()].mean() / 784)
        weights = np.exp(file["test/log_weights"][()].astype(float))
    assert row["test_loss"] == pytest.approx(sse + kl)
    assert row["test_elbo"] == pytest.approx(-(sse + kl) - 392 * np.log(np.pi))
    assert row["iwae_bound"] == pytest.approx(np.log(weights.mean(axis=1)).mean())
    kish = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    assert row["effective_sample_size"] == pytest.approx(kish.mean())
    assert row["active_units"] == 20
    assert row["epochs"] == 3


def test_summary_of_an_autoencoder_has_no_bounds(summary):
    row = summary.query("model == 'ae'").iloc[0]
    assert row["test_loss"] == row["test_sse_mean"]
    assert row[["test_elbo", "iwae_bound", "test_kl", "val_sse_sample"]].isna().all()


def test_bernoulli_loss_is_not_made_up_from_squared_errors(build_sweep, make_config, tmp_path):
    folder = build_sweep(tmp_path / "s", [make_config("vae", 2, likelihood="bernoulli")])
    row = tables.summary(open_sweep(folder)).iloc[0]
    assert row[["test_loss", "test_elbo"]].isna().all()
    assert np.isfinite(row["iwae_bound"])


def test_markdown_says_the_same_as_the_csv(complete, per_digit, tmp_path):
    output.write_tables(complete, output.make_tables(complete), tmp_path, ["csv", "md", "latex"])
    tidy = pd.read_csv(tmp_path / "per_digit_error.csv")
    text = (tmp_path / "per_digit_error.md").read_text()
    caption, header, _, *lines = text.replace("\n\n", "\n").splitlines()
    assert "squared pixel errors per image" in caption
    assert "100 test images of MNIST" in caption
    names = [cell.strip() for cell in header.strip("|").split("|")]
    assert names == ["model", "variant", "latent_size", "seed", *"0123456789", "all"]
    assert len(lines) == 6
    for line in lines:
        cells = dict(zip(names, (c.strip() for c in line.strip("|").split("|")), strict=True))
        rows = tidy[
            (tidy.model == cells["model"]) & (tidy.latent_size == int(cells["latent_size"]))
        ]
        shown = [float(cells[digit]) for digit in rows["digit"]]
        assert shown == pytest.approx(list(rows["sse_mean"]), abs=0.005)


def test_csv_keeps_every_digit(per_digit):
    read = pd.read_csv(io.StringIO(to_csv(per_digit, "")))
    assert list(read["sse_mean"]) == list(per_digit["sse_mean"])


def test_indistinguishable_rows_are_told_apart_by_run_id(build_sweep, make_config, tmp_path):
    configs = [make_config("ae", 2), make_config("ae", 2, epochs=5)]
    sweep = open_sweep(build_sweep(tmp_path / "s", configs))
    wide = tables.wide_per_digit(tables.per_digit_error(sweep))
    assert set(wide["run_id"]) == {config.run_id for config in configs}


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


def test_markdown_aligns_numbers_to_the_right():
    table = pd.DataFrame({"name": ["ae"], "x": [0.00123]})
    assert to_markdown(table, "T.") == (
        "T.\n\n| name |       x |\n| ---- | ------: |\n| ae   | 0.00123 |\n"
    )


def test_a_partial_sweep_is_marked_for_readers(sweep_dir, tmp_path):
    next(sweep_dir.glob("runs/cvae-z020*/results.h5")).unlink()
    sweep = open_sweep(sweep_dir)
    output.write_tables(sweep, output.make_tables(sweep), tmp_path, ["md", "latex"])
    for name in ("per_digit_error.md", "per_digit_error.tex", "summary.md", "summary.tex"):
        assert "Partial: 5 of 6 runs." in (tmp_path / name).read_text()
