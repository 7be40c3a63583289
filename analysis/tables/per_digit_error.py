"""Test error of each digit, by model and latent size."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aevae.files import names
from analysis.maths import metrics
from analysis.maths.metrics import Floats
from analysis.measures.cells import cells, errors
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe

ALL = "all"
DIGIT_NAMES = (*map(str, range(metrics.DIGITS)), ALL)
# Columns of the table, and the datasets that they are means of.
ERRORS = {"sse_mean": names.SSE_AT_MEAN, "sse_sample": names.SSE_AT_SAMPLE, "kl": names.KL}
COLUMNS = ("digit", "n", "sse_mean", "sse_mean_low", "sse_mean_high", "sse_sample", "kl")


def make(study: Study) -> pd.DataFrame:
    """Return mean errors of the test images by digit, with one row ``all`` per cell.

    Columns: group, model, variant, latent_size, seeds; digit, n (images), sse_mean (decoding the
    posterior mean) with the bounds of its 95 % interval, sse_sample (decoding one sampled z), kl
    (nats). Errors are means per image and over the seeds.
    """
    labels = study.sweep.labels("test")
    every = cells(study.sweep)
    values = {
        column: [errors(study, cell, "test", name) for cell in every]
        for column, name in ERRORS.items()
    }
    members = [*(labels == digit for digit in range(metrics.DIGITS)), np.full(len(labels), True)]
    bounds = np.array([_intervals([v[:, m] for v in values["sse_mean"]]) for m in members])
    parts = []
    for place, cell in enumerate(every):
        rows = pd.DataFrame({"digit": DIGIT_NAMES, "n": [member.sum() for member in members]})
        for column in ERRORS:
            value = values[column][place].mean(axis=0)
            rows[column] = [*metrics.mean_by_digit(value, labels), value.mean()]
        rows["sse_mean_low"], rows["sse_mean_high"] = bounds[:, :, place].T
        parts.append(rows.assign(**cell.identity)[[*cell.identity, *COLUMNS]])
    return pd.concat(parts, ignore_index=True)


def _intervals(values: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the bounds for each cell (S, N): over the seeds, or over the images of the only one.

    All cells share the resamples, so that their intervals do not differ by chance.
    """
    per_image = np.stack([value.mean(axis=0) for value in values], axis=1)
    low, high = metrics.bootstrap_interval(per_image)
    for place, value in enumerate(values):
        if len(value) > 1 and value.size:
            low[place], high[place] = metrics.seed_interval(value.mean(axis=1))
    return low, high


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cell, with the `sse_mean` of each digit and of all, and its interval."""
    rows = []
    keys = ["group", "variant", "latent_size", "seeds"]
    for identity, part in table.groupby(keys, sort=False):
        row = dict(zip(keys, identity, strict=True))
        row |= dict(zip(part["digit"], part["sse_mean"], strict=True))
        overall = part[part["digit"] == ALL].iloc[0]
        rows.append(row | {"low": overall["sse_mean_low"], "high": overall["sse_mean_high"]})
    return pd.DataFrame(rows).rename(columns={"group": "model"})


def caption(study: Study) -> str:
    """Say what the numbers are, and what the interval covers."""
    return (
        f"Sum of squared pixel errors per image by digit, mean over the "
        f"{study.data.counts['test']:,} test images of {study.data.title} and the seeds, decoding "
        "the posterior mean (the code itself for the AE; PCA: as many components). low and high "
        "bound the 95 % interval of all digits: with one seed a bootstrap over the images, with "
        "several Student's t over the seeds."
    )


TABLE = TableRecipe("per_digit_error", make, caption, for_readers)
