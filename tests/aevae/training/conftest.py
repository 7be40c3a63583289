"""A few real digits, with which a run or an evaluation takes no time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aevae.config import DataConfig
from aevae.data.sources import Split, load_dataset


def _few(split):
    digits = [np.flatnonzero(split.labels == digit)[:3] for digit in np.unique(split.labels)]
    rows = np.sort(np.concatenate(digits))
    return Split(split.images[rows], split.labels[rows], split.index[rows])


@pytest.fixture(scope="session")
def few_digits():
    """The dataset of small runs with three images of each digit in each split."""
    dataset = load_dataset(DataConfig(dataset="digits"), Path())
    splits = {name: _few(getattr(dataset, name)) for name in ("train", "val", "test")}
    return replace(dataset, **splits)
