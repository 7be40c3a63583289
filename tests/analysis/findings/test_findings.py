import json
from dataclasses import fields

import h5py
import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from analysis.findings import CLAIMS, ClaimResult, findings, latents, records
from analysis.findings.claim import Interval, interval, interval_of_means, interval_of_share
from analysis.findings.reconstruction import auroc_interval
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep

BY_NAME = {claim.name: claim for claim in CLAIMS}


@pytest.fixture
def one_run(build_sweep, make_config, tmp_path, rewrite_results):
    """Open a sweep of one run whose arrays were changed."""

    def make(kind, latent_size, change):
        folder = build_sweep(tmp_path / "s", [make_config(kind, latent_size)])
        rewrite_results(folder, lambda arrays: change(arrays, open_sweep(folder)))
        return open_sweep(folder)

    return make


# --- verdicts and intervals -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (1.1, 2, "supported", "contradicted"),
        (0.5, 0.9, "contradicted", "supported"),
        (0.5, 2, "undecided", "undecided"),
    ],
)
def test_verdict_follows_from_the_interval(low, high, above, below):
    effect = Interval((low + high) / 2, low, high)
    assert effect.above(1) == above
    assert effect.below(1) == below


def test_without_an_interval_the_estimate_decides():
    assert Interval(2).above(1) == "supported"
    assert Interval(1).above(1) == "contradicted"


def test_one_seed_resamples_the_images():
    values = np.random.default_rng(0).normal(3, 2, size=(400, 1))
    found = interval_of_means([values], lambda means: means[0])
    assert found.estimate == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_several_seeds_give_students_interval():
    effects = [lambda rows, shift=shift: shift for shift in (1.0, 2.0, 6.0)]
    found = interval(effects, 10)
    # 4.303 is the 97.5 % quantile of Student's t with two degrees of freedom.
    half = 4.303 * np.std([1, 2, 6], ddof=1) / np.sqrt(3)
    assert found.estimate == 3
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), rel=1e-3)
    shares = interval_of_share([np.arange(10) < 1, np.arange(10) < 2, np.arange(10) < 6])
    assert (shares.low, shares.high) == pytest.approx((found.low / 10, found.high / 10))


def test_an_effect_that_is_not_defined_is_not_tested():
    zeros = np.zeros((20, 2))
    with pytest.raises(MissingIngredient, match="not defined"):
        interval_of_means([zeros], lambda means: means[0] / means[1])


def test_auroc_and_its_error_are_those_of_counting_pairs_and_resampling():
    rng = np.random.default_rng(0)
    # Rounded, so that some are equal.
    inside, outside = rng.normal(size=90).round(1), rng.normal(1, 1.5, size=60).round(1)
    found = auroc_interval(inside, outside)
    assert found.estimate == pytest.approx(mannwhitneyu(outside, inside).statistic / (90 * 60))
    resampled = [
        mannwhitneyu(rng.choice(outside, 60), rng.choice(inside, 90)).statistic / (90 * 60)
        for _ in range(500)
    ]
    assert found.high - found.estimate == pytest.approx(1.96 * np.std(resampled), rel=0.15)


# --- claims on planted data -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("easy", "verdict"), [(1, "supported"), (5, "contradicted")], ids=["1", "5"]
)
def test_the_easiest_digit_is_found(one_run, easy, verdict):
    def plant(arrays, sweep):
        arrays["test/sse_at_mean"][:] = 10 + sweep.labels("test")
        arrays["test/sse_at_mean"][sweep.labels("test") == easy] = 2

    found = BY_NAME["ones-easiest"].find(Study(one_run("ae", 3, plant)))
    assert found.verdict == verdict
    assert f"From easy to hard: {easy} (" in found.detail


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [({2: 9, 20: 8, 50: 7}, "supported"), ({2: 9, 20: 7, 50: 8}, "contradicted")],
)
def test_an_error_that_rises_again_is_noticed(sizes_of, errors, verdict):
    found = BY_NAME["ae-error-falls"].find(Study(sizes_of("ae", errors)))
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("errors", "flat", "choice"),
    [
        ({2: 9, 20: 6, 50: 6.2}, "supported", "supported"),
        ({2: 9, 20: 6, 50: 5}, "contradicted", "contradicted"),
        ({2: 9, 20: 6}, "undecided", "undecided"),
    ],
)
def test_latent_size_20_is_decided_by_the_sizes_beyond(sizes_of, errors, flat, choice):
    sweep = sizes_of("vae", errors)
    found = [BY_NAME[name].find(Study(sweep)) for name in ("vae-error-flat", "latent-size-20")]
    assert [finding.verdict for finding in found] == [flat, choice]
    if flat == "undecided":
        assert found[0].detail == "Not tested: no finished VAE beyond latent size 20."
        assert found[0].estimate is None


