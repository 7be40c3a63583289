"""Scores of samples are means over runs, and their intervals cover what was sampled."""

import numpy as np
import pytest

from analysis.measures import quality
from analysis.measures.scores import SCORES, share_of
from analysis.measures.study import Study
from analysis.sweep.load import open_sweep


@pytest.fixture(scope="module")
def seeds(build_sweep, make_config, tmp_path_factory):
    configs = [make_config("vae", 2, seed=seed) for seed in range(3)]
    return Study(open_sweep(build_sweep(tmp_path_factory.mktemp("seeds") / "s", configs)))


def test_scores_are_means_over_seeds_and_only_judged_ones_count_judges(seeds):
    runs = seeds.sweep.runs
    found = [quality.assess_samples(seeds, run, "diagonal") for run in runs]
    scores = {name: score(seeds, runs, "diagonal") for name, score in SCORES.items()}
    expected = {
        "recognisable": [each.recognisable.mean() for each in found],
        "coverage_pca": [each.overlap["pca"].coverage for each in found],
        "frechet_classifier": [each.frechet["classifier"] for each in found],
    }
    for name, values in expected.items():
        assert scores[name].value == pytest.approx(np.mean(values))
        assert scores[name].seeds == 3
    assert (scores["recognisable"].judges, scores["coverage_pca"].judges) == (5, 0)
    # Student's t over three seeds: 4.303 standard errors.
    half = 4.303 * np.std(expected["frechet_classifier"], ddof=1) / np.sqrt(3)
    low, high = scores["frechet_classifier"].interval()
    assert (high - low) / 2 == pytest.approx(half, rel=1e-3)
    assert SCORES["frechet_pca"](seeds, runs[:1], "prior").interval() is None


def test_judges_who_disagree_widen_the_interval_of_a_share():
    rng = np.random.default_rng(0)
    alike = np.repeat(rng.random((1, 1, 400)) < 0.5, 5, axis=1)
    strict = np.stack([[rng.random(400) < share for share in (0.1, 0.3, 0.5, 0.7, 0.9)]])
    narrow, wide = (np.diff(share_of(hits).interval())[0] for hits in (alike, strict))
    assert narrow == pytest.approx(2 * 1.97 * 0.5 / np.sqrt(400), rel=0.1)
    # Five judges with a standard deviation of 0.316, Student's t with four degrees of freedom.
    assert wide == pytest.approx(2 * 2.776 * 0.316 / np.sqrt(5), rel=0.1)
