"""A sweep on disk: laid out once, grown by launching again, read by everything else."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aevae.config import RunConfig
from aevae.data.sources import verify_source
from aevae.errors import InputError
from aevae.files.atomic import publish_text, remove_orphans
from aevae.files.layout import SweepPaths
from jobs.sweep.spec import SweepSpec, load_spec

SUBMITIT_TAGS = ("%j", "%t", "%A", "%a")  # it expands these in folder names


@dataclass(frozen=True)
class Sweep:
    """A sweep folder with its specification and runs, in launching order."""

    paths: SweepPaths
    spec: SweepSpec
    runs: list[RunConfig]

    @classmethod
    def open(cls, folder: Path) -> "Sweep":
        """Open a sweep that was launched before.

        Raises
        ------
        InputError
            `folder` holds no sweep.
        """
        paths = SweepPaths(folder.resolve())
        if not paths.spec.is_file():
            raise InputError(f"{folder} is no sweep folder: it has no {paths.spec.name}")
        spec = load_spec(paths.spec)
        return cls(paths, spec, spec.runs(str(paths.spec)))

    def select(self, run_ids: Sequence[str]) -> list[str]:
        """Return the ids of all runs, or those asked for.

        Raises
        ------
        InputError
            An id is not of this sweep.
        """
        known = [run.run_id for run in self.runs]
        for run_id in run_ids:
            if run_id not in known:
                raise InputError(f"{self.paths.root} has no run {run_id!r}")
        return [run_id for run_id in known if not run_ids or run_id in run_ids]


def check_launch(spec: SweepSpec, folder: Path) -> None:
    """Check, without writing anything, that a sweep can be laid out in `folder` and run.

    Raises
    ------
    InputError
        The data is not staged or damaged, the folder cannot be written, or it holds a sweep
        with other settings.
    """
    names = {spec.data.dataset, *(n for n in spec.evaluation.outliers if n == "fashion-mnist")}
    for name in sorted(names):
        verify_source(name, spec.execution.data_dir)
    if any(tag in str(folder.absolute()) for tag in SUBMITIT_TAGS):
        raise InputError(f"{folder}: a path with one of {', '.join(SUBMITIT_TAGS)} is not possible")
    for path in (folder.absolute(), spec.execution.data_dir):
        if not _is_text(path):
            raise InputError(f"{str(path)!a} is no UTF-8 here: rename it, or set PYTHONUTF8=1")
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"cannot write to {existing}")
    paths = SweepPaths(folder)
    if paths.spec.exists():
        difference = spec.science_difference(load_spec(paths.spec))
        if difference:
            raise InputError(f"{folder} holds another sweep ({difference}): give --out a new one")
    for run in spec.runs(str(folder)):
        paths.check_contained(paths.run(run.run_id))


def _is_text(path: Path) -> bool:
    """Whether a path can be written down; the bytes of others stand in it as surrogates."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def lay_out(spec: SweepSpec, folder: Path, source: str) -> Sweep:
    """Write the specification and every run's configuration; safe to do again."""
    paths = SweepPaths(folder.resolve())
    runs = spec.runs(source)
    for run in runs:
        run_paths = paths.run(run.run_id)
        if not run_paths.config.exists():
            run_paths.root.mkdir(parents=True, exist_ok=True)
            publish_text(run_paths.config, run.canonical_json() + "\n")
    # Jobs execute the pickles in it: they are nobody else's to write.
    paths.submitit.mkdir(mode=0o700, exist_ok=True)
    text = spec.to_toml()
    if not paths.spec.exists() or paths.spec.read_text(encoding="utf-8") != text:
        publish_text(paths.spec, text)
    else:
        # Only where nobody writes: another launcher may be about to.
        remove_orphans(paths.root, paths.spec.name)
    return Sweep(paths, spec, runs)
