import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from analysis.findings import (
    CLAIMS,
    ClaimResult,
    findings,
    generation,
    latents,
    planes,
    records,
    samples,
    shares,
)
from analysis.findings.claim import Claim, Control, Measured, Outcome, Rule
from analysis.findings.result import judge, kind_of
from analysis.maths.intervals import Estimate, Part, of_means
from analysis.measures import probing
from analysis.measures.probing import KNN, Space
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep

BY_NAME = {claim.name: claim for claim in CLAIMS}


def find(name, study):
    """Test one claim, as if there were no other."""
    claim = BY_NAME[name]
    (found,) = judge(study, [claim], [claim.measured(study)])
    return found


@pytest.fixture
def one_run(build_sweep, make_config, tmp_path, rewrite_results):
    """Open a sweep of one run whose arrays were changed."""

    def make(kind, latent_size, change):
        folder = build_sweep(tmp_path / "s", [make_config(kind, latent_size)])
        rewrite_results(folder, lambda arrays: change(arrays, open_sweep(folder)))
        return open_sweep(folder)

    return make


# --- verdicts -------------------------------------------------------------------------------------


def effect(low, high, seeds=1):
    """Make an estimate whose 95% interval has these bounds."""
    return Estimate(
        (low + high) / 2, (Part("image", ((high - low) / 2 / 1.96) ** 2, np.inf),), seeds
    )


RULE = Rule(1, "Why not.", 3, datetime(2020, 5, 1, 12, tzinfo=UTC), others=(0.0, 9.0))


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (1.1, 2, "supported", "contradicted"),
        (0.5, 0.9, "contradicted", "supported"),
        (0.5, 2, "undecided", "undecided"),
    ],
)
def test_verdict_follows_from_the_interval(low, high, above, below):
    assert RULE.decide(effect(low, high)) == above
    assert replace(RULE, side="below").decide(effect(low, high)) == below


@pytest.mark.parametrize(
    ("low", "high", "verdict", "reason"),
    [
        (1.1, 2, "supported", ""),
        (0.2, 0.8, "undecided", "smaller than the margin"),
        (0.5, 2, "undecided", "the interval contains the threshold"),
        (-0.5, 0.5, "undecided", "smaller than the margin"),
        (-1, -0.1, "contradicted", ""),
    ],
)
def test_a_difference_that_is_smaller_than_the_margin_is_no_contradiction(
    decide, low, high, verdict, reason
):
    """Worse by a little is still worse: only no difference contradicts."""
    rule = replace(RULE, contradicted=0.0)
    # A control needs no more than to fail the rule.
    found = decide(effect(low, high), effect(0.2, 0.8), rule=rule)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.control.verdict == "contradicted"
    if reason == "smaller than the margin":
        assert {each.verdict for each in found.sensitivity} <= {"undecided", "not specific"}
    # The same on the other side, as for a ratio that must fall below a half.
    below = replace(rule, side="below", threshold=-1.0)
    assert below.decide(effect(-high, -low)) == verdict


@pytest.mark.parametrize(
    ("name", "no_difference"),
    [
        ("vae-fuzzy", 0),
        ("anomalies-detected", 0.5),
        ("ae-overfits", 0),
        ("vae-generates-better", 0),
        ("vae-more-ambiguous", 0),
        ("ae-interpolates-worse", 0),
        ("ae-gaps-fail", 0),
        ("sparser-is-recognisable", 0),
        ("digits-morph", 1),
        ("cvae-shares-style", 0),
        ("cvae-latents-less-class", 0),
        ("cvae-more-normal", 1),
    ],
)
def test_comparisons_are_contradicted_by_no_difference_only(name, no_difference):
    rule = BY_NAME[name].rule
    assert rule.contradicted == no_difference
    # No verdict at another threshold is about an effect beyond that of no difference.
    sign = -1 if rule.side == "below" else 1
    assert min(sign * each for each in rule.others) >= sign * no_difference


def test_without_an_interval_the_estimate_decides():
    counted = replace(RULE, threshold=0.95, contradicted=0.05)
    counts = [Estimate(value) for value in (1.0, 0.5, 0.0)]
    assert [counted.decide(s) for s in counts] == ["supported", "undecided", "contradicted"]


