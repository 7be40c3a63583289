"""The course of training."""

import numpy as np
import pandas as pd

from aevae.files import names
from analysis.measures.cells import run_identity
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe


def make(study: Study) -> pd.DataFrame:
    """Return means per image of every epoch (from 1) and split: loss as minimised, sse, kl."""
    parts = []
    for results in study.sweep.results():
        epochs = np.arange(1, results.shape(names.EPOCH_SECONDS)[0] + 1)
        for split in ("train", "val"):
            columns = {**run_identity(results, study.sweep.axes), "epoch": epochs, "split": split}
            for name in ("loss", "sse", "kl"):
                path = names.history(split, name)
                columns[name] = results.array(path) if path in results else np.nan
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def caption(study: Study) -> str:
    """Say what the numbers are."""
    return f"Means per image of {study.data.title} by epoch and split."


TABLE = TableRecipe("history", make, caption)
