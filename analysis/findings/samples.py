"""Whether generated images are what was asked for, and whether they are new."""

from datetime import UTC, datetime

import numpy as np

from analysis.findings.claim import Claim, Control, Outcome, Rule
from analysis.findings.matched_runs import matched, size_of
from analysis.findings.shares import assess, one_share
from analysis.maths.intervals import Estimate, of_means
from analysis.maths.metrics import Floats
from analysis.measures import nearest_training
from analysis.measures.judges.panel import described
from analysis.measures.study import Study

CHANGED = datetime(2026, 11, 26, 14, 50, tzinfo=UTC)
COPY = 0.5  # of the distance that is typical of test images
PLANTED = 10  # of so many samples, one is a copy


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
    """Count the samples that are as near to a training image as only copies are."""
    distances = _distances(study)
    size = size_of(study.sweep, ("vae",))
    detail = (
        f"Of {distances.size} samples at d = {size}, the nearest has {np.nanmin(distances):.2f} of "
        f"the distance that is typical of test images, the median {np.nanmedian(distances):.2f}. "
        "Blurred copies are further away than sharp ones, and may not be found."
    )
    return Outcome(share_of_copies(distances), detail)


def _distances(study: Study) -> Floats:
    """Return the relative distances of each seed's samples to training images, (S, M)."""
    runs = [run for (run,) in matched(study.sweep, ("vae",))]
    return np.stack([
        nearest_training.relative_distance(study, nearest_training.sample_pairs(study, run))
        for run in runs
    ])  # fmt: skip


def share_of_copies(distances: Floats) -> Estimate:
    """Estimate which share of the samples of each seed, (S, M), are as near as copies."""
    known = np.isfinite(distances)
    counted = np.stack([known & (np.nan_to_num(distances, nan=1) < COPY), known], axis=-1)
    found = of_means(counted[:, None], _ratio, shared=False, shares=True)
    return found.within(0, 1)


def _ratio(means: Floats) -> float:
    return float(means[0] / means[1])


def _vae_obeys(study: Study) -> Estimate:
    """Compare what the VAE generates with what the CVAE was asked for."""
    pairs = matched(study.sweep, ("vae", "cvae"))
    asked = [
        (assess(study, vae).classes == assess(study, cvae).requested)[..., None]
        for vae, cvae in pairs
    ]
    return one_share(asked)


def _planted_copies(study: Study) -> Estimate:
    distances = _distances(study)
    distances[:, ::PLANTED] = 0
    return share_of_copies(distances)


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
        "Distance of samples from N(0, I) to the nearest training image, over the median of that "
        "of the test images near the same {noun}: 0 is a copy, 1 as far as new {subjects} are. "
        f"A sample below {COPY} counts as a copy. Supported if fewer than 5% are copies. Copies as "
        "blurred as reconstructions may be further away, and are then not found.",
        "share of the VAE's samples that count as copies",
        _new_images,
        Rule(
            0.05,
            "A generator may come near to a few training images by chance.",
            2,
            CHANGED,
            side="below",
            others=(0.01, 0.02, 0.1),
        ),
        Control(
            "copies",
            f"The same samples, one in {PLANTED} of them replaced by a training image: copies that "
            "are sharper than a VAE can draw.",
            _planted_copies,
        ),
    ),
)  # fmt: skip