@pytest.fixture
def decide(complete):
    """Decide a claim from its effect and what its control gave."""

    def make(measured, control, others=(), rule=RULE):
        claims = [replace(claim(control), rule=rule), *(claim(effect(0, 0.5)) for _ in others)]
        found = [c.measured(Study(complete)) for c in claims]
        found[0] = replace(found[0], outcome=Outcome(measured, "detail"))
        found[1:] = [
            replace(f, outcome=Outcome(o, "")) for f, o in zip(found[1:], others, strict=True)
        ]
        return judge(Study(complete), claims, found)[0]

    return make


def claim(control):
    def measure(study):
        if isinstance(control, str):
            raise MissingIngredient(control)
        return control

    def of_claim(study):
        return Outcome(effect(2, 3), "detail")

    words = ["name", "group", "claim", "test", "effect"]
    return Claim(*words, of_claim, RULE, Control("noise", "Noise must fail.", measure))


@pytest.mark.parametrize(
    ("control", "verdict", "reason"),
    [
        (effect(0, 0.5), "supported", ""),
        (effect(0, 2), "undecided", "the control does not fail"),
        (effect(2, 3), "not specific", "the control passes too"),
        ("no noise", "undecided", "the control could not be computed"),
    ],
)
def test_what_its_control_passes_too_is_not_supported(decide, control, verdict, reason):
    found = decide(effect(2, 3), control)
    assert (found.verdict, found.reason) == (verdict, reason)
    # At other thresholds, the same control is asked: at 9 each of them fails.
    supported = decide(effect(10, 11), control)
    at_nine = "undecided" if control == "no noise" else "supported"
    assert [each.threshold for each in supported.sensitivity] == [0, 9]
    assert supported.sensitivity[1].verdict == at_nine


def test_what_its_control_shows_too_is_counted_for_itself(decide):
    found = [decide(effect(2, 3), effect(2, 3)), decide(effect(2, 3), effect(0, 0.5))]
    counted = "2 claims: 1 supported, 0 contradicted, 1 not specific, 0 undecided; none confirm"
    assert records.count(found).startswith(counted)
    assert records.verdict(found[0]) == "not specific: the control passes too"
    # Before the number of claims is allowed for, the effect alone would be there.
    among = decide(effect(1.05, 3), effect(2, 3), [effect(0.9, 3)] * 9)
    assert among.verdict == "undecided"


def test_the_number_of_claims_is_allowed_for(decide):
    alone = decide(effect(1.05, 3), effect(0, 0.5))
    assert alone.verdict == "supported"
    assert alone.raw == alone.adjusted
    among = decide(effect(1.05, 3), effect(0, 0.5), [effect(0.9, 3)] * 9)
    assert among.verdict == "undecided"
    assert among.reason == "supported by itself, but not after adjusting for the number of claims"
    assert among.raw == alone.raw
    assert among.adjusted.p == pytest.approx(10 * alone.raw.p)
    assert among.adjusted.low < 1 < among.raw.low


@pytest.mark.parametrize(
    ("time", "seeds", "kind"),
    [
        ("2020-05-01T12:10:00+00:00", 3, "confirmatory"),
        ("2020-05-01T12:10:00+00:00", 2, "exploratory"),
        ("2020-05-01T11:50:00+00:00", 3, "exploratory"),
        ("2020-05-01T20:50:00+09:00", 3, "exploratory"),
        ("2020-04-30T12:00:00", 3, "exploratory"),  # without a time zone
        (None, 3, "exploratory"),
    ],
)
def test_only_trainings_after_the_last_change_of_a_rule_confirm(time, seeds, kind):
    provenance = {"started_at": time} if time else {}
    run = SimpleNamespace(checked=SimpleNamespace(provenance=provenance))
    assert kind_of([run] * 3, RULE.changed, seeds) == kind


def test_every_claim_has_a_control_and_says_why_its_threshold():
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.rule.why.endswith(".")
        assert claim.control.what.endswith(".")
        assert claim.rule.others


# --- claims on planted data -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("easy", "verdict"), [(1, "supported"), (5, "contradicted")], ids=["1", "5"]
)
def test_the_easiest_digit_is_found(one_run, easy, verdict):
    def plant(arrays, sweep):
        arrays["test/sse_at_mean"][:] = 10 + sweep.labels("test")
        arrays["test/sse_at_mean"][sweep.labels("test") == easy] = 2

    found = find("ones-easiest", Study(one_run("ae", 3, plant)))
    assert found.verdict == verdict
    assert f"From easy to hard: {easy} (" in found.detail


