"""What the models generate from noise."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np

from aevae.files import names
from analysis.findings.claim import Claim, Control, Outcome, Rule
from analysis.findings.matched_runs import matched, size_of
from analysis.findings.shares import bounds, difference, one_share, recognisable, seen
from analysis.maths.intervals import Estimate, of_means
from analysis.maths.metrics import Floats
from analysis.measures import linear, quality
from analysis.measures.judges.panel import Sight
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES
from analysis.sweep.load import MissingIngredient, Run

SHARES = "shares of recognisable samples"
CHANGED = datetime(2026, 11, 26, 14, 50, tzinfo=UTC)
LAST_CHANGED = datetime(2026, 11, 26, 17, 4, tzinfo=UTC)
RECOGNISABLE = (
    "Share of the samples from N(0, I) of whose {noun} a judge is at least 90% sure, mean over the "
    "judges. These are classifiers that were also trained to see no {noun} in blends and blots. "
)


def _ae_fails(study: Study) -> Outcome:
    """Count what is recognisable of the AE's samples from N(0, I)."""
    return _count(study, "ae")


def _vae_succeeds(study: Study) -> Outcome:
    """Count what is recognisable of the VAE's samples."""
    return _count(study, "vae")


def _cvae_succeeds(study: Study) -> Outcome:
    """Count what is recognisable of the CVAE's samples."""
    return _count(study, "cvae")


def _count(study: Study, model: str) -> Outcome:
    """Estimate the share of a model's samples that is recognisable, and put it in words."""
    effect = _share(study, matched(study.sweep, (model,)))
    size = size_of(study.sweep, (model,))
    found = [f"{effect.value:.1%} at d = {size}"]
    if size != 2:
        with suppress(MissingIngredient):
            found.append(f"{_share(study, matched(study.sweep, (model,), 2)).value:.1%} at d = 2")
    return Outcome(effect, f"{TITLES[model]}: {', '.join(found)}; {bounds(study)}.")


def _share(study: Study, runs: Sequence[Sequence[Run]], sampler: str = names.PRIOR) -> Estimate:
    shares = [recognisable(study, each, [sampler]) for each in runs]
    return one_share(shares)


def _vae_beats_ae(study: Study) -> Outcome:
    """Compare what both models make of N(0, I)."""
    return _compare(study, ("vae", "ae"))


def _cvae_clearer(study: Study) -> Outcome:
    """Compare how many samples are recognisable, with and without a label."""
    return _compare(study, ("cvae", "vae"))


def _compare(study: Study, models: Sequence[str]) -> Outcome:
    shares, size = _of_both(study, models)
    effect = of_means(shares, difference, judged=True, shared=False, shares=True)
    found = [_in_words(models, shares, size)]
    if size != 2:
        # The verdict is about one size, and two latents may give another.
        with suppress(MissingIngredient):
            found.append(_in_words(models, *_of_both(study, models, 2)))
    return Outcome(effect, f"{'; '.join(found)}; {bounds(study)}.")


def _of_both(study: Study, models: Sequence[str], size: int | None = None) -> tuple[Floats, int]:
    """Tell which samples of two models are recognisable, (S, J, M, 2), and their latent size."""
    pairs = matched(study.sweep, models, size)
    shares = np.array([recognisable(study, pair, [names.PRIOR] * 2) for pair in pairs])
    return shares, pairs[0][0].latent_size


def _in_words(models: Sequence[str], shares: Floats, size: int) -> str:
    share, other = shares.mean(axis=(0, 1, 2))
    return f"{TITLES[models[0]]} {share:.1%}, {TITLES[models[1]]} {other:.1%} at d = {size}"


def _mixture_repairs(study: Study) -> Outcome:
    """See how many more samples are recognisable when the noise is like the AE's codes."""
    runs = [run for (run,) in matched(study.sweep, ("ae",))]
    shares = _from_both_samplers(study, runs)
    repaired, normal = shares.mean(axis=(0, 1, 2))
    real = seen(quality.assess_real(study).seen).mean()
    distance = [
        np.mean([quality.assess_samples(study, run, sampler).frechet["classifier"] for run in runs])
        for sampler in (names.PRIOR, names.MIXTURE)
    ]
    detail = (
        f"Recognisable from N(0, I) {normal:.1%}, from the mixture {repaired:.1%}, of real "
        f"images {real:.1%}; Fréchet distance {distance[0]:.1f} and {distance[1]:.1f}, at "
        f"d = {runs[0].latent_size}."
    )
    return Outcome(_gain(shares), detail)


def _from_both_samplers(study: Study, runs: Sequence[Run]) -> Floats:
    """Tell which samples from the mixture and from N(0, I) are recognisable, (S, J, M, 2)."""
    samplers = [names.MIXTURE, names.PRIOR]
    return np.array([recognisable(study, [run] * 2, samplers) for run in runs])


def _gain(shares: Floats) -> Estimate:
    return of_means(shares, difference, judged=True, shared=False, shares=True)


# --- controls -------------------------------------------------------------------------------------


def _ae_from_its_codes(study: Study) -> Estimate:
    return _share(study, matched(study.sweep, ("ae",)), names.MIXTURE)


def _linear_for_vae(study: Study) -> Estimate:
    return _linear_share(linear.see_linear(study, size_of(study.sweep, ("vae",))))


def _linear_for_cvae(study: Study) -> Estimate:
    return _linear_share(linear.see_linear_by_class(study, size_of(study.sweep, ("cvae",))))


