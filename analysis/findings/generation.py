"""What the models generate from noise."""

from collections.abc import Callable, Sequence

import numpy as np

from analysis.findings.claim import (
    Claim,
    Interval,
    Outcome,
    Rows,
    interval,
    interval_of_means,
    interval_of_share,
)
from analysis.findings.matched_runs import matched
from analysis.maths.metrics import Floats
from analysis.measures import nearest_training, quality
from analysis.measures.quality import Assessment
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, representative
from analysis.sweep.load import Run

HALF = 0.5
OBEYED = 0.9
RECOGNISABLE = (
    "Share of the samples from N(0, I) of whose {noun} a classifier, which was also trained to "
    "take blends and blots for no {noun}, is at least 90% sure. "
)


def _ae_fails(study: Study) -> Outcome:
    """Count what is recognisable of the AE's samples from N(0, I)."""
    effect, detail = _count(study, "ae")
    return Outcome(effect, effect.below(HALF), detail)


def _vae_succeeds(study: Study) -> Outcome:
    """Count what is recognisable of the VAE's samples."""
    effect, detail = _count(study, "vae")
    return Outcome(effect, effect.above(HALF), detail)


def _cvae_succeeds(study: Study) -> Outcome:
    """Count what is recognisable of the CVAE's samples."""
    effect, detail = _count(study, "cvae")
    return Outcome(effect, effect.above(HALF), detail)


def _count(study: Study, model: str) -> tuple[Interval, str]:
    """Estimate the share of a model's samples that is recognisable, and put it in words."""
    runs = [run for (run,) in matched(study.sweep, (model,))]
    effect = interval_of_share([_assess(study, run).recognisable for run in runs])
    found = [f"{effect.estimate:.1%} at d = {runs[0].latent_size}"]
    plane = representative(study.sweep.runs, model, 2)
    if plane is not None and runs[0].latent_size != 2:
        found.append(f"{_assess(study, plane).recognisable.mean():.1%} at d = 2")
    return effect, f"{TITLES[model]}: {', '.join(found)}; {_bounds(study)}."


def _vae_beats_ae(study: Study) -> Outcome:
    """Compare what both models make of N(0, I)."""
    return _compare(study, ("vae", "ae"))


def _cvae_clearer(study: Study) -> Outcome:
    """Compare how many samples are recognisable, with and without a label."""
    return _compare(study, ("cvae", "vae"))


def _compare(study: Study, models: Sequence[str]) -> Outcome:
    pairs = matched(study.sweep, models)
    shares = [_recognisable(study, pair, ["prior"] * 2) for pair in pairs]
    effect = interval_of_means(shares, lambda means: means[0] - means[1])
    first, second = np.mean([share.mean(axis=0) for share in shares], axis=0)
    detail = (
        f"{TITLES[models[0]]} {first:.1%}, {TITLES[models[1]]} {second:.1%} at "
        f"d = {pairs[0][0].latent_size}; {_bounds(study)}."
    )
    return Outcome(effect, effect.above(0), detail)


def _mixture_repairs(study: Study) -> Outcome:
    """See how much of the AE's deficit goes away when the noise is like its codes."""
    runs = [run for (run,) in matched(study.sweep, ("ae",))]
    samplers = ["prior", "mixture"]
    real = quality.assess_real(study).recognisable
    shares = [np.column_stack([_recognisable(study, [run] * 2, samplers), real]) for run in runs]
    effect = interval_of_means(shares, lambda means: (means[1] - means[0]) / (means[2] - means[0]))
    prior, mixture, ideal = np.mean([share.mean(axis=0) for share in shares], axis=0)
    distance = [
        np.mean([quality.assess_samples(study, run, sampler).frechet["classifier"] for run in runs])
        for sampler in samplers
    ]
    detail = (
        f"Recognisable from N(0, I) {prior:.1%}, from the mixture {mixture:.1%}, of real images "
        f"{ideal:.1%}; Fréchet distance {distance[0]:.1f} and {distance[1]:.1f}, at "
        f"d = {runs[0].latent_size}."
    )
    return Outcome(effect, effect.above(HALF), detail)


def _obeys(study: Study) -> Outcome:
    """Count how often the classifier sees the class that the CVAE was asked for."""
    runs = [run for (run,) in matched(study.sweep, ("cvae",))]
    found = [_assess(study, run) for run in runs]
    effect = interval_of_share([np.asarray(each.classes == each.requested) for each in found])
    detail = (
        f"{effect.estimate:.1%} of the samples at d = {runs[0].latent_size} are classified as the "
        f"requested {study.data.noun}; the classifier is right for {quality.accuracy(study):.1%} "
        "of the test images."
    )
    return Outcome(effect, effect.above(OBEYED), detail)


