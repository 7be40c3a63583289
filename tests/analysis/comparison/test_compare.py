"""Comparing sweeps: which cells belong together, what the numbers are, what a reader is told."""

import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from analysis.comparison.members import label_folders


@pytest.fixture(scope="module")
def weights_dir(tmp_path_factory, build_sweep, make_config):
    """Two seeds of a VAE with two weights of the KL, and of an AE."""
    configs = [
        *(make_config("vae", 2, seed=s, kl_weight=w) for w in (1.0, 4.0) for s in (0, 1)),
        *(make_config("ae", 3, seed=s) for s in (0, 1)),
    ]
    return build_sweep(tmp_path_factory.mktemp("first") / "weights", configs)


@pytest.fixture(scope="module")
def longer_dir(tmp_path_factory, build_sweep, make_config):
    """Two seeds of the VAE after more epochs, and at another latent size."""
    configs = [make_config("vae", d, seed=s, epochs=5) for d in (2, 4) for s in (0, 1)]
    return build_sweep(tmp_path_factory.mktemp("second") / "longer %ü", configs)


def kl_of(folder, start):
    """Mean KL of each run whose name starts so and that has kl_weight 1, read with h5py alone."""
    means = []
    for path in sorted(folder.glob(f"runs/{start}*/evaluation.h5")):
        config = (path.parent / "config.json").read_text()
        if '"kl_weight":1.0' in config:
            with h5py.File(path, locking=False) as file:
                means.append(file["test/kl"][()].mean(dtype=float))
    return means


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_cells_are_compared_over_seeds(run, weights_dir, longer_dir, tmp_path):
    result = run("compare", weights_dir, longer_dir, "--to", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"comparison.{suffix}" for suffix in ("csv", "md", "tex")),
        *(f"comparison_figure.{suffix}" for suffix in ("png", "pdf", "md")),
    }
    table = pd.read_csv(tmp_path / "out" / "comparison.csv")
    # Only one sweep varies the weight, so each of its values is compared with the same other cell.
    other = table[(table["sweep"] == "longer %ü") & (table["quantity"] == "test_kl")]
    assert other["kl_weight"].tolist() == [1, 4]
    assert other["value"].nunique() == 1
    ours, theirs = kl_of(weights_dir, "vae-z002"), kl_of(longer_dir, "vae-z002")
    row = other.iloc[0]
    assert (row["seeds"], row["method"]) == (2, "welch")
    assert row["difference"] == pytest.approx(np.mean(theirs) - np.mean(ours))
    assert row["ratio"] == pytest.approx(np.mean(theirs) / np.mean(ours))
    interval = ttest_ind(theirs, ours, equal_var=False).confidence_interval()
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(tuple(interval))
    # The data is MNIST, so the article's number stands beside each sweep's.
    assert row["published"] == 5.136
    # A reader is told what was compared.
    text = (tmp_path / "out" / "comparison.md").read_text()
    differing = "train.epochs 5 against 3"
    assert (
        f"longer %ü differs from weights in: model.kl_weight 1 against 1 and 4; {differing}" in text
    )
    alone = "Cells without a partner: 1 of weights: AE (d = 3); 1 of longer %ü: VAE (d = 4)."
    assert alone in text
    assert alone in result.stdout
    assert "Welch's t" in text
    assert len([line for line in lines(text) if "| article " in line]) == 2
    assert differing in (tmp_path / "out" / "comparison.tex").read_text()


def test_the_same_images_are_resampled_together(run, build_sweep, make_config, tmp_path):
    folders = [
        build_sweep(tmp_path / str(epochs), [make_config("cvae", 2, epochs=epochs)])
        for epochs in (3, 4)
    ]
    assert run("compare", *folders, "--to", tmp_path / "out", "--format", "csv").exit_code == 0
    table = pd.read_csv(tmp_path / "out" / "comparison.csv").set_index(["sweep", "quantity"])
    errors = []
    for folder in folders:
        with h5py.File(next(folder.glob("runs/*/evaluation.h5")), locking=False) as file:
            errors.append(file["test/sse_at_mean"][()].astype(float))
    row = table.loc[4, "test_sse_mean"]
    difference = errors[1] - errors[0]
    assert row["difference"] == pytest.approx(difference.mean())
    width = 2 * 1.96 * difference.std() / np.sqrt(len(difference))
    assert row["difference_high"] - row["difference_low"] == pytest.approx(width, rel=0.15)
    assert row["method"] == "paired bootstrap"
    # One training says nothing of how trainings differ.
    assert np.isnan(table.loc[4, "training_seconds"]["difference_low"])