def _linear_share(found: Sight) -> Estimate:
    return one_share(seen(found)[None, ..., None])


def _linear_against_ae(study: Study) -> Estimate:
    return _linear_against(study, ("vae", "ae"))


def _linear_against_vae(study: Study) -> Estimate:
    return _linear_against(study, ("cvae", "vae"))


def _linear_against(study: Study, models: Sequence[str]) -> Estimate:
    """Put PCA in the place of the first of two models."""
    pairs = matched(study.sweep, models)
    found = seen(linear.see_linear(study, pairs[0][0].latent_size))[..., None]
    shares = [
        np.concatenate([found, recognisable(study, pair[1:], [names.PRIOR])], axis=-1)
        for pair in pairs
    ]
    # PCA's images are the same for every seed.
    return of_means(shares, difference, judged=True, shared=[True, False], shares=True)


def _gain_of_vae(study: Study) -> Estimate:
    return _gain(_from_both_samplers(study, [run for (run,) in matched(study.sweep, ("vae",))]))


CLAIMS = (
    Claim(
        "ae-noise-fails",
        SHARES,
        "Decoding N(0, I), the AE makes hardly anything that resembles {a_subject}.",
        RECOGNISABLE + "Supported if fewer than one in ten are.",
        "share of the AE's samples that is recognisable",
        _ae_fails,
        Rule(
            0.1,
            "One in ten is our reading of 'hardly anything'.",
            2,
            CHANGED,
            side="below",
            others=(0.05, 0.25, 0.5),
        ),
        Control(
            "the AE's own codes",
            "The same decoders, with noise from a mixture fitted to their codes. If as few were "
            "recognisable there, a bad decoder or severe judges could be the cause, not the noise.",
            _ae_from_its_codes,
        ),
    ),
    Claim(
        "vae-recognisable",
        SHARES,
        "The VAE generates recognisable {subjects}.",
        RECOGNISABLE + "Supported if more than half are.",
        "share of the VAE's samples that is recognisable",
        _vae_succeeds,
        Rule(0.5, "More often than not.", 2, CHANGED, others=(0.25, 0.75, 0.9)),
        Control(
            "PCA",
            "Images from a Gaussian over as many principal components, without a learned decoder.",
            _linear_for_vae,
        ),
    ),
    Claim(
        "vae-generates-better",
        SHARES,
        "The VAE generates far better than the AE of the same shape.",
        RECOGNISABLE + "Supported if the VAE, with as many latents, has at least 20 points more "
        "than the AE, contradicted only if it has no more.",
        "recognisable share of the VAE's samples less that of the AE's",
        _vae_beats_ae,
        Rule(
            0.2,
            "A fifth of all samples is our reading of 'far'; any difference would be 'better'.",
            3,
            LAST_CHANGED,
            contradicted=0.0,
            others=(0.0, 0.1, 0.4),
        ),
        Control(
            "PCA",
            "PCA with as many components in the place of the VAE.",
            _linear_against_ae,
        ),
    ),
    Claim(
        "ae-lacks-regularisation",
        SHARES,
        "The AE fails as a generator because its code is not regularised.",
        RECOGNISABLE + "The same for samples from a Gaussian mixture fitted on the AE's own "
        "training codes. If the decoder is sound and only the distribution of its codes unknown, "
        "these are better. Supported if at least 25 points more are recognisable, contradicted "
        "only if no more are.",
        "recognisable share of the AE's samples from the mixture less that from N(0, I)",
        _mixture_repairs,
        Rule(
            0.25,
            "The wrong noise alone then spoils one sample in four.",
            3,
            LAST_CHANGED,
            contradicted=0.0,
            others=(0.1, 0.5),
        ),
        Control(
            "the VAE",
            "The same for the VAE, whose latents are regularised: a mixture on its sampled z must "
            "not gain as much.",
            _gain_of_vae,
        ),
    ),
    Claim(
        "cvae-recognisable",
        SHARES,
        "The CVAE generates recognisable {subjects}.",
        RECOGNISABLE + "Supported if more than three in four are, contradicted if at most half.",
        "share of the CVAE's samples that is recognisable",
        _cvae_succeeds,
        Rule(
            0.75,
            "A model that is told what to draw must do better than one in two: of the other half, "
            "half must be recognisable too.",
            3,
            LAST_CHANGED,
            contradicted=0.5,
            others=(0.5, 0.6, 0.9),
        ),
        Control(
            "a Gaussian for each {noun}",
            "Images from a Gaussian for each {noun} over as many principal components: it is told "
            "the {noun} as the CVAE is, but has no learned decoder.",
            _linear_for_cvae,
        ),
    ),
    Claim(
        "vae-more-ambiguous",
        SHARES,
        "The VAE's samples are more ambiguous than the CVAE's.",
        RECOGNISABLE + "Supported if the CVAE, with as many latents, has at least 5 points more "
        "than the VAE, contradicted only if it has no more. Images between two {plural} and images "
        "of nothing are not told apart.",
        "recognisable share of the CVAE's samples less that of the VAE's",
        _cvae_clearer,
        Rule(0.05, "A smaller difference is not called meaningful.", 3, LAST_CHANGED,
             contradicted=0.0, others=(0.0, 0.1, 0.2)),
        Control(
            "PCA",
            "PCA with as many components in the place of the CVAE.",
            _linear_against_vae,
        ),
    ),
)  # fmt: skip
