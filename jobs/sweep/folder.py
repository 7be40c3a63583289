"""The folder of a sweep: how a launch writes it, and how every other command opens it."""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from aevae.config import DataConfig, RunConfig
from aevae.data.outliers import other_shape
from aevae.data.sources import load_dataset, look_up, split_sizes, verify_source
from aevae.data.staged import check_varied
from aevae.datasets import BUILT_IN
from aevae.errors import InputError
from aevae.files.atomic import publish_text, remove_orphans
from aevae.files.fields import check_storable
from aevae.files.filesystem import as_given, exists, read_bytes
from aevae.files.hdf5 import InvalidFile
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.runs import RunList, check_listed, read_runs, write_runs
from aevae.outliers import MADE_OUTLIERS
from aevae.words import counted
from jobs.sweep.launcher import launcher_lock
from jobs.sweep.spec import SweepSpec, load_spec

LEAST_STEPS = 100  # of the optimiser; a training of fewer is worth a note
SUBMITIT_TAGS = ("%j", "%t", "%A", "%a")  # submitit expands these in folder names


@dataclass(frozen=True)
class Sweep:
    """A sweep folder with its specification and the list of its runs."""

    paths: SweepPaths
    spec: SweepSpec
    runs: RunList

    @classmethod
    def open(cls, folder: Path) -> "Sweep":
        """Open a sweep that was launched before; no run's configuration is read.

        Raises
        ------
        InputError
            `folder` holds no sweep.
        """
        paths = SweepPaths(as_given(folder))
        if not exists(paths.spec):
            raise InputError(f"{folder} is no sweep folder: it has no {paths.spec.name}")
        return cls(paths, load_spec(paths.spec), read_runs(paths))

    @classmethod
    def foresee(cls, spec: SweepSpec, runs: Sequence[RunConfig], folder: Path) -> "Sweep":
        """Return a sweep as `lay_out` will leave it, without writing anything."""
        paths = SweepPaths(as_given(folder))
        before = read_runs(paths) if is_there(paths.run_list) else RunList()
        cells = {run.run_id: run for run in runs}
        sweep = cls(paths, spec, before.launched(list(cells)))
        vars(sweep)["cells"] = cells  # otherwise they would be made again
        return sweep

    @cached_property
    def cells(self) -> dict[str, RunConfig]:
        """The configurations of the runs of the specification, by id.

        Raises
        ------
        InputError
            A cell is invalid, because the specification was edited by hand.
        """
        return {run.run_id: run for run in self.spec.runs(str(self.paths.spec))}

    def select(self, run_ids: Sequence[str]) -> list[str]:
        """Return the runs as last launched, or those asked for, ordered by index.

        Runs that were launched earlier, but do not belong to the specification any more, are
        returned only where they are asked for.

        Raises
        ------
        InputError
            An id was never planned in this sweep.
        """
        if not run_ids:
            return list(self.runs.current)
        for run_id in run_ids:
            if run_id not in self.runs.index:
                raise InputError(f"{self.paths.root} has no run {run_id!r}")
        return sorted(set(run_ids), key=self.runs.index.__getitem__)


def check_launch(spec: SweepSpec, runs: Sequence[RunConfig], folder: Path) -> None:
    """Check, without writing anything, that a sweep can be laid out in `folder` and run.

    Raises
    ------
    InputError
        The data is missing or damaged, or the folder cannot be written, or the folder holds a
        sweep with other settings or of an older version.
    """
    verify_source(spec.data, spec.execution.data_dir)
    check_outliers(spec)
    folder = as_given(folder)
    if any(tag in str(folder) for tag in SUBMITIT_TAGS):
        tags = ", ".join(SUBMITIT_TAGS)
        raise InputError(f"{folder}: a path must not contain {tags}, which submitit would replace")
    for path in (folder, spec.execution.data_dir):
        if not _is_text(path):
            raise InputError(f"{str(path)!a} is no UTF-8 here: rename it, or set PYTHONUTF8=1")
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {existing}")
    paths = SweepPaths(folder)
    if exists(paths.submitit) and not os.access(paths.submitit, os.W_OK):
        raise InputError(
            f"{paths.submitit} can only be written by its owner, because jobs execute what lies "
            "there: the owner must launch this sweep, or give --out a folder of your own"
        )
    check_listed(paths)
    if exists(paths.spec):
        difference = spec.science_difference(load_spec(paths.spec))
        if difference:
            raise InputError(f"{folder} holds another sweep ({difference}): give --out a new one")
    check_storable_runs(runs, spec)
    if spec.data.dataset not in BUILT_IN:
        check_varied(spec.execution.data_dir, spec.data.dataset)
    if not any(os.path.lexists(path) for path in (paths.root / "runs", paths.dataset)):
        return  # no link can lead out of a new sweep, and 100,000 runs would take 6 s to check
    for run in runs:
        # A folder that cannot be read does not stop the other runs; the state of its run says why.
        with suppress(OSError):
            paths.check_contained(paths.run(run.run_id))


def check_outliers(spec: SweepSpec) -> None:
    """Make sure that datasets which serve as outliers are staged and have images of the same shape.

    Raises
    ------
    InputError
        Such a dataset is missing or damaged, or its images have another shape.
    """
    data_dir = spec.execution.data_dir
    for name in sorted(set(spec.evaluation.outliers) - set(MADE_OUTLIERS)):
        other = DataConfig(dataset=name).of(look_up(name, data_dir))
        verify_source(other, data_dir)
        if other.image_shape != spec.data.image_shape:
            raise InputError(other_shape(name, other.image_shape, spec.data.image_shape))