def test_images_of_other_shapes_are_compared_by_value(
    run, build_sweep, make_config, make_data, tmp_path
):
    ours = build_sweep(tmp_path / "digits", [make_config("vae", 2, hidden_sizes=(8, 6))])
    colour = make_data((6, 5, 3))
    theirs = build_sweep(tmp_path / "colour", [make_config("vae", 2, data=colour)])
    result = run("compare", ours, theirs, "--to", tmp_path, "--format", "csv,md,png")
    assert result.exit_code == 0, result.stderr
    table = pd.read_csv(tmp_path / "comparison.csv").set_index(["sweep", "quantity"])
    assert "test_sse_mean" not in table.index.get_level_values("quantity")
    row = table.loc["colour", "test_mse"]
    with h5py.File(next(theirs.glob("runs/*/evaluation.h5")), locking=False) as file:
        assert row["value"] == pytest.approx(file["test/sse_at_mean"][()].mean() / 90)
    assert row["method"] == "bootstrap of both"
    text = (tmp_path / "comparison.md").read_text()
    assert "dataset own-images against MNIST" in text
    assert "SSE by value ratio" in text


def test_a_copy_of_a_sweep_of_the_first_release_does_not_differ(run, schema_1, tmp_path):
    copy = shutil.copytree(schema_1, tmp_path / "copy" / schema_1.name)
    assert run("compare", schema_1, copy, "--to", tmp_path, "--format", "csv,md").exit_code == 0
    table = pd.read_csv(tmp_path / "comparison.csv")
    compared = table[table["difference"].notna()]
    assert compared["quantity"].nunique() == 8
    assert (
        (compared[["difference", "difference_low", "difference_high"]].fillna(0) == 0)
        .to_numpy()
        .all()
    )
    text = (tmp_path / "comparison.md").read_text()
    label = "copy/schema-1"
    assert f"{label} has the same settings, images and code as" in text


def test_gaps_are_named_with_their_sweep(run, longer_dir, weights_dir, tmp_path):
    damaged = shutil.copytree(longer_dir, tmp_path / "damaged")
    gone = next(damaged.glob("runs/vae-z002-s0*"))
    (gone / "evaluation.h5").unlink()
    arguments = ("compare", weights_dir, damaged, "--to", tmp_path / "out", "--format", "md")
    result = run(*arguments)
    assert result.exit_code == 1
    assert lines(result.stderr) == [
        f"damaged: {gone.name}: missing: no evaluation.h5",
        "damaged: partial: 3 of 4 runs",
    ]
    assert "damaged is partial: 3 of 4 runs." in (tmp_path / "out" / "comparison.md").read_text()
    assert run(*arguments, "--allow-partial").exit_code == 0


def test_bad_input_is_one_line(run, weights_dir, build_sweep, make_config, tmp_path):
    larger = build_sweep(tmp_path / "larger", [make_config("vae", 7)])
    for others, message in (
        ([], "a comparison needs at least two sweeps, got 1"),
        ([weights_dir / ".." / "weights"], "are the same sweep"),
        ([tmp_path], "is no sweep"),
        (
            [larger],
            "no model and latent size in common: weights has AE (d = 3), VAE (d = 2); larger",
        ),
    ):
        result = run("compare", weights_dir, *others, "--to", tmp_path / "out")
        assert result.exit_code == 2
        (line,) = lines(result.stderr)
        assert message in line
    assert not (tmp_path / "out").exists()


def test_sweeps_of_equal_names_are_told_apart_by_the_folders_above(tmp_path):
    folders = [tmp_path / "a" / "paper", tmp_path / "b" / "paper", tmp_path / "b" / "fast"]
    assert label_folders(folders) == ["a/paper", "b/paper", "b/fast"]
    assert label_folders(folders[1:]) == ["paper", "fast"]