def _new_images(study: Study) -> Outcome:
    """Compare how near samples and test images come to the training images."""
    runs = [run for (run,) in matched(study.sweep, ("vae",))]
    distances = np.stack(
        [
            nearest_training.relative_distance(study, nearest_training.sample_pairs(study, run))
            for run in runs
        ]
    )
    effect = interval([_median_of(known) for known in distances], distances.shape[1])
    detail = (
        f"The nearest of {distances.size} samples at d = {runs[0].latent_size} has "
        f"{np.nanmin(distances):.2f} of the distance that is typical of test images."
    )
    return Outcome(effect, effect.above(HALF), detail)


def _median_of(distances: Floats) -> Callable[[Rows], float]:
    """Compute the median of those distances that are known; not a number if none is."""

    def median(rows: Rows) -> float:
        known = distances[rows][np.isfinite(distances[rows])]
        return float(np.median(known)) if len(known) else np.nan

    return median


def _assess(study: Study, run: Run) -> Assessment:
    return quality.assess_samples(study, run, "prior")


def _recognisable(study: Study, runs: Sequence[Run], samplers: Sequence[str]) -> Floats:
    """Tell which samples of some runs are recognisable, (M, K): a column for run and sampler."""
    return np.column_stack([
        quality.assess_samples(study, run, sampler).recognisable
        for run, sampler in zip(runs, samplers, strict=True)
    ]).astype(np.float64)  # fmt: skip


def _bounds(study: Study) -> str:
    real, noise = quality.assess_real(study), quality.assess_noise(study)
    shares = real.recognisable.mean(), noise.recognisable.mean()
    return f"real images {shares[0]:.1%}, uniform noise {shares[1]:.1%}"


CLAIMS = (
    Claim(
        "ae-noise-fails",
        "Decoding N(0, I), the AE makes hardly anything that resembles {a_subject}.",
        RECOGNISABLE + "Supported if fewer than half are.",
        "share of the AE's samples that is recognisable",
        _ae_fails,
    ),
    Claim(
        "vae-recognisable",
        "The VAE generates recognisable {subjects}.",
        RECOGNISABLE + "Supported if more than half are.",
        "share of the VAE's samples that is recognisable",
        _vae_succeeds,
    ),
    Claim(
        "vae-generates-better",
        "The VAE generates far better than the AE of the same shape.",
        RECOGNISABLE + "Supported if the VAE, with as many latents, has more than the AE.",
        "recognisable share of the VAE's samples less that of the AE's",
        _vae_beats_ae,
    ),
    Claim(
        "ae-lacks-regularisation",
        "The AE fails as a generator because its code is not regularised.",
        "Samples of the AE from N(0, I), from a Gaussian mixture fitted on its training codes, and "
        "real images. If the decoder is sound and only the distribution of its codes unknown, the "
        "mixture repairs it. Supported if that makes up more than half of what is missing.",
        "share of the AE's deficit in recognisable samples that the mixture makes up",
        _mixture_repairs,
    ),
    Claim(
        "cvae-recognisable",
        "The CVAE generates recognisable {subjects}.",
        RECOGNISABLE + "Supported if more than half are.",
        "share of the CVAE's samples that is recognisable",
        _cvae_succeeds,
    ),
    Claim(
        "vae-more-ambiguous",
        "The VAE's samples are more ambiguous than the CVAE's.",
        RECOGNISABLE + "Supported if the CVAE, with as many latents, has more than the VAE.",
        "recognisable share of the CVAE's samples less that of the VAE's",
        _cvae_clearer,
    ),
    Claim(
        "cvae-obeys-label",
        "The CVAE generates the {noun} that is asked for.",
        "Samples from N(0, I), the same number for each {noun}: share classified as the "
        f"requested {{noun}}. Supported if it is above {OBEYED:.0%}.",
        "share of the CVAE's samples classified as the requested {noun}",
        _obeys,
    ),
    Claim(
        "samples-are-new",
        "The VAE generates new {subjects}: it does not repeat its training images.",
        "Distance of samples from N(0, I) to the nearest training image, over the median of that "
        "of the test images near the same {noun}: 0 is a copy, 1 as far as new {subjects} are. "
        f"Supported if the median is above {HALF}.",
        "median relative distance to the nearest training image",
        _new_images,
    ),
)
