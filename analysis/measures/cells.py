"""Cells of a sweep: the runs (one per seed) of one model, setting and latent size.

PCA with as many components as the models have latents is a cell too, so that every table and
figure of cells shows it beside the models.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aevae.axes import Axis
from aevae.config import RunConfig
from aevae.files import names
from aevae.files.schema import Results
from analysis.maths.metrics import Floats
from analysis.measures.pca import pca_errors
from analysis.measures.study import Study
from analysis.sweep.axes import columns
from analysis.sweep.groups import TITLES, group_runs
from analysis.sweep.load import Run, SweepResults

PCA = "pca"
PCA_TITLE = "PCA"


@dataclass(frozen=True)
class Cell:
    """The runs that differ in their seed only. PCA has no runs, since it needs no training.

    `axes` are those of the sweep.
    """

    group: str
    model: str
    latent_size: int
    runs: tuple[Run, ...]
    axes: tuple[Axis, ...]

    @property
    def variational(self) -> bool:
        """Whether the posteriors are distributions; those of PCA are not."""
        return bool(self.runs) and self.runs[0].kind.variational

    @property
    def config(self) -> RunConfig | None:
        """A configuration with the settings of the cell; PCA has none."""
        return self.runs[0].config if self.runs else None

    @property
    def identity(self) -> dict[str, str | float]:
        """What names the cell in a table, with a column for each axis of the sweep."""
        return {
            "group": self.group,
            "model": self.model,
            "variant": self.config.variant if self.config else "",
            "latent_size": self.latent_size,
            **columns(self.axes, self.config),
            "seeds": max(1, len(self.runs)),
        }


def cells(sweep: SweepResults) -> list[Cell]:
    """List the cells by group and latent size, and after them PCA at every size of the sweep."""
    found = [
        Cell(group.title, group.model, size, tuple(group.of_size(size)), sweep.axes)
        for group in group_runs(sweep)
        for size in group.latent_sizes
    ]
    sizes = sorted({cell.latent_size for cell in found})
    return found + [Cell(PCA_TITLE, PCA, size, (), sweep.axes) for size in sizes]


def errors(study: Study, cell: Cell, split: str, name: str) -> Floats:
    """Read one error of each image, such as `names.SSE_AT_MEAN` or `names.KL`, for each seed.

    Returns
    -------
    ndarray
        Shape (S, N); NaN where the model has no such error. PCA has `names.SSE_AT_MEAN` only.
    """
    if cell.model == PCA:
        if name == names.SSE_AT_MEAN:
            return pca_errors(study)[split, cell.latent_size][None]
        return np.full((1, study.data.counts[split]), np.nan)
    rows = []
    for run in cell.runs:
        with study.sweep.open(run) as results:
            rows.append(run_errors(results, split, name))
    return np.stack(rows)


def run_errors(results: Results, split: str, name: str) -> Floats:
    """Read one error of each image of one run, shape (N,); NaN where the model has none."""
    path = names.of_split(split, name)
    if path in results:
        return results.array(path).astype(np.float64)
    return np.full(len(results.array(names.of_split(split, names.SSE_AT_MEAN))), np.nan)


def run_identity(run: Run | Results, axes: Sequence[Axis]) -> dict[str, object]:
    """What names a run in a table, with a column for each axis of the sweep."""
    config = run.config
    return {
        "run_id": run.run_id,
        "model": config.model.kind,
        "variant": config.variant,
        "latent_size": config.model.latent_size,
        **columns(axes, config),
        "seed": config.seed,
    }


def several_rows(
    parts: Iterable[tuple[Run | Results, Mapping[str, object]]], axes: Sequence[Axis]
) -> pd.DataFrame:
    """Make a table with several rows for each run, whose identity stands in all of them.

    Thousands of runs would need much memory if each had a table or dictionaries of its own.

    Parameters
    ----------
    parts
        Runs with their columns, the same for all runs; the first is a sequence, and the others
        are sequences of its length or one value for all rows.
    axes
        The axes of the sweep.
    """
    identities, lengths = [], []
    values: dict[str, list[NDArray[Any]]] = {}
    for run, given in parts:
        identities.append(run_identity(run, axes))
        lengths.append(len(np.asarray(next(iter(given.values())))))
        for name, column in given.items():
            values.setdefault(name, []).append(np.broadcast_to(np.asarray(column), lengths[-1:]))
    table = pd.DataFrame(identities)
    table = table.loc[table.index.repeat(lengths)].reset_index(drop=True)
    return table.assign(**{name: np.concatenate(column) for name, column in values.items()})


def axis_columns(table: pd.DataFrame) -> list[str]:
    """Name the columns of the axes in a table of runs or cells."""
    last = "seed" if "seed" in table else "seeds"
    return list(table.loc[:, "latent_size":last].columns[1:-1])


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Name the model of each cell by its title; the columns of the axes say which cell it is."""
    titles = table["model"].map({**TITLES, PCA: PCA_TITLE})
    return table.assign(group=titles).drop(columns="model").rename(columns={"group": "model"})
