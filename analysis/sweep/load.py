"""A sweep as the analysis sees it: which runs have valid results, and which are gaps.

The only module of the analysis that opens a sweep's HDF5. Files are checked once, by other
processes. Arrays are read on demand, from one results file at a time, so that memory does not grow
with the number of runs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from aevae.axes import Axis, find_axes, value_of
from aevae.config import DataConfig, EvaluationConfig, RunConfig
from aevae.errors import InputError
from aevae.execution import available_cores
from aevae.files import names
from aevae.files.filesystem import exists
from aevae.files.hdf5 import Array, InvalidFile, NewerFile
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.names import Translation
from aevae.files.runs import read_runs
from aevae.files.schema import (
    CheckedResults,
    Results,
    check_results,
    missing_file,
    open_results,
)
from aevae.kinds import KINDS, Kind
from analysis.sweep.dataset import StoredDataset

MAX_READERS = 8

Track = Callable[[Sequence[RunPaths]], Iterable[RunPaths]]


class MissingIngredient(Exception):
    """The sweep lacks what a table, figure or finding shows; the message says what."""


@dataclass(frozen=True)
class Run:
    """A run whose results are complete and undamaged."""

    paths: RunPaths
    checked: CheckedResults = field(compare=False, repr=False)

    @property
    def config(self) -> RunConfig:
        """What decides its weights."""
        return self.checked.config

    @property
    def evaluation(self) -> EvaluationConfig:
        """What was made of the trained model."""
        return self.checked.evaluation

    @property
    def run_id(self) -> str:
        """Name of the run."""
        return self.paths.run_id

    @property
    def model(self) -> str:
        """Name of the kind of model: ae, vae, cvae."""
        return self.config.model.kind

    @property
    def kind(self) -> Kind:
        """What is known of the kind of model."""
        return self.config.model.traits

    @property
    def samplers(self) -> tuple[str, ...]:
        """Where the latents of its generated images were drawn from."""
        return Translation(self.checked.version, self.kind).samplers

    @property
    def latent_size(self) -> int:
        """Number of latent dimensions, d."""
        return self.config.model.latent_size

    @property
    def trained_images(self) -> int:
        """Number of images that it was trained on."""
        every = self.checked.shape(names.of_split("train", names.MU))[0]
        return self.config.data.trained_images(every)


@dataclass(frozen=True)
class Gap:
    """A planned run without usable results.

    `state` is ``missing`` (nothing published yet, or removed since), ``unreadable`` (the file
    system does not give it), ``damaged`` (the file breaks its contract) or ``foreign`` (it belongs
    to another run, lies outside the sweep, or was evaluated on another dataset).
    """

    run_id: str
    state: Literal["missing", "unreadable", "damaged", "foreign"]
    reason: str


@dataclass(frozen=True)
class SweepResults:
    """The runs of a sweep, ordered by model, values on the axes, latent size and seed.

    Parameters
    ----------
    root, dataset
        Folder of the sweep and its dataset; None if there is no dataset, hence no usable run.
    runs, gaps
        Runs with and without usable results.
    axes
        The settings that vary among the runs of the whole sweep.
    others
        The other runs with usable results, if this is only a part of the sweep.
    """

    root: Path
    dataset: StoredDataset | None
    runs: tuple[Run, ...]
    gaps: tuple[Gap, ...]
    axes: tuple[Axis, ...] = ()
    others: tuple[Run, ...] = ()

    @property
    def every(self) -> tuple[Run, ...]:
        """All runs of the whole sweep that have usable results."""
        return self.runs + self.others

    def part(self, runs: Iterable[Run]) -> "SweepResults":
        """Return the part of this sweep that has only some of its runs."""
        kept = set(runs)
        chosen = tuple(run for run in self.every if run in kept)
        others = tuple(run for run in self.every if run not in kept)
        return replace(self, runs=chosen, others=others)

    @property
    def partial_note(self) -> str:
        """Mark for outputs of an incomplete sweep, ``partial: 5 of 6 runs``; else empty."""
        total = len(self.every) + len(self.gaps)
        return f"partial: {len(self.every)} of {total} runs" if self.gaps else ""

    @property
    def data(self) -> StoredDataset:
        """The dataset of the runs.

        Raises
        ------
        InputError
            The sweep has no dataset.h5, hence no usable run.
        """
        if self.dataset is None:
            raise InputError(f"{SweepPaths(self.root).dataset} does not exist")
        return self.dataset

    def labels(self, split: str) -> Array:
        """Return the labels of a split (train, val or test), shape (N,), read-only integers.

        Raises
        ------
        MissingIngredient
            The images have no labels.
        """
        if not self.data.class_names:
            raise MissingIngredient("the images have no labels")
        return self.data.array(names.of_split(split, names.LABEL))

    def rare_classes(self, split: str, fewer_than: int = 1) -> list[str]:
        """Name the classes with fewer images in a split, by default with none; see `labels`."""
        counts = np.bincount(self.labels(split), minlength=self.data.classes)
        return [self.data.class_names[label] for label in np.flatnonzero(counts < fewer_than)]

    def images(self, split: str) -> Array:
        """Return the images of a split, shape (N, *image_shape), uint8, read-only."""
        return self.data.array(names.of_split(split, names.IMAGE))

    def open(self, run: Run) -> AbstractContextManager[Results]:
        """Open the results of one run."""
        return open_results(run.paths, run.checked)

    def results(self) -> Iterator[Results]:
        """Open the results of every run, one after the other."""
        for run in self.runs:
            with self.open(run) as results:
                yield results


def open_sweep(root: Path, track: Track = iter) -> SweepResults:
    """Check every planned run of a sweep, reading every dataset so that damage is found now.

    Parameters
    ----------
    root
        Folder of the sweep.
    track
        Wraps the list of runs while they are checked, for example in a progress bar.

    Raises
    ------
    InputError
        `root` is not the folder of a sweep.
    InvalidFile
        The sweep's dataset.h5 is damaged.
    NewerFile
        A newer release wrote a file of the sweep.
    """
    if not exists(root):
        raise InputError(f"{root} is not a folder")
    paths = SweepPaths(root)
    planned = [paths.run(run_id) for run_id in read_runs(paths).current]
    if not planned:
        raise InputError(f"{root} is no sweep: it has no runs/<run id>/config.json")
    dataset = StoredDataset.open(paths.dataset) if exists(paths.dataset) else None
    check = partial(_check_run, paths, dataset)
    with ThreadPoolExecutor(min(MAX_READERS, available_cores())) as readers:
        checked = [c for _, c in zip(track(planned), readers.map(check, planned), strict=True)]
    gaps = tuple(found for found in checked if isinstance(found, Gap))
    runs = [found for found in checked if isinstance(found, Run)]
    axes = find_axes(run.config for run in runs)
    runs.sort(key=partial(_order, axes))
    return SweepResults(root, dataset, tuple(runs), gaps, axes)


def _order(axes: Sequence[Axis], run: Run) -> tuple[int, list[int], int, int, str]:
    values = [(axis, value_of(run.config, axis.key)) for axis in axes]
    places = [axis.values.index(value) if value is not None else -1 for axis, value in values]
    kind = list(KINDS).index(run.model)
    return kind, places, run.latent_size, run.config.seed, run.run_id


def _check_run(sweep: SweepPaths, dataset: StoredDataset | None, paths: RunPaths) -> Run | Gap:
    try:
        lacking = missing_file(paths)
        if lacking is not None:
            return Gap(paths.run_id, "missing", f"no {lacking.name}")
        sweep.check_contained(paths)
        checked = check_results(paths)
    except NewerFile:
        raise
    except InvalidFile as error:
        # The run is named already: the folder in front of the file name says nothing new.
        return Gap(paths.run_id, "damaged", str(error).replace(f"{paths.root}/", ""))
    except InputError as error:
        return Gap(paths.run_id, "foreign", str(error))
    except OSError as error:
        return Gap(paths.run_id, "unreadable", str(error).replace(f"{paths.root}/", ""))
    problem = _why_foreign(checked, paths, dataset)
    if problem:
        return Gap(paths.run_id, "foreign", problem)
    return Run(paths, checked)


def _why_foreign(results: CheckedResults, paths: RunPaths, dataset: StoredDataset | None) -> str:
    """Say why these results do not belong in this folder of this sweep; empty if they do."""
    if results.run_id != paths.run_id:
        return f"its files hold the run {results.run_id}"
    if dataset is None:
        return "the sweep has no dataset.h5 to go with it"
    if dataset.checked.splits_known:
        if _identity(results.config.data) != _identity(dataset.settings):
            return f"it was trained on other images, or another split, than {dataset.path.name} has"
    elif results.dataset_sha256 != dataset.sha256:
        ours, theirs = dataset.sha256[:8], results.dataset_sha256[:8]
        return f"dataset_sha256 {theirs}... is not that of dataset.h5 ({ours}...)"
    for split in names.SPLITS:
        name = names.of_split(split, names.MU)
        rows, expected = results.shape(name)[0], dataset.counts[split]
        if rows != expected:
            return f"{name}: {rows} rows, but dataset.h5 has {expected} {split} images"
    return ""


def _identity(data: DataConfig) -> tuple[str, float, int]:
    """Tell which images are in which split."""
    return data.fingerprint, data.validation_fraction, data.split_seed
