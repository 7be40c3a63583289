"""Whether a CVAE draws the digit that it is asked for, and how much such drawings differ."""

import numpy as np
import pandas as pd

from aevae.files.hdf5 import Array
from analysis.maths import metrics
from analysis.maths.metrics import Floats
from analysis.measures import quality
from analysis.measures.cells import run_identity
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, Run
from analysis.tables.recipe import TableRecipe

ALL = "all"
SAMPLER = "prior"


def make(study: Study) -> pd.DataFrame:
    """Return one row per CVAE and requested digit, with one row ``all`` per CVAE.

    Columns: identity of the run; digit, n (samples from the prior), agreement (share that the
    classifier takes for the requested digit) with the bounds of its 95% Wilson interval; diversity:
    total variance of the samples' pixels within the digit over that of the test images (for
    ``all``, the mean over the digits).

    Raises
    ------
    MissingIngredient
        There is no CVAE.
    """
    runs = [run for run in study.sweep.runs if run.model == "cvae"]
    if not runs:
        raise MissingIngredient("no finished run of the CVAE")
    real = _variances(study.sweep.images("test"), study.sweep.labels("test"))
    return pd.concat([_run_rows(study, run, real) for run in runs], ignore_index=True)


def _run_rows(study: Study, run: Run, real: Floats) -> pd.DataFrame:
    """Return the rows of one run; `real` (10,) are the total variances of the test images."""
    images, wanted = quality.read_samples(study.sweep, run, SAMPLER)
    assert wanted is not None
    right = quality.assess_samples(study, run, SAMPLER).digits == wanted
    diversity = _variances(images, wanted) / real
    rows = [
        {"digit": str(digit), **_agreement(right[wanted == digit]), "diversity": ratio}
        for digit, ratio in enumerate(diversity)
    ]
    rows.append({"digit": ALL, **_agreement(right), "diversity": np.nanmean(diversity)})
    return pd.DataFrame([run_identity(run) | row for row in rows])


def _agreement(right: Array) -> dict[str, float]:
    low, high = metrics.share_interval(right)
    return {
        "n": len(right),
        "agreement": right.mean(),
        "agreement_low": low,
        "agreement_high": high,
    }


def _variances(images: Array, labels: Array) -> Floats:
    """Return the total variance of the images (N, 28, 28) of each digit, (10,).

    It is half their mean squared distance from each other; NaN for a digit with fewer than two.
    """
    variances = np.full(metrics.DIGITS, np.nan)
    for digit in range(metrics.DIGITS):
        members = images[labels == digit]
        if len(members) > 1:
            variances[digit] = members.var(axis=0, ddof=1, dtype=np.float64).sum()
    return variances


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per CVAE and digit without the run id."""
    return table.drop(columns=["run_id", "model"])


def caption(study: Study) -> str:
    """Say what is counted."""
    return (
        "Samples of the CVAE from N(0, I) by the digit asked for, trained on "
        f"{study.data.title}: the share that a classifier takes for that digit (on test images it "
        f"is right for {quality.accuracy(study):.1%}), with 95% Wilson intervals, and the "
        "diversity within the digit: the total variance of pixels over that of the test images, 1 "
        "for real ones. Blurred images vary less."
    )


TABLE = TableRecipe("control", make, caption, for_readers)