@pytest.fixture
def sizes_of(build_sweep, make_config, tmp_path):
    """Open a sweep of one model whose errors at each latent size vary a little about a mean."""

    def make(kind, errors):
        folder = build_sweep(tmp_path / "s", [make_config(kind, size) for size in errors])
        for path in folder.glob("runs/*/evaluation.h5"):
            size = int(path.parent.name.split("-")[1][1:])
            with h5py.File(path, "r+") as file:
                for name in (
                    "test/sse_at_mean",
                    "test/sse_at_sample",
                    "val/sse_at_mean",
                    "val/sse_at_sample",
                ):
                    if name in file:
                        noise = np.random.default_rng(0).normal(0, 0.1, file[name].shape)
                        file[name][:] = errors[size] + noise
        return open_sweep(folder)

    return make


def test_gaps_are_squares_within_the_hull_without_codes(one_run, monkeypatch):
    def ring(arrays, sweep):
        angle = np.linspace(0, 2 * np.pi, len(arrays["train/mu"]), endpoint=False)
        arrays["train/mu"] = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype("f4")

    class Classified:
        """Takes the first half of whatever it gets for digits."""

        def __init__(self, study, images):
            self.recognisable = (np.arange(len(images)) < len(images) // 2)[None]

    monkeypatch.setattr(latents.quality, "assess", Classified)
    sweep = one_run("ae", 2, ring)
    held, clear = latents.divide_plane(Study(sweep), sweep.runs[0])
    assert held.sum() <= 60
    # The hull of a ring is a disc: pi / 4 of the square around it.
    assert np.isfinite(clear).mean() == pytest.approx(np.pi / 4, abs=0.03)
    found = BY_NAME["ae-gaps-fail"].find(Study(sweep))
    assert found.estimate == pytest.approx(np.mean(clear[held]) - np.nanmean(clear[~held]))


def test_what_the_sweep_lacks_leaves_a_claim_undecided(build_sweep, make_config, tmp_path):
    sweep = open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 5)]))
    found = {finding.name: finding for finding in findings(Study(sweep))}
    for name, reason in {
        "vae-generates-better": "no finished run of the AE",
        "cvae-obeys-label": "no finished run of the CVAE",
        "vae-plane-has-every-digit": "no finished VAE of latent size 2",
    }.items():
        assert found[name].verdict == "undecided"
        assert reason in found[name].detail
    assert found["samples-are-new"].estimate is not None


# --- on a whole sweep, and written ----------------------------------------------------------------


@pytest.fixture(scope="module")
def of_seeds(build_sweep, make_config, tmp_path_factory):
    """Findings of a sweep with three seeds of every model."""
    configs = [make_config(kind, 2, seed=seed) for kind in ("ae", "vae", "cvae") for seed in (0, 1)]
    folder = build_sweep(tmp_path_factory.mktemp("seeds") / "s", configs)
    return findings(Study(open_sweep(folder)))


def test_seeds_are_used_for_every_interval(of_seeds):
    tested = [finding for finding in of_seeds if finding.estimate is not None]
    assert len(tested) > 15
    for finding in tested:
        assert finding.low is None or finding.low <= finding.estimate <= finding.high


def test_findings_are_written_for_readers_and_for_programs(run, complete_dir, tmp_path):
    target = tmp_path / "findings of %s é"
    result = run("findings", complete_dir, "--to", target)
    assert result.exit_code == 0
    record = json.loads((target / "findings.json").read_text())
    text = (target / "findings.md").read_text()
    assert [f["name"] for f in record["findings"]] == list(BY_NAME)
    assert {field.name for field in fields(ClaimResult)} == set(record["findings"][0])
    assert len(record["runs"]) == 6
    assert record["runs"][0]["provenance"]["training_seconds"] == 1.5
    for finding in record["findings"]:
        assert f"## {finding['name']}: {finding['verdict']}\n\n> {finding['claim']}" in text
        assert finding["name"] in result.stdout
    for name in ("probes.csv", "memorisation.md", "probe_curves.png", "closest_pairs.pdf"):
        assert (target / name).exists()
        assert str(target / name) in result.stdout


def test_partial_sweeps_say_so(sweep_dir, tmp_path):
    next(sweep_dir.glob("runs/cvae-z020*/evaluation.h5")).unlink()
    records.write(open_sweep(sweep_dir), [], tmp_path)
    assert "Partial: 5 of 6 runs." in (tmp_path / "findings.md").read_text()
    (missing,) = json.loads((tmp_path / "findings.json").read_text())["missing"]
    assert missing.startswith("cvae-z020")
