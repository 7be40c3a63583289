"""The list of a sweep's runs: which index each run has, and which runs were launched last.

Only the launcher writes the list (`runs.json`). It appends runs and never moves or removes one, so
a job that still waits in a queue trains the run that it was submitted for. A folder without a list
was written by an older version; it can be read, but nothing more is launched into it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aevae.errors import InputError
from aevae.files.atomic import publish_text
from aevae.files.filesystem import exists, read_bytes
from aevae.files.layout import SweepPaths

NAME = "aevae runs"
VERSION = 1


@dataclass(frozen=True)
class RunList:
    """The runs of a sweep by their ids."""

    planned: tuple[str, ...] = ()
    """Ids of all runs that were ever planned; the index of a run is its position, from 0."""
    current: tuple[str, ...] = ()
    """The runs of the specification as last launched, in its order."""

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Index of each run, by id."""
        return {run_id: index for index, run_id in enumerate(self.planned)}

    def launched(self, run_ids: Sequence[str]) -> "RunList":
        """Return the list after a launch of these runs; new ones are appended."""
        new = (run_id for run_id in run_ids if run_id not in self.index)
        return RunList((*self.planned, *new), tuple(run_ids))


def read_runs(paths: SweepPaths) -> RunList:
    """Read the list of a sweep's runs.

    Without a list, the runs are the folders that hold a configuration, sorted by name.

    Raises
    ------
    InputError
        The list is damaged, or was written by a newer version.
    """
    try:
        content = read_bytes(paths.run_list)
    except FileNotFoundError:
        run_ids = tuple(run.run_id for run in paths.planned())
        return RunList(run_ids, run_ids)
    try:
        values = json.loads(content)
    except ValueError:
        values = None
    if not isinstance(values, dict) or values.get("name") != NAME:
        raise InputError(f"{paths.run_list} is damaged: it is not a list of runs in JSON")
    if values.get("version") != VERSION:
        raise InputError(
            f"{paths.run_list} was written by a newer aevae: it has version "
            f"{values.get('version')!r}, and this aevae reads version {VERSION}"
        )
    planned, current = (_ids(paths, values, key) for key in ("runs", "current"))
    runs = RunList(planned, current)
    if len(runs.index) < len(planned) or not runs.index.keys() >= set(current):
        raise InputError(f"{paths.run_list} is damaged: a run is listed twice or has no index")
    return runs


def write_runs(paths: SweepPaths, runs: RunList) -> None:
    """Publish the list of a sweep's runs; only the launcher that holds the lock may do so."""
    values = {"name": NAME, "version": VERSION, "runs": runs.planned, "current": runs.current}
    publish_text(paths.run_list, json.dumps(values, indent=1) + "\n")


def check_listed(paths: SweepPaths) -> None:
    """Check that runs of this sweep may be executed.

    Raises
    ------
    InputError
        The folder holds runs, but no list of them; or a specification, but no sweep.
    """
    if exists(paths.run_list):
        return
    planned = paths.planned()
    if exists(paths.spec) and not planned:
        raise InputError(
            f"{paths.spec} is in the way: a sweep keeps a file of this name in its folder; rename "
            "yours, or give --out another folder"
        )
    if planned:
        raise InputError(
            f"{paths.root} has no {paths.run_list.name}: an older aevae wrote it, with other "
            "run ids; it can be analysed, but new runs need a new folder (--out)"
        )


def _ids(paths: SweepPaths, values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    ids = values.get(key)
    if not isinstance(ids, list) or not all(isinstance(run_id, str) for run_id in ids):
        raise InputError(f"{paths.run_list} is damaged: {key!r} is not a list of run ids")
    return tuple(ids)