FALLING, RISING_AGAIN = {2: 9, 20: 8, 50: 7}, {2: 9, 20: 7, 50: 8}


@pytest.mark.parametrize(
    ("ae", "vae", "verdict"),
    [
        (FALLING, RISING_AGAIN, "supported"),
        (RISING_AGAIN, RISING_AGAIN, "contradicted"),
        # Of a model whose error is said not to fall, the rule must not say that it does.
        (FALLING, FALLING, "not specific"),
    ],
)
def test_an_error_that_rises_again_is_noticed(sizes_of, ae, vae, verdict):
    assert find("ae-error-falls", Study(sizes_of(ae=ae, vae=vae))).verdict == verdict


@pytest.mark.parametrize(
    ("errors", "flat", "choice"),
    [
        ({2: 9, 20: 6, 50: 6.2}, "supported", "supported"),
        ({2: 9, 20: 6, 50: 5}, "contradicted", "contradicted"),
        ({2: 9, 20: 6}, "undecided", "undecided"),
    ],
)
def test_latent_size_20_is_decided_by_the_sizes_beyond(sizes_of, errors, flat, choice):
    sweep = sizes_of(ae=FALLING, vae=errors)
    found = [find(name, Study(sweep)) for name in ("vae-error-flat", "latent-size-20")]
    assert [finding.verdict for finding in found] == [flat, choice]
    if len(errors) == 2:
        assert found[0].detail == "Not tested: no finished VAE beyond latent size 20."
        assert found[0].estimate is None
    else:
        chosen = "20" if choice == "supported" else "50"
        assert f"Chosen in 100 draws of seed and images: 100 times {chosen}." in found[1].detail


@pytest.fixture
def sizes_of(build_sweep, make_config, tmp_path):
    """Open a sweep whose errors at each latent size vary a little about a mean."""

    def make(**by_kind):
        configs = [make_config(kind, size) for kind, errors in by_kind.items() for size in errors]
        folder = build_sweep(tmp_path / "s", configs)
        for path in folder.glob("runs/*/evaluation.h5"):
            kind, size, *_ = path.parent.name.split("-")
            mean = by_kind[kind][int(size[1:])]
            with h5py.File(path, "r+") as file:
                for name in (
                    "test/sse_at_mean",
                    "test/sse_at_sample",
                    "val/sse_at_mean",
                    "val/sse_at_sample",
                ):
                    if name in file:
                        noise = np.random.default_rng(0).normal(0, 0.1, file[name].shape)
                        file[name][:] = mean + noise
        return open_sweep(folder)

    return make


def distances(mean, count, seeds=2):
    return np.random.default_rng(int(10 * mean)).normal(mean, 1, (seeds, count))


@pytest.mark.parametrize(
    ("made", "memorised", "verdict", "reason"),
    [
        (11.0, 7.0, "supported", ""),
        (12.0, 7.0, "supported", ""),  # far from all: new, whatever it is
        (7.0, 7.0, "contradicted", ""),
        # Reconstructions of training images are no nearer than others: nothing could be noticed.
        (11.0, 10.9, "undecided", "the test has no power: the control passes too"),
    ],
)
def test_samples_like_reconstructions_of_training_images_are_not_new(
    complete, made, memorised, verdict, reason
):
    unseen = distances(9.9, 1000)
    claim = BY_NAME["samples-are-new"]
    control = samples.share_nearer(distances(memorised, 1000), unseen, shared=True)
    effect = samples.share_nearer(distances(made, 500), unseen, shared=False)
    measured = Measured(Outcome(effect, ""), control)
    (found,) = judge(Study(complete), [claim], [measured])
    assert (found.verdict, found.reason) == (verdict, reason)
    assert sum(source.share for source in found.budget if source.share) == pytest.approx(1)


def test_how_near_counts_as_near_is_part_of_the_interval():
    """It follows from test images, and others would give another distance."""
    rng = np.random.default_rng(0)

    def drawn():
        # About a fourth are near.
        return rng.normal(-1, 1, (1, 500)), rng.normal(0, 1, (1, 500))

    shares = [(found < np.quantile(unseen, 0.05)).mean() for found, unseen in
              (drawn() for _ in range(2000))]  # fmt: skip
    estimated = [samples.share_nearer(*drawn(), shared=False).variance for _ in range(10)]
    assert np.sqrt(np.mean(estimated)) == pytest.approx(np.std(shares), rel=0.25)


