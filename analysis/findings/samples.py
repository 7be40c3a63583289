"""Whether generated images are what was asked for, and whether they are new."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from analysis.findings.claim import Claim, Control, Outcome, Rule
from analysis.findings.matched_runs import matched
from analysis.findings.shares import assess, first, one_share
from analysis.maths.intervals import (
    IMAGE,
    RESAMPLES,
    Estimate,
    Part,
    of_means,
    resampled_variance,
)
from analysis.maths.metrics import Floats
from analysis.measures import nearest_training
from analysis.measures.judges.panel import described
from analysis.measures.study import Study
from analysis.sweep.load import Run

CHANGED = datetime(2026, 11, 26, 14, 50, tzinfo=UTC)
LAST_CHANGED = datetime(2026, 11, 26, 17, 20, tzinfo=UTC)
NEAREST = 0.05  # of the reconstructions of test images


def _obeys(study: Study) -> Outcome:
    """Count how often the judges see the class that the CVAE was asked for."""
    runs = [run for (run,) in matched(study.sweep, ("cvae",))]
    found = [assess(study, run) for run in runs]
    asked = [(each.classes == each.requested)[..., None] for each in found]
    effect = one_share(asked)
    detail = (
        f"{effect.value:.1%} of the samples at d = {runs[0].latent_size} are taken for the "
        f"requested {study.data.noun}, mean over {described(study)}."
    )
    return Outcome(effect, detail)


def _new_images(study: Study) -> Outcome:
    """Count the samples that are nearer to a training image than most images of unseen ones are."""
    runs = _runs(study)
    pairs = [nearest_training.sample_pairs(study, run) for run in runs]
    relative = _relative(study, pairs)
    effect = share_nearer(relative, _of_reconstructions(study, "test"), shared=False)
    detail = (
        f"{effect.value:.1%} of {relative.size:,} samples at d = {runs[0].latent_size} are near. "
        f"The nearest has {np.nanmin(relative):.2f} of the distance that is typical of test "
        f"images, the median {np.nanmedian(relative):.2f}."
    )
    return Outcome(effect, detail)


def _reconstructed_training_images(study: Study) -> Estimate:
    """Put reconstructions of training images in the place of samples."""
    unseen = _of_reconstructions(study, "test")
    return share_nearer(_of_reconstructions(study, "train"), unseen, shared=True)


def _runs(study: Study) -> list[Run]:
    return [run for (run,) in matched(study.sweep, ("vae",))]


def _of_reconstructions(study: Study, split: str) -> Floats:
    """Return the relative distances of each seed's reconstructions of a split, (S, M)."""
    pairs = [nearest_training.reconstruction_pairs(study, run, split) for run in _runs(study)]
    return _relative(study, pairs)


def _relative(study: Study, pairs: Sequence[nearest_training.Pairs]) -> Floats:
    """Return relative distances to training images, (S, M), from the pairs of each seed."""
    return np.stack([nearest_training.relative_distance(study, each) for each in pairs])


def share_nearer(found: Floats, unseen: Floats, *, shared: bool) -> Estimate:
    """Estimate which share of images is nearer to a training image than most are.

    Parameters
    ----------
    found
        Relative distances of images to the nearest training image, by seed: (S, M); NaN is not
        near.
    unseen
        The same of reconstructions of T test images, (S, T). The share is that below their 5%
        quantile in each seed.
    shared
        Whether the images of `found` are reconstructions of the same images for all seeds.
    """

    def nearer(rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        cuts = np.nanquantile(unseen[:, rows], NEAREST, axis=1)
        return np.asarray(found < cuts[:, None])

    count, rng = unseen.shape[1], np.random.default_rng(0)
    hits = nearer(np.arange(count))[:, None, :, None]
    effect = of_means(hits, first, shared=shared, shares=True)
    # All seeds have the same test images, so that seeds do not show what other images give.
    drawn = [nearer(rng.integers(count, size=(count,))).mean() for _ in range(RESAMPLES)]
    of_cuts = Part(IMAGE, resampled_variance(drawn), count - 1)
    return replace(effect, parts=(*effect.parts, of_cuts)).within(0, 1)


def _vae_obeys(study: Study) -> Estimate:
    """Compare what the VAE generates with what the CVAE was asked for."""
    pairs = matched(study.sweep, ("vae", "cvae"))
    asked = [
        (assess(study, vae).classes == assess(study, cvae).requested)[..., None]
        for vae, cvae in pairs
    ]
    return one_share(asked)


CLAIMS = (
    Claim(
        "cvae-obeys-label",
        "requested {plural}",
        "The CVAE generates the {noun} that is asked for.",
        "Samples from N(0, I), the same number for each {noun}: share taken for the requested "
        "{noun}, mean over the judges, which name the most probable {noun} even if they see none. "
        "Supported if it is above 90%.",
        "share of the CVAE's samples taken for the requested {noun}",
        _obeys,
        Rule(0.9, "At most one in ten may be something else.", 2, CHANGED, others=(0.5, 0.8, 0.95)),
        Control(
            "the VAE",
            "What the VAE generates, compared with the same requests, which it does not know.",
            _vae_obeys,
        ),
    ),
    Claim(
        "samples-are-new",
        "distances to training images",
        "The VAE generates new {subjects}: it does not repeat its training images.",
        "Distance of samples from N(0, I) to the nearest training image, relative to the median "
        "distance of test images whose nearest training image has the same {noun}. A sample is "
        "near if it is nearer than 95% of the reconstructions of test images by the same run, from "
        f"one sampled z each; of these, 5% are. Supported if fewer than {NEAREST:.0%} of the "
        "samples are near, contradicted if more.",
        "share of the VAE's samples nearer to a training image than 95% of the reconstructions of "
        "test images",
        _new_images,
        Rule(
            NEAREST,
            "So many are near of images that the model has not seen.",
            4,
            LAST_CHANGED,
            side="below",
            others=(0.03, 0.07, 0.1),
        ),
        Control(
            "reconstructed training images",
            "Reconstructions of training images by the same run, from one sampled z each: what a "
            "VAE would generate that had only memorised. If no more of them are near, the test "
            "cannot tell such a VAE from one that had not.",
            _reconstructed_training_images,
            opposite=True,
        ),
    ),
)  # fmt: skip
