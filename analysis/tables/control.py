"""Whether a CVAE draws the digit that it is asked for, and how much such drawings differ."""

import numpy as np
import pandas as pd

from aevae.files.hdf5 import Array
from analysis.maths import metrics
from analysis.measures import quality
from analysis.measures.cells import run_identity
from analysis.sweep.groups import MissingIngredient
from analysis.sweep.load import Run, Sweep

ALL = "all"
SAMPLER = "prior"


def make(sweep: Sweep) -> pd.DataFrame:
    """Return one row per CVAE and requested digit, with one row ``all`` per CVAE.

    Columns: identity of the run; digit, n (samples from the prior), agreement (share that the
    judge takes for the requested digit) with the bounds of its 95% Wilson interval; diversity:
    total variance of the samples' pixels within the digit over that of the test images (for
    ``all``, the mean over the digits).

    Raises
    ------
    MissingIngredient
        There is no CVAE.
    """
    parts = [_run_rows(sweep, run) for run in sweep.runs if run.model == "cvae"]
    if not parts:
        raise MissingIngredient("no finished run of the CVAE")
    return pd.concat(parts, ignore_index=True)


def _run_rows(sweep: Sweep, run: Run) -> pd.DataFrame:
    images, wanted = quality.read_samples(sweep, run, SAMPLER)
    assert wanted is not None
    right = quality.assess_samples(sweep, run, SAMPLER).digits == wanted
    real, labels = sweep.images("test"), sweep.labels("test")
    diversity = [
        _variance(images[wanted == digit]) / _variance(real[labels == digit])
        for digit in range(metrics.DIGITS)
    ]
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


def _variance(images: Array) -> float:
    """Total variance of images (N, 28, 28): half their mean squared distance from each other."""
    return float(images.var(axis=0, ddof=1, dtype=np.float64).sum()) if len(images) > 1 else np.nan


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per CVAE and digit without the run id."""
    return table.drop(columns=["run_id", "model"])


def caption(sweep: Sweep) -> str:
    """Say what is counted."""
    return (
        "Samples of the CVAE from N(0, I) by the digit asked for, trained on "
        f"{sweep.data.title}: the share that a judge takes for that digit (on test images it is "
        f"right for {quality.accuracy(sweep):.1%}), with 95% Wilson intervals, and the diversity "
        "within the digit: the total variance of pixels over that of the test images, 1 for real "
        "ones. Blurred images vary less."
    )