@pytest.mark.parametrize(
    ("mixture", "normal", "verdict"),
    [
        (0.8, 0.1, "supported"),
        (0.3, 0.2, "undecided"),  # as little as regularised latents gain
        (0.1, 0.3, "contradicted"),
    ],
)
def test_what_the_noise_spoils_is_what_better_noise_gains(mixture, normal, verdict):
    hits = np.random.default_rng(0).random((2, 3, 1000, 2)) < [mixture, normal]
    effect = generation._gain(hits.astype(float))
    assert effect.value == pytest.approx(mixture - normal, abs=0.05)
    rule = BY_NAME["ae-lacks-regularisation"].rule
    assert rule.decide(effect) == verdict
    if verdict == "undecided":
        assert rule.compare(effect) == "contradicted"


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.9, "supported"), (0.65, "undecided"), (0.4, "contradicted")]
)
def test_a_model_that_is_told_the_class_must_be_recognised_in_three_of_four(share, verdict):
    hits = np.random.default_rng(0).random((2, 3, 1000, 1)) < share
    rule = BY_NAME["cvae-recognisable"].rule
    assert rule.decide(shares.one_share(hits.astype(float))) == verdict
    assert rule.compare(shares.one_share(hits.astype(float))) == (
        "supported" if verdict == "supported" else "contradicted"
    )


def test_controls_are_what_they_are_called(study):
    """A Gaussian for each class, and two components however many latents there are."""
    with pytest.raises(MissingIngredient, match="too few training images for a Gaussian"):
        BY_NAME["cvae-recognisable"].control.measure(study)
    of_two = BY_NAME["few-latents-keep-the-digit"].control.measure(study)
    two, pixels = (
        probing.hits(study, space)[KNN, None] for space in (Space(components=2), Space())
    )
    assert of_two.value == pytest.approx(two.mean() / pixels.mean())


def test_two_numbers_that_mix_the_classes_fail_and_more_that_keep_them_do_not(study):
    rule = BY_NAME["few-latents-keep-the-digit"].rule
    right = np.random.default_rng(0).random((1, 1, 2000, 3)) < [0.45, 0.95, 0.97]
    two, many = (of_means(right[..., [k, 2]], latents._ratio) for k in (0, 1))
    assert (rule.compare(two), rule.decide(many)) == ("contradicted", "supported")


def test_gaps_are_squares_within_the_hull_without_codes(one_run, monkeypatch):
    def ring(arrays, sweep):
        angle = np.linspace(0, 2 * np.pi, len(arrays["train/mu"]), endpoint=False)
        arrays["train/mu"] = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype("f4")

    def first_half(judges, images):
        """Take the first half of the images for digits."""
        sure = (np.arange(len(images)) < len(images) // 2)[None]
        return SimpleNamespace(surer_than=lambda cutoff: sure)

    monkeypatch.setattr(planes, "find_judges", lambda study: ())
    monkeypatch.setattr(planes, "Sight", SimpleNamespace(of=first_half))
    sweep = one_run("ae", 2, ring)
    held, clear = planes.divide_plane(Study(sweep), sweep.runs[0])
    assert held.sum() <= 60
    # The hull of a ring is a disc: pi / 4 of the square around it.
    (clear,) = clear
    assert np.isfinite(clear).mean() == pytest.approx(np.pi / 4, abs=0.03)
    found = find("ae-gaps-fail", Study(sweep))
    assert found.estimate == pytest.approx(np.mean(clear[held]) - np.nanmean(clear[~held]))


def test_a_comparison_of_models_shows_two_latents_too(study):
    # The verdict is about 20 latents only: whoever reads it must see where it does not hold.
    detail = find("vae-generates-better", study).detail
    assert [part.rsplit("at ")[-1] for part in detail.split("; ")[:2]] == ["d = 20", "d = 2"]


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
        assert finding.seeds == 2
        if finding.raw is not None:
            assert finding.adjusted.low <= finding.raw.low <= finding.estimate <= finding.raw.high
            assert finding.raw.p <= finding.adjusted.p
            assert "seed" in {
                source.factor for source in finding.budget if source.share is not None
            }


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
        reason = f": {finding['reason']}" if finding["reason"] else ""
        title = f"### {finding['name']}: {finding['verdict']}{reason}"
        assert f"{title}\n\n> {finding['claim']}\n\n{finding['detail']}\n" in text
        assert f"Control: {finding['control']['name']}. {finding['control']['what']}" in text
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
