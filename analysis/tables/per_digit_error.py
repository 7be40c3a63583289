"""Test error of each digit, by model and latent size."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis import metrics
from analysis.cells import cells, errors
from analysis.load import Sweep
from analysis.metrics import Floats

ALL = "all"
DIGIT_NAMES = (*map(str, range(metrics.DIGITS)), ALL)


def make(sweep: Sweep) -> pd.DataFrame:
    """Return mean errors of the test images by digit, with one row ``all`` per cell.

    Columns: group, model, variant, latent_size, seeds; digit, n (images), sse_mean (decoding the
    posterior mean) with the bounds of its 95 % interval, sse_sample (decoding one sampled z), kl
    (nats). Errors are means per image and over the seeds.
    """
    labels = sweep.labels("test")
    every = cells(sweep)
    values = {
        name: [errors(sweep, cell, "test", name) for cell in every]
        for name in ("sse_mean", "sse_sample", "kl")
    }
    parts = []
    for digit in DIGIT_NAMES:
        rows = labels == int(digit) if digit != ALL else np.ones(len(labels), dtype=bool)
        part = pd.DataFrame([cell.identity for cell in every]).assign(digit=digit, n=rows.sum())
        chosen = {name: [v[:, rows] for v in arrays] for name, arrays in values.items()}
        for name, arrays in chosen.items():
            part[name] = [a.mean() if rows.any() else np.nan for a in arrays]
            if name == "sse_mean":
                part["sse_mean_low"], part["sse_mean_high"] = _intervals(arrays)
        parts.append(part)
    # From digit by digit to cell by cell.
    return pd.concat(parts, keys=range(len(parts))).sort_index(level=1).reset_index(drop=True)


def _intervals(values: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the bounds for each cell (S, N): over the seeds, or over the images of the only one.

    The images are resampled together for all cells, so their differences do not hide in noise.
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
    names = ["group", "variant", "latent_size", "seeds"]
    for identity, part in table.groupby(names, sort=False):
        row = dict(zip(names, identity, strict=True))
        row |= dict(zip(part["digit"], part["sse_mean"], strict=True))
        overall = part[part["digit"] == ALL].iloc[0]
        rows.append(row | {"low": overall["sse_mean_low"], "high": overall["sse_mean_high"]})
    return pd.DataFrame(rows).rename(columns={"group": "model"})


def caption(sweep: Sweep) -> str:
    """Say what the numbers are, and what the interval covers."""
    return (
        f"Sum of squared pixel errors per image by digit, mean over the "
        f"{sweep.data.counts['test']:,} test images of {sweep.data.title} and the seeds, decoding "
        "the posterior mean (the code itself for the AE; PCA: as many components). low and high "
        "bound the 95 % interval of all digits: with one seed a bootstrap over the images, with "
        "several Student's t over the seeds."
    )
