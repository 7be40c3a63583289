"""How near samples come to a training image, beside how near test images do."""

import numpy as np
import pandas as pd

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Floats
from analysis.measures import nearest_training
from analysis.measures.cells import run_identity
from analysis.measures.nearest_training import BEST_SAMPLERS, Pairs
from analysis.measures.study import Call, Study
from analysis.sweep.load import Run
from analysis.tables import by_class
from analysis.tables.by_class import ALL
from analysis.tables.recipe import TableRecipe
from analysis.write import prose


def make(study: Study) -> pd.DataFrame:
    """Return one row per run and class of the nearest training image, and at the end a row ``all``.

    Columns: identity of the run, sampler; digit or class, n (samples), distance (median root of
    the SSE to the nearest training image), test_distance (that of test images), relative (median of
    each sample's distance over that of the test images near the same class) and nearer (share of
    samples nearer to a training image than 99% of the test images near the same class). Images
    without labels have the row ``all`` only.
    """
    return pd.concat([_run_rows(study, run) for run in study.sweep.runs], ignore_index=True)


def measures(study: Study) -> list[Call]:
    """List the search for the training images near to the samples of every run."""
    searched = {run.trained_images for run in study.sweep.runs}
    return [
        *((nearest_training.test_pairs, (count,)) for count in sorted(searched)),
        *((nearest_training.sample_pairs, (run,)) for run in study.sweep.runs),
    ]


def _run_rows(study: Study, run: Run) -> pd.DataFrame:
    samples = nearest_training.sample_pairs(study, run)
    real = nearest_training.test_pairs(study, samples.searched)
    relative = nearest_training.relative_distance(study, samples)
    nearer = _nearer(samples, real)
    rows = []
    for label, name in [*enumerate(study.data.class_names), (None, ALL)]:
        here, there = (
            np.full(len(pairs.sse), True) if label is None else pairs.labels == label
            for pairs in (samples, real)
        )
        rows.append({
            by_class.column(study.data): name,
            "n": here.sum(),
            "distance": _median(np.sqrt(samples.sse[here])),
            "test_distance": _median(np.sqrt(real.sse[there])),
            "relative": _median(relative[here]),
            "nearer": nearer[here].mean() if here.any() else np.nan,
        })  # fmt: skip
    identity = {**run_identity(run, study.sweep.axes), "sampler": BEST_SAMPLERS[run.model]}
    return pd.DataFrame([identity | row for row in rows])


def _nearer(samples: Pairs, real: Pairs) -> Array:
    """Tell which samples are nearer than the nearest 1% of test images of their class."""
    limits = {
        label: np.quantile(real.sse[real.labels == label], 0.01) for label in np.unique(real.labels)
    }
    return samples.sse < np.array([limits.get(label, np.nan) for label in samples.labels])


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else np.nan


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run: all classes together."""
    last = table.groupby("run_id", sort=False).tail(1)
    return last.drop(columns=["run_id", by_class.column_of(table)])


def caption(study: Study) -> str:
    """Say what is near to what."""
    data, n = study.data, len(nearest_training.test_images(study.sweep))
    near = f"the test images near the same {data.noun}" if data.classes else "the test images"
    return (
        "Distance (root of the sum of squared pixel errors) of samples to the nearest of the "
        f"{prose.trained_images(study.sweep.runs)} training images of {data.title}, median, and "
        f"that of {n:,} test images; relative compares each sample with {near}, so that 1 is as "
        f"far as new {data.worded('{subjects}')} are and 0 a copy; nearer is the share of samples "
        f"nearer than 99% of those, 0.01 for new images. Blurred images are nearer to all others. "
        f"{_noise(study)}"
    )


def _noise(study: Study) -> str:
    """Say which noise the samples were decoded from."""
    runs = study.sweep.runs
    codes, prior = prose.deterministic(runs), prose.variational(runs)
    if codes and prior:
        return f"The {prose.listed(codes)}'s noise is from the mixture, the others' from N(0, I)."
    return f"The noise is from {'the mixture' if codes else 'N(0, I)'}."


TABLE = TableRecipe("memorisation", make, caption, for_readers, measures=measures)
