import numpy as np
import pytest

from analysis.figures import probe_curves
from analysis.findings import CLAIMS
from analysis.measures import probing
from analysis.measures.probing import KNN, LOGISTIC, Space
from analysis.measures.study import Study
from analysis.sweep.load import open_sweep
from analysis.tables import probes
from analysis.tables.registry import compute_table


@pytest.fixture
def vae(complete):
    (run,) = (r for r in complete.runs if r.run_id.startswith("vae-z020"))
    return Space(run=run)


def test_knn_agrees_with_all_distances(study, complete, vae, stored):
    with stored("vae-z020") as file:
        train, test = file["train/mu"][()].astype(float), file["test/mu"][()].astype(float)
    labels = complete.labels("train")
    found = probing.hits(study, vae)[KNN, None]
    for hit, row in zip(found, probing.test_rows(complete), strict=True):
        nearest = np.argsort(((train - test[row]) ** 2).sum(axis=1))[:5]
        votes = np.bincount(labels[nearest], minlength=10)
        assert hit == (votes.argmax() == complete.labels("test")[row])


def test_few_labels_are_means_over_draws(complete, vae, monkeypatch):
    monkeypatch.setattr(probing, "DRAWS", 4)
    monkeypatch.setattr(probing, "LABELS_PER_CLASS", (4,))
    found = probing.hits(Study(complete), vae)[LOGISTIC, 40]
    assert set(found * 4) <= {0, 1, 2, 3, 4}
    assert len(set(found)) > 2


def test_a_latent_that_is_the_digit_is_read(build_sweep, make_config, tmp_path, rewrite_results):
    folder = build_sweep(tmp_path / "s", [make_config("cvae", 10)])
    before = open_sweep(folder)

    def tell(arrays):
        for split in ("train", "test"):
            arrays[f"{split}/mu"] = np.eye(10, dtype="f4")[before.labels(split)]

    rewrite_results(folder, tell)
    sweep = open_sweep(folder)
    assert probing.hits(Study(sweep), Space(run=sweep.runs[0]))[LOGISTIC, None].mean() == 1


def test_chance_is_one_number_wherever_it_is_said(study, test_labels):
    expected = np.bincount(test_labels).max() / len(test_labels)
    assert expected > 0.1  # the digits are not equally frequent
    drawing = probe_curves.FIGURE.drawn(study)
    _, chance, *_ = drawing.figure.axes[0].lines
    assert set(chance.get_ydata()) == {expected}
    assert f"({expected:.3f}, the share of the most frequent digit)" in drawing.caption
    assert f"chance ({expected:.3f})" in probes.caption(study)
    (claim,) = (claim for claim in CLAIMS if claim.name == "cvae-latents-free-of-class")
    found = claim.measure(study)
    assert found.detail.endswith(f"guessing {expected:.1%}.")
    (cvae,) = (run for run in study.sweep.runs if run.run_id.startswith("cvae-z020"))
    read = probing.hits(study, Space(run=cvae))[KNN, None].mean()
    assert found.effect.value == pytest.approx(read - expected)


def test_table_has_every_space_probe_and_number_of_labels(complete, monkeypatch):
    # There are 60 training images.
    monkeypatch.setattr(probing, "LABELS_PER_CLASS", (2, 100))
    table = compute_table(Study(complete), "probes")
    # Six runs, PCA at two sizes, and pixels.
    assert len(table) == (6 + 2 + 1) * 2 * 2
    assert set(table["labels"]) == {20, 60}
    assert table["accuracy"].between(0, 1).all()
    assert list(table["latent_size"].unique()) == [2, 20, 784]
    shown = probes.for_readers(table)
    assert len(shown) == 6 + 2 + 1
    assert shown.drop(columns="seed").notna().all(axis=None)
    assert shown["kNN, 60"].tolist() == table["accuracy"].iloc[1::4].tolist()
