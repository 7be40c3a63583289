"""What every model generates from every noise, measured against test images."""

import numpy as np
import pandas as pd

from analysis.measures import quality
from analysis.measures.cells import run_identity
from analysis.measures.judges.panel import described, why_no_judges
from analysis.measures.quality import Assessment
from analysis.measures.study import Call, Study
from analysis.tables import by_class
from analysis.tables.recipe import TableRecipe
from analysis.write import prose

REAL, NOISE = "real", "noise"


def make(study: Study) -> pd.DataFrame:
    """Return one row per run and sampler, and one each for real images and for noise.

    Columns: identity of the run (model ``real``, held-out images, or ``noise``, uniform pixels,
    for the first two), sampler; n (images); confidence (mean probability of the class that a judge
    sees), recognisable (share of whose class it is at least 90 % sure), sure_50 and sure_99 (the
    same at other cut-offs), imbalance (of the classes that it gives, total variation from the test
    images'), agreement (CVAE: share classified as the requested class); then by feature space,
    ``_pca`` and ``_classifier``: frechet, density and coverage, see `analysis.maths.overlap`. What
    the judges see is a mean over them, and ``_sd`` is the standard deviation over them; without
    judges, what rests on them is left out.
    """
    rows = []
    unnamed = dict.fromkeys(run_identity(study.sweep.runs[0], study.sweep.axes))
    for model, found in (
        (REAL, quality.assess_real(study)),
        (NOISE, quality.assess_noise(study)),
    ):
        rows.append({**unnamed, "model": model, "sampler": "", **_scores(study, found)})
    for run in study.sweep.runs:
        for sampler in run.samplers:
            found = quality.assess_samples(study, run, sampler)
            identity = run_identity(run, study.sweep.axes)
            rows.append({**identity, "sampler": sampler, **_scores(study, found)})
    whole = {"latent_size": "Int64", "seed": "Int64"}
    return pd.DataFrame(rows).astype(whole)


def measures(study: Study) -> list[Call]:
    """List the assessment of the samples of every run."""
    quality.feature_spaces(study)
    return [
        (quality.assess_samples, (run, sampler))
        for run in study.sweep.runs
        for sampler in run.samplers
    ]


def _scores(study: Study, found: Assessment) -> dict[str, float]:
    scores: dict[str, float] = {"n": quality.set_size(study.sweep)}
    if not why_no_judges(study):
        asked, classes = found.requested, found.classes
        confidence, clear = (
            by_image.mean(axis=1) for by_image in (found.seen.confidence, found.recognisable)
        )
        scores |= {
            "confidence": confidence.mean(),
            "confidence_sd": confidence.std(ddof=1),
            "recognisable": clear.mean(),
            "recognisable_sd": clear.std(ddof=1),
            "sure_50": found.seen.surer_than(0.5).mean(),
            "sure_99": found.seen.surer_than(0.99).mean(),
            "imbalance": float(np.mean([quality.imbalance(study.sweep, each) for each in classes])),
            "agreement": np.nan if asked is None else (classes == asked).mean(),
        }
    for space, overlap in found.overlap.items():
        scores |= {
            f"frechet_{space}": found.frechet[space],
            f"density_{space}": overlap.density,
            f"coverage_{space}": overlap.coverage,
        }
    return scores


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what only programs need, and all but one number of the classifier's space."""
    hidden = [f"{name}_classifier" for name in ("density", "coverage")]
    shown = table.drop(columns=["run_id", "n", *hidden], errors="ignore")
    return shown.assign(sampler=shown["sampler"].replace(prose.SAMPLER_TITLES))


def caption(study: Study) -> str:
    """Say what is compared with what."""
    n, spaces = quality.set_size(study.sweep), "in the space of 50 principal components (pca)"
    if not why_no_judges(study):
        spaces += " or of the first judge's last hidden layer"
    return (
        f"{n:,} images per model and sampler against {n:,} test images of {study.data.title}. "
        f"z is from {prose.samplers(study.sweep.runs)}. The first rows are held-out images, "
        "which an ideal generator would equal, and uniform noise. "
        f"{_about_judges(study)}"
        f"Frechet: distance of Gaussians {spaces}, less is better; density (1 for images drawn "
        "alike) and coverage (more is better): Naeem et al. 2020, k = 5."
        f"{_absent(study)}"
    )


def _about_judges(study: Study) -> str:
    if why_no_judges(study):
        return ""
    noun, asked = study.data.noun, ""
    if prose.conditional(study.sweep.runs):
        asked = f"Agreement: classified as the requested {noun}. "
    return (
        f"Means over {described(study)}, with standard deviations over the judges (sd). "
        f"Confidence: a judge's probability of the {noun} that it sees; recognisable: it is at "
        "least 90% sure; "
        "sure_50 and sure_99: at least 50% and 99%. "
        "Imbalance: total variation of the classes that it gives from those of the test images. "
        f"{asked}"
    )


def _absent(study: Study) -> str:
    """Say what the judges do not know, or why there are none."""
    if reason := why_no_judges(study):
        return f" What needs judges is left out: {reason}."
    return by_class.named("Without training images", study.sweep.rare_classes("train"))


TABLE = TableRecipe("sample_quality", make, caption, for_readers, measures=measures)
