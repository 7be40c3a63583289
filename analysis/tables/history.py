"""The course of training."""

import numpy as np
import pandas as pd

from aevae.files import names
from aevae.files.schema import Results
from analysis.measures.cells import several_rows
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe


def make(study: Study) -> pd.DataFrame:
    """Return means per image of every epoch (from 1) and split: loss as minimised, sse, kl."""
    parts = (
        (results, _columns(results, split))
        for results in study.sweep.results()
        for split in ("train", "val")
    )
    return several_rows(parts, study.sweep.axes)


def _columns(results: Results, split: str) -> dict[str, object]:
    epochs = np.arange(1, results.shape(names.EPOCH_SECONDS)[0] + 1)
    columns: dict[str, object] = {"epoch": epochs, "split": split}
    for name in ("loss", "sse", "kl"):
        path = names.history(split, name)
        columns[name] = results.array(path) if path in results else np.nan
    return columns


def caption(study: Study) -> str:
    """Say what the numbers are."""
    return f"Means per image of {study.data.title} by epoch and split."


TABLE = TableRecipe("history", make, caption)
