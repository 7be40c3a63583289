"""Whether a CVAE draws the class that it is asked for, and how much such drawings differ."""

import numpy as np
import pandas as pd

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats
from analysis.measures import quality
from analysis.measures.cells import run_identity
from analysis.measures.judges.panel import described
from analysis.measures.scores import share_of
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, Run
from analysis.tables import by_class
from analysis.tables.by_class import ALL
from analysis.tables.recipe import TableRecipe

SAMPLER = "prior"


def make(study: Study) -> pd.DataFrame:
    """Return one row per CVAE and requested class, with one row ``all`` at the end of each CVAE.

    Columns: identity of the run; digit or class, n (samples from the prior), agreement (share that
    the judges take for the requested class, mean over the judges) with the bounds of its 95%
    interval over judges and samples; diversity: total variance of the samples' pixels within the
    class over that of the test images (for ``all``, the mean over the classes). Classes without
    samples, or unknown to the judges since no training image shows them, have no row.

    Raises
    ------
    MissingIngredient
        There is no CVAE, or there are no judges.
    """
    runs = _runs(study)
    if not runs:
        raise MissingIngredient("no finished run of the CVAE")
    sweep, classes = study.sweep, study.data.classes
    real = _variances(sweep.images("test"), sweep.labels("test"), classes)
    return pd.concat([_run_rows(study, run, real) for run in runs], ignore_index=True)


def _runs(study: Study) -> list[Run]:
    return [run for run in study.sweep.runs if run.kind.conditional]


def _run_rows(study: Study, run: Run, real: Floats) -> pd.DataFrame:
    """Return the rows of one run; `real` (C,) are the total variances of the test images."""
    images, wanted = quality.read_samples(study.sweep, run, SAMPLER)
    assert wanted is not None
    right = quality.assess_samples(study, run, SAMPLER).classes == wanted
    diversity = _variances(images, wanted, study.data.classes) / real
    names, column = study.data.class_names, by_class.column(study.data)
    rows = [
        {
            column: names[label],
            **_agreement(right[:, wanted == label]),
            "diversity": diversity[label],
        }
        for label in _tested(study, wanted)
    ]
    defined = diversity[np.isfinite(diversity)]
    mean = defined.mean() if len(defined) else np.nan
    rows.append({column: ALL, **_agreement(right), "diversity": mean})
    return pd.DataFrame([run_identity(run, study.sweep.axes) | row for row in rows])


def _agreement(right: Array) -> dict[str, float]:
    """Return the share of right answers of J judges on N samples, (J, N)."""
    share = share_of(right[None])
    several = right.shape[1] > 1
    low, high = (share.interval() if several else None) or (np.nan, np.nan)
    return {
        "n": right.shape[1],
        "agreement": share.value,
        "agreement_low": low,
        "agreement_high": high,
    }


def _variances(images: Array, labels: Array, classes: int) -> Floats:
    """Return the total variance of the images (N, *image_shape) of each class, (C,).

    It is half their mean squared distance from each other; NaN for a class with fewer than two
    images, and where they are all the same.
    """
    variances = np.full(classes, np.nan)
    for label in range(classes):
        members = images[labels == label]
        if len(members) > 1:
            variance = members.var(axis=0, ddof=1, dtype=np.float64).sum()
            variances[label] = variance or np.nan
    return variances


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per CVAE and class without the run id."""
    parts = []
    for _, part in table.groupby("run_id", sort=False):
        chosen = by_class.shown(part["agreement"].to_numpy()[:-1])
        parts.append(part.iloc[[*chosen, -1]])
    return pd.concat(parts, ignore_index=True).drop(columns=["run_id", "model"])


def caption(study: Study) -> str:
    """Say what is counted."""
    data = study.data
    _, wanted = quality.read_samples(study.sweep, _runs(study)[0], SAMPLER)
    assert wanted is not None
    return (
        f"Samples of the CVAE from N(0, I) by the {data.noun} asked for, trained on "
        f"{data.title}: the share that a judge takes for that {data.noun}, mean over "
        f"{described(study)}, with 95% intervals over judges and samples, and the "
        f"diversity within the {data.noun}: the total variance of pixels over that of the test "
        "images, 1 for real ones. Blurred images vary less."
        + by_class.note(data, len(_tested(study, wanted)), "agreement")
        + by_class.named("Without training images", study.sweep.rare_classes("train"))
        + by_class.named("With too few samples", _with_few(study, wanted))
        + by_class.named("With too few test images", study.sweep.rare_classes("test", 2))
    )


def _tested(study: Study, wanted: Array) -> list[int]:
    """List the classes of samples (N,) that the judges know."""
    known = np.unique(study.sweep.labels("train"))
    return [int(label) for label in np.unique(wanted) if label in known]


def _with_few(study: Study, wanted: Array) -> list[str]:
    """Name the classes of which there is no sample, or one only, so that it has no diversity."""
    counts = np.bincount(wanted, minlength=study.data.classes)
    return [study.data.class_names[label] for label in np.flatnonzero(counts < 2)]


TABLE = TableRecipe("control", make, caption, for_readers)
