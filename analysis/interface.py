"""The results of a sweep in Python: tables, figures, runs and their arrays.

>>> import analysis
>>> sweep = analysis.open_sweep("runs/paper")  # doctest: +SKIP
>>> errors = sweep.table("per_digit_error")  # doctest: +SKIP
>>> sweep.figure("latent_grid").savefig("grid.png")  # doctest: +SKIP
>>> codes = {run.run_id: run.array("test/mu") for run in sweep}  # doctest: +SKIP
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.figure import Figure

from aevae.config import RunConfig
from aevae.errors import InputError, importing
from aevae.files.hdf5 import Array, InvalidFile
from analysis.figures.recipe import Drawing, Skipped
from analysis.figures.registry import RECIPES as FIGURES
from analysis.measures.study import Study
from analysis.sweep.dimensions import dimensions
from analysis.sweep.load import MissingIngredient, Run, SweepResults
from analysis.sweep.load import open_sweep as read_sweep
from analysis.sweep.reference import parse_at
from analysis.tables.registry import RECIPES as TABLES
from analysis.tables.registry import compute_table

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class StoredRun:
    """A finished run; its arrays are read from its files when they are asked for."""

    _sweep: SweepResults
    _run: Run

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self._run.run_id

    @property
    def config(self) -> RunConfig:
        """Settings of the run: model, training, data and seed."""
        return self._run.config

    @property
    def model(self) -> str:
        """Kind of the model: ae, vae, cvae, sigma-vae."""
        return self._run.model

    @property
    def latent_size(self) -> int:
        """Number of latent dimensions."""
        return self._run.latent_size

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self.config.seed

    def names(self) -> list[str]:
        """Return the names of all stored arrays, such as ``test/mu``; see docs/results-format.md.

        They are those of the present format, whatever release wrote the files.
        """
        with self._sweep.open(self._run) as results:
            return results.all_names()

    def array(self, name: str) -> Array:
        """Read the array `name`, for example ``test/mu``, the means of the test images.

        Raises
        ------
        InputError
            The run has no such array, or the file has been damaged or replaced.
        """
        try:
            with self._sweep.open(self._run) as results:
                if name not in results:
                    raise InputError(
                        f"{self.run_id} has no array {name!r}; StoredRun.names() lists them"
                    )
                return results.array(name)
        except InvalidFile as error:
            raise InputError(str(error)) from None

    def xarray(self, name: str) -> "xarray.DataArray":
        """Read the array `name` with named dimensions; needs the extra ``xarray``.

        Raises
        ------
        InputError
            The run has no such array.
        RunFailed
            xarray is not installed.
        """
        with importing("xarray"):
            import xarray
        values = self.array(name)
        return xarray.DataArray(
            values,
            dims=dimensions(name, values.ndim, len(self.config.data.image_shape)),
            name=name,
            attrs={"run_id": self.run_id, "model": self.model, "latent_size": self.latent_size},
        )


class StoredSweep:
    """The results of a sweep; `analysis.open_sweep` reads it. Iteration yields its runs.

    What tables and figures share is computed once and kept. Nothing is written, unless a folder for
    embeddings is given.
    """

    def __init__(self, results: SweepResults, study: Study) -> None:
        self._results = results
        self._study = study

    def __repr__(self) -> str:
        return f"<sweep {self._results.root} with {len(self)} finished runs>"

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[StoredRun]:
        return iter(self.runs)

    @cached_property
    def runs(self) -> Sequence[StoredRun]:
        """The finished runs, ordered by model, values of the settings, latent size and seed."""
        return tuple(StoredRun(self._results, run) for run in self._results.runs)

    @property
    def missing(self) -> Mapping[str, str]:
        """Why a planned run has no usable results, by its id."""
        return {gap.run_id: f"{gap.state}: {gap.reason}" for gap in self._results.gaps}

    def run(self, run_id: str) -> StoredRun:
        """Return the run whose id is `run_id`.

        Raises
        ------
        InputError
            There is no such finished run.
        """
        for run in self.runs:
            if run.run_id == run_id:
                return run
        why = self.missing.get(run_id, "there is no such run")
        raise InputError(f"{self._results.root} has no results of {run_id!r}: {why}")

    def images(self, split: str) -> Array:
        """Return the images of a `split` (train, val or test), (N, *image_shape) uint8.

        Raises
        ------
        InputError
            There is no such split.
        """
        return self._results.images(_split(split))

    def labels(self, split: str) -> Array:
        """Return the classes of the images of a `split`, (N,), from 0.

        Raises
        ------
        InputError
            There is no such split.
        MissingIngredient
            The images have no labels.
        """
        return self._results.labels(_split(split))

    def table(self, name: str) -> pd.DataFrame:
        """Compute the table `name`; `analysis.tables` says what each is about.

        Raises
        ------
        InputError
            There is no such table.
        MissingIngredient
            The sweep lacks what the table shows.
        """
        if name not in TABLES:
            raise InputError(f"no table is called {name!r}; valid are {', '.join(TABLES)}")
        return compute_table(self._study, name).copy()

    def figure(self, name: str) -> Figure:
        """Draw the figure `name`; `analysis.figures` says what each shows.

        Raises
        ------
        InputError
            There is no such figure.
        MissingIngredient
            The sweep lacks what the figure shows.
        """
        return self.drawing(name).figure

    def drawing(self, name: str) -> Drawing:
        """Draw the figure `name`, with its caption in Markdown and the runs that it was made from.

        The errors are those of `figure`.
        """
        if name not in FIGURES:
            raise InputError(f"no figure is called {name!r}; valid are {', '.join(FIGURES)}")
        drawn = FIGURES[name].drawn(self._study)
        if isinstance(drawn, Skipped):
            raise MissingIngredient(drawn.reason)
        return drawn


def open_sweep(
    folder: str | Path, *, at: str | Sequence[str] = (), embeddings: str | Path | None = None
) -> StoredSweep:
    """Open the results of a sweep; every file is checked.

    Parameters
    ----------
    folder
        Folder of the sweep, such as ``runs/paper``.
    at
        In a sweep whose settings vary: values of the reference cell, at which figures of the
        article are drawn, such as ``"kl_weight=4"``, or a list of them.
    embeddings
        Folder in which t-SNE layouts and trained classifiers are kept for the next time;
        ``runs/paper/analysis/embeddings`` is where the commands keep them. None: they are not kept.

    Raises
    ------
    InputError
        The folder is no sweep, a newer release wrote it, or its dataset is damaged.
    """
    try:
        results = read_sweep(Path(folder))
    except InvalidFile as error:
        raise InputError(str(error)) from None
    chosen = [at] if isinstance(at, str) else at
    kept = None if embeddings is None else Path(embeddings)
    return StoredSweep(results, Study(results, kept, parse_at(results, chosen)))


def _split(name: str) -> str:
    if name not in ("train", "val", "test"):
        raise InputError(f"no split is called {name!r}; valid are train, val and test")
    return name
