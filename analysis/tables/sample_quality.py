"""What every model generates from every noise, measured against test images."""

import numpy as np
import pandas as pd

from aevae.files.names import SAMPLERS
from analysis.measures import quality
from analysis.measures.cells import run_identity
from analysis.measures.quality import SPACES, Assessment
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe

REAL, NOISE = "real", "noise"
IDENTITY = ("run_id", "model", "variant", "latent_size", "seed")


def make(study: Study) -> pd.DataFrame:
    """Return one row per run and sampler, and one each for real images and for noise.

    Columns: identity of the run (model ``real``, training images, or ``noise``, uniform pixels,
    for the first two), sampler; n (images); recognisable (share of whose digit the classifier
    is at least 90 % sure), confidence (mean), imbalance (of the classes that it gives, total
    variation from the test images'), agreement (CVAE: share classified as the requested digit);
    then by feature space, ``_pca`` and ``_classifier``: frechet, precision, recall, density and
    coverage, see `analysis.maths.overlap`.

    Raises
    ------
    MissingIngredient
        There are no training images of some digit to train the classifier with.
    """
    rows = []
    for model, found in (
        (REAL, quality.assess_real(study)),
        (NOISE, quality.assess_noise(study)),
    ):
        identity = dict.fromkeys(IDENTITY) | {"model": model}
        rows.append({**identity, "sampler": "", **_scores(study, found)})
    for run in study.sweep.runs:
        for sampler in SAMPLERS:
            found = quality.assess_samples(study, run, sampler)
            rows.append({**run_identity(run), "sampler": sampler, **_scores(study, found)})
    whole = {"latent_size": "Int64", "seed": "Int64"}
    return pd.DataFrame(rows).astype(whole)


def _scores(study: Study, found: Assessment) -> dict[str, float]:
    right = np.nan if found.requested is None else (found.digits == found.requested).mean()
    scores = {
        "n": len(found.digits),
        "recognisable": found.recognisable.mean(),
        "confidence": found.confidence.mean(),
        "imbalance": quality.imbalance(study.sweep, found),
        "agreement": right,
    }
    for space in SPACES:
        overlap = found.overlap[space]
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
    return table.drop(columns=["run_id", "n", *hidden])


def caption(study: Study) -> str:
    """Say what is compared with what."""
    n = quality.set_size(study.sweep)
    return (
        f"{n:,} images per model and sampler against {n:,} test images of {study.data.title}: z "
        "from N(0, I) (prior) or from a Gaussian mixture fitted on the training codes (gmm). The "
        "first rows are training images, which an ideal generator would equal, and uniform noise. "
        "Recognisable: a small classifier, which was also trained to take blends and blots for no "
        f"digit and is right for {quality.accuracy(study):.1%} of the test images, is at least 90% "
        "sure of the digit. Imbalance: total variation of the classes that it gives from those of "
        "the test images. Agreement: classified as the requested digit. "
        "frechet: distance of Gaussians in the space of 50 principal components (pca) or of the "
        "classifier's last hidden layer, less is better; precision and recall (Kynkäänniemi et al. "
        "2019, k = 3), density and coverage (Naeem et al. 2020, k = 5), more is better."
    )


TABLE = TableRecipe("sample_quality", make, caption, for_readers)
