"""What every model generates from every noise, measured against test images."""

import numpy as np
import pandas as pd

from analysis.measures import quality
from analysis.measures.cells import run_identity
from analysis.measures.classifier import why_no_classifier
from analysis.measures.quality import Assessment
from analysis.measures.study import Call, Study
from analysis.tables import by_class
from analysis.tables.recipe import TableRecipe
from analysis.write import prose

REAL, NOISE = "real", "noise"


def make(study: Study) -> pd.DataFrame:
    """Return one row per run and sampler, and one each for real images and for noise.

    Columns: identity of the run (model ``real``, training images, or ``noise``, uniform pixels,
    for the first two), sampler; n (images); recognisable (share of whose class the classifier
    is at least 90 % sure), confidence (mean), imbalance (of the classes that it gives, total
    variation from the test images'), agreement (CVAE: share classified as the requested class);
    then by feature space, ``_pca`` and ``_classifier``: frechet, precision, recall, density and
    coverage, see `analysis.maths.overlap`. Without a classifier, what rests on it is left out.
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
    if not why_no_classifier(study):
        asked = found.requested
        scores |= {
            "recognisable": found.recognisable.mean(),
            "confidence": found.seen.confidence.mean(),
            "imbalance": quality.imbalance(study.sweep, found),
            "agreement": np.nan if asked is None else (found.classes == asked).mean(),
        }
    for space, overlap in found.overlap.items():
        scores |= {
            f"frechet_{space}": found.frechet[space],
            f"precision_{space}": overlap.precision,
            f"recall_{space}": overlap.recall,
            f"density_{space}": overlap.density,
            f"coverage_{space}": overlap.coverage,
        }
    return scores


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what only programs need, and all but one number of the classifier's space."""
    hidden = [f"{name}_classifier" for name in ("precision", "recall", "density", "coverage")]
    return table.drop(columns=["run_id", "n", *hidden], errors="ignore")


def caption(study: Study) -> str:
    """Say what is compared with what."""
    n, spaces = quality.set_size(study.sweep), "in the space of 50 principal components (pca)"
    if not why_no_classifier(study):
        spaces += " or of the classifier's last hidden layer"
    return (
        f"{n:,} images per model and sampler against {n:,} test images of {study.data.title}. "
        f"z is from {prose.samplers(study.sweep.runs)}. The first rows are training images, "
        "which an ideal generator would equal, and uniform noise. "
        f"{_about_classifier(study)}"
        f"frechet: distance of Gaussians {spaces}, less is better; precision and recall "
        "(Kynkäänniemi et al. "
        "2019, k = 3), density and coverage (Naeem et al. 2020, k = 5), more is better."
        f"{_absent(study)}"
    )


def _about_classifier(study: Study) -> str:
    if why_no_classifier(study):
        return ""
    noun, asked = study.data.noun, ""
    if prose.conditional(study.sweep.runs):
        asked = f"Agreement: classified as the requested {noun}. "
    return (
        "Recognisable: a small classifier, which was also trained to take blends and blots for no "
        f"{noun} and is right for {quality.accuracy(study):.1%} of the test images, is at least "
        f"90% sure of the {noun}. Imbalance: total variation of the classes that it gives from "
        f"those of the test images. {asked}"
    )


def _absent(study: Study) -> str:
    """Say what the classifier does not know, or why there is none."""
    if reason := why_no_classifier(study):
        return f" What needs a classifier is left out: {reason}."
    return by_class.named("Without training images", study.sweep.rare_classes("train"))


TABLE = TableRecipe("sample_quality", make, caption, for_readers, measures=measures)
