"""Tables on generated images; what they measure is checked with the metrics."""

from itertools import combinations

import numpy as np
import pytest

from analysis.measures import quality
from analysis.measures.judges.panel import accuracies, find_judges
from analysis.measures.study import Study
from analysis.sweep.load import open_sweep
from analysis.tables import sample_quality
from analysis.tables.registry import compute_table


def test_every_run_and_sampler_stands_beside_real_images_and_noise(study):
    table = compute_table(study, "sample_quality")
    assert list(table["model"][:2]) == ["real", "noise"]
    assert len(table) == 2 + 2 * 3 + 4 * 4  # an AE has no mixture of means
    assert (table["n"] == 30).all()
    assert table["agreement"].notna().sum() == 2 * 4
    assert "at least 90% sure" in sample_quality.caption(study)


def test_scores_are_those_of_the_stored_samples(study, stored):
    rows = compute_table(study, "sample_quality").query("model == 'cvae' and latent_size == 20")
    with stored("cvae-z020") as file:
        images = file["samples/mixture/image"][()]
        labels = file["samples/mixture/label"][()]
    seen = np.stack([judge.look_at(images) for judge in find_judges(study)])
    row = rows[rows["sampler"] == "mixture"].iloc[0]
    for name, cutoff in (("sure_50", 0.5), ("recognisable", 0.9), ("sure_99", 0.99)):
        assert row[name] == pytest.approx((seen.max(axis=2) >= cutoff).mean())
    confidence = seen.max(axis=2).mean(axis=1)  # in single precision up to the last layer
    assert row["confidence"] == pytest.approx(confidence.mean(), rel=1e-4)
    assert row["confidence_sd"] == pytest.approx(confidence.std(ddof=1), rel=1e-3)
    assert row["agreement"] == (seen.argmax(axis=2) == labels).mean()


def test_imbalance_is_half_the_sum_of_the_differences(study, complete):
    found = quality.assess_real(study).classes[0]
    seen = [np.mean(found == digit) for digit in range(10)]
    true = [np.mean(complete.labels("test") == digit) for digit in range(10)]
    expected = sum(abs(a - b) for a, b in zip(seen, true, strict=True)) / 2
    assert quality.imbalance(complete, found) == pytest.approx(expected)


def test_control_counts_what_is_classified_as_requested(study, complete):
    table = compute_table(study, "control")
    rows = table[table["latent_size"] == 20].set_index("digit")
    found = quality.assess_samples(study, complete.runs[-1], "prior")
    assert rows["n"].tolist() == [3] * 10 + [30]
    fours = np.mean(found.classes[:, found.requested == 4] == 4)
    assert rows["agreement"]["4"] == pytest.approx(fours)
    assert rows["agreement"]["all"] == pytest.approx(np.mean(found.classes == found.requested))


def test_diversity_compares_distances_within_the_digit(build_sweep, make_config, tmp_path,
                                                       rewrite_results):  # fmt: skip
    folder = build_sweep(tmp_path / "s", [make_config("cvae", 2)])
    before = open_sweep(folder)
    sevens = before.images("test")[before.labels("test") == 7]

    def pale_sevens(arrays):
        # Three sevens at half the contrast vary a quarter as much as they did.
        arrays["samples/prior/image"][arrays["samples/prior/label"] == 7] = sevens[:3] // 2

    rewrite_results(folder, pale_sevens)

    def mean_distance(images):
        flat = images.reshape(len(images), -1).astype(float)
        apart = ((flat[:, None] - flat[None]) ** 2).sum(axis=2)
        return apart.sum() / (len(flat) * (len(flat) - 1))

    rows = compute_table(Study(open_sweep(folder)), "control").set_index("digit")
    expected = mean_distance(sevens[:3] // 2) / mean_distance(sevens)
    assert rows["diversity"]["7"] == pytest.approx(expected)


def test_smoothness_has_a_row_per_run(study, complete):
    table = compute_table(study, "smoothness")
    assert list(table["run_id"]) == [run.run_id for run in complete.runs]
    assert (table["length"] >= 1 - 1e-6).all()
    assert (table["jump"] >= 1).all()


def test_judges_are_held_against_labels_requests_or_each_other(study, complete):
    table = compute_table(study, "calibration")
    kinds = table.assign(weight=table["judges"].map({"plain": 3, "strong": 2}))
    right = {run: np.average(rows["right"], weights=rows["weight"])
             for run, rows in kinds.groupby("run_id", dropna=False)}  # fmt: skip
    (real,) = (
        share for run, share in right.items() if run not in table["run_id"].dropna().tolist()
    )
    assert real == pytest.approx(accuracies(study).mean())
    ae, cvae = complete.runs[0], complete.runs[-1]
    asked = quality.assess_samples(study, cvae, "prior")
    assert right[cvae.run_id] == pytest.approx(np.mean(asked.classes == asked.requested))
    seen = quality.assess_samples(study, ae, "prior").classes
    pairs = [np.mean(a == b) for a, b in combinations(seen, 2)]
    assert right[ae.run_id] == pytest.approx(np.mean(pairs))