def check_storable_runs(runs: Sequence[RunConfig], spec: SweepSpec) -> None:
    """Make sure that the results of all runs will be small enough to be stored.

    Raises
    ------
    InputError
        A dataset of some run would be too large; the message names it. Or a run is to be trained
        on more images than there are.
    """
    data_dir = spec.execution.data_dir
    sizes = {data: split_sizes(data, spec.evaluation, data_dir) for data in {r.data for r in runs}}
    # Only these three settings decide the sizes. There may be 100,000 runs, so runs that share
    # the three settings are checked once.
    for run in {(run.model, run.data, run.train.epochs): run for run in runs}.values():
        try:
            check_storable(run, spec.evaluation, sizes[run.data])
        except InvalidFile as error:
            raise InputError(f"the results of {run.run_id} could not be stored: {error}") from None


def few_steps(sweep: Sweep, run_ids: Sequence[str]) -> str | None:
    """Return a note on the run of fewest steps, if these are so few that it hardly learns."""
    spec, steps = sweep.spec, dict[str, int]()
    images: dict[DataConfig, int] = {}
    for run_id in run_ids:
        run = sweep.cells.get(run_id)
        if run is None:  # it does not belong to the specification any more
            continue
        if run.data not in images:
            sizes = split_sizes(run.data, spec.evaluation, spec.execution.data_dir)
            images[run.data] = run.data.trained_images(sizes["N_train"])
        steps[run_id] = run.train.epochs * math.ceil(images[run.data] / run.train.batch_size)
    fewest = min(steps, key=steps.__getitem__, default=None)
    if fewest is None or steps[fewest] >= LEAST_STEPS:
        return None
    return (
        f"note: {fewest} takes {counted(steps[fewest], 'step')} and so hardly learns; more epochs "
        "(--set train.epochs=...) or a smaller train.batch_size give more steps"
    )


def _is_text(path: Path) -> bool:
    """Whether a path is UTF-8; Python keeps other bytes as surrogates, which cannot be written."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def lay_out(spec: SweepSpec, runs: Sequence[RunConfig], folder: Path) -> Sweep:
    """Write the list of runs, every run's configuration and the specification.

    If the sweep was laid out before, only files that have been removed are written again. The
    file of the dataset is one of them as soon as a run has finished.

    Raises
    ------
    InputError
        The list of runs has to change while another launcher works on the sweep.
    """
    paths = SweepPaths(as_given(folder))
    paths.root.mkdir(parents=True, exist_ok=True)
    # A folder with runs but without a list is refused as one of an older version. Therefore the
    # list is written first.
    listed = _list_runs(paths, [run.run_id for run in runs])
    for run in runs:
        _write_config(paths.run(run.run_id), run)
    # Jobs execute the pickles in this folder, so only its owner may write to it. Other users may
    # read submitit's logs if the umask allows it.
    paths.submitit.mkdir(mode=0o755, exist_ok=True)
    write_spec(paths, spec)
    _restore_dataset(paths, runs, spec.execution.data_dir)
    return Sweep(paths, spec, listed)


def restore_run(sweep: Sweep, run_id: str) -> None:
    """Write the configuration of a run again, if a purge removed it after the launch.

    The configuration follows from the specification. If the run does not belong to the
    specification any more, nothing is written.

    Raises
    ------
    InputError
        A symbolic link leads from the run's folder out of the sweep.
    """
    paths = sweep.paths.run(run_id)
    sweep.paths.check_contained(paths)
    if not exists(paths.config):
        run = sweep.cells.get(run_id)
        if run is not None:
            _write_config(paths, run)


def _write_config(paths: RunPaths, run: RunConfig) -> None:
    """Publish the configuration of a run, unless it exists or its folder cannot be read."""
    try:
        if exists(paths.config):
            return
    except OSError:
        return
    paths.root.mkdir(parents=True, exist_ok=True)
    publish_text(paths.config, run.canonical_json() + "\n")


def _restore_dataset(paths: SweepPaths, runs: Sequence[RunConfig], data_dir: Path) -> None:
    """Write the dataset again if a purge removed it and a run is finished.

    While no run is finished, the first run to train writes the dataset.
    """
    if exists(paths.dataset):
        return
    finished = next((run for run in runs if is_there(paths.run(run.run_id).evaluation)), None)
    if finished is not None:
        load_dataset(finished.data, data_dir).write(paths.dataset)


def is_there(path: Path) -> bool:
    """Whether a file exists; False if its folder cannot be read."""
    with suppress(OSError):
        return exists(path)
    return False


def write_spec(paths: SweepPaths, spec: SweepSpec) -> None:
    """Publish the specification of a sweep, unless the file has the same content already."""
    text = spec.to_toml()
    if not exists(paths.spec) or read_bytes(paths.spec) != text.encode():
        publish_text(paths.spec, text)
    else:
        # Temporary files can be removed here: because the content is right, no other launcher is
        # publishing this file.
        remove_orphans(paths.root, paths.spec.name)


def _list_runs(paths: SweepPaths, run_ids: Sequence[str]) -> RunList:
    """Add runs to the list of runs, and return it; the file is only read if nothing changes."""
    if exists(paths.run_list):
        before = read_runs(paths)
        if before.launched(run_ids) == before:
            return before
    with launcher_lock(paths):
        remove_orphans(paths.root, paths.run_list.name)
        # Another launcher may have changed the list before this one obtained the lock.
        before = read_runs(paths) if exists(paths.run_list) else RunList()
        after = before.launched(run_ids)
        write_runs(paths, after)
    return after
