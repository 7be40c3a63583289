import numpy as np
import pytest

from analysis.figures import probe_curves
from analysis.findings import CLAIMS
from analysis.measures import probing
from analysis.measures.probing import KNN, LOGISTIC, POSTERIORS, Space
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep
from analysis.tables import probes
from analysis.tables.registry import compute_table


@pytest.fixture
def vae(complete):
    (run,) = (r for r in complete.runs if r.run_id.startswith("vae-z020"))
    return Space(run=run, at="mean")


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
    assert probing.hits(Study(sweep), Space(sweep.runs[0], at="mean"))[LOGISTIC, None].mean() == 1


def test_noise_hides_a_class_that_only_the_means_of_collapsed_dimensions_carry(
    build_sweep, make_config, tmp_path, rewrite_results
):
    folder = build_sweep(tmp_path / "s", [make_config("cvae", 2)])
    before = open_sweep(folder)
    rng = np.random.default_rng(0)

    def collapse(arrays):
        for split in ("train", "test"):
            labels = before.labels(split)
            arrays[f"{split}/mu"] = np.stack([labels / 100, labels % 3 / 100], axis=1).astype("f4")
            arrays[f"{split}/logvar"] = np.zeros((len(labels), 2), dtype="f4")
        arrays["test/z"] = arrays["test/mu"] + rng.standard_normal((100, 2), dtype="f4")

    rewrite_results(folder, collapse)
    study = Study(open_sweep(folder))
    (run,) = study.sweep.runs
    assert probing.hits(study, Space(run, at="mean"))[KNN, None].mean() > 0.9
    for probe in (KNN, POSTERIORS):
        assert probing.hits(study, Space(run))[probe, None].mean() < 0.25


def test_posteriors_read_a_class_that_knn_loses_among_noise(
    build_sweep, make_config, tmp_path, rewrite_results
):
    folder = build_sweep(tmp_path / "s", [make_config("vae", 10)])
    before = open_sweep(folder)
    noise = np.random.default_rng(0).standard_normal((100, 10), dtype="f4")

    def drown(arrays):
        for split in ("train", "test"):
            labels = before.labels(split)
            arrays[f"{split}/mu"] = np.zeros((len(labels), 10), dtype="f4")
            arrays[f"{split}/mu"][:, 0] = labels
            arrays[f"{split}/logvar"] = np.zeros((len(labels), 10), dtype="f4")
            arrays[f"{split}/logvar"][:, 0] = -4
        arrays["test/z"] = arrays["test/mu"] + np.exp(arrays["test/logvar"] / 2) * noise

    rewrite_results(folder, drown)
    study = Study(open_sweep(folder))
    found = probing.hits(study, Space(study.sweep.runs[0]))
    assert found[KNN, None].mean() < 0.6
    assert found[POSTERIORS, None].mean() > 0.95


def test_results_of_the_first_schema_give_means_only(schema_1):
    study = Study(open_sweep(schema_1))
    vae = next(run for run in study.sweep.runs if run.model == "vae")
    with pytest.raises(MissingIngredient, match=f"^{vae.run_id}: its results have no train/logvar"):
        probing.hits(study, Space(vae))
    assert {space.name for space in probes.spaces(study.sweep)} == {
        "code", "mean", "components", "pixels"
    }  # fmt: skip


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
    read = probing.hits(study, Space(run=cvae))[probing.POSTERIORS, None].mean()
    assert found.effect.value == pytest.approx(read - expected)


def test_table_has_every_space_probe_and_number_of_labels(complete, monkeypatch):
    # There are 60 training images.
    monkeypatch.setattr(probing, "LABELS_PER_CLASS", (2, 100))
    table = compute_table(Study(complete), "probes")
    # Two AE and, as samples and as means, four variational runs; PCA at two sizes; pixels.
    # The posteriors read the samples, too.
    assert len(table) == (2 + 2 * 4 + 2 + 1) * 2 * 2 + 4
    assert set(table["labels"]) == {20, 60}
    assert table["accuracy"].between(0, 1).all()
    assert list(table["latent_size"].unique()) == [2, 20, 784]
    shown = probes.for_readers(table)
    assert len(shown) == 2 + 2 * 4 + 2 + 1
    assert shown["posteriors, 60"].notna().sum() == 4
    assert shown.drop(columns=["seed", "posteriors, 60"]).notna().all(axis=None)
    all_labels = table.query("probe == 'kNN' and labels == 60")
    assert shown["kNN, 60"].tolist() == all_labels["accuracy"].tolist()
