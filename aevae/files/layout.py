"""The paths of all files of a sweep and of a run. No other module builds such a path."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aevae.errors import InputError
from aevae.files.filesystem import exists, names_in

CHECKPOINT = re.compile(r"checkpoint-\d{6,}\.pt")
# Run ids of the first release end in 8 hexadecimal digits, all later ones in 10.
RUN_ID = re.compile(r"[a-z][a-z0-9-]*-z\d{3,}-s\d{1,10}-([0-9a-f]{8}|[0-9a-f]{10})")


@dataclass(frozen=True)
class AttemptPaths:
    """Files of one attempt at a run: its record and its output."""

    root: Path

    @property
    def number(self) -> int:
        """Number of the attempt, from 1."""
        return int(self.root.name)

    @property
    def record(self) -> Path:
        """JSON: which process makes the attempt on which host, and how it ended."""
        return self.root / "attempt.json"

    @property
    def stdout(self) -> Path:
        """Standard output of the attempt."""
        return self.root / "stdout"

    @property
    def stderr(self) -> Path:
        """Log and standard error of the attempt."""
        return self.root / "stderr"


@dataclass(frozen=True)
class RunPaths:
    """The folder of one run."""

    root: Path

    @property
    def run_id(self) -> str:
        """Name of the run, which is the folder's name."""
        return self.root.name

    @property
    def sweep(self) -> "SweepPaths":
        """The sweep that the run belongs to."""
        return SweepPaths(self.root.parents[1])

    @property
    def config(self) -> Path:
        """Configuration of the run, canonical JSON."""
        return self.root / "config.json"

    @property
    def progress(self) -> Path:
        """Progress of training, with the time at which it was written; JSON."""
        return self.root / "progress.json"

    @property
    def trained(self) -> Path:
        """Results of training; the file is published only when it is complete."""
        return self.root / "trained.h5"

    @property
    def evaluation(self) -> Path:
        """Results of the evaluation; the file is published only when it is complete."""
        return self.root / "evaluation.h5"

    @property
    def results(self) -> Path:
        """Results of training and evaluation in one file, as in schema 1; not written any more."""
        return self.root / "results.h5"

    def checkpoint(self, epoch: int) -> Path:
        """Checkpoint taken after `epoch` epochs."""
        return self.root / f"checkpoint-{epoch:06d}.pt"

    def checkpoints(self) -> list[Path]:
        """Checkpoints on disk, newest (most epochs) first."""
        names = (name for name in names_in(self.root) if CHECKPOINT.fullmatch(name))
        return [self.root / name for name in sorted(names, reverse=True)]

    def attempt(self, number: int) -> AttemptPaths:
        """Return the paths of attempt `number` (from 1)."""
        return AttemptPaths(self.root / "attempts" / str(number))

    def attempts(self) -> list[AttemptPaths]:
        """Attempts so far, first to last."""
        names = names_in(self.root / "attempts")
        return [self.attempt(number) for number in sorted(_numbers(names))]


@dataclass(frozen=True)
class SweepPaths:
    """The folder of one sweep."""

    root: Path

    @property
    def spec(self) -> Path:
        """Resolved specification, as last launched."""
        return self.root / "sweep.toml"

    @property
    def run_list(self) -> Path:
        """Which run has which index, and which runs were launched last; JSON."""
        return self.root / "runs.json"

    @property
    def dataset(self) -> Path:
        """Images, labels and source rows of all splits; written once."""
        return self.root / "dataset.h5"

    @property
    def launcher_lock(self) -> Path:
        """Lock file; one launcher per host can hold the lock and work on the sweep."""
        return self.root / "launcher.lock"

    @property
    def launcher(self) -> Path:
        """Folder with the record of the active launcher; it exists while the launcher works."""
        return self.root / "launcher"

    @property
    def submitit(self) -> Path:
        """Folder for the files of submitit, and for records of local jobs that did not start."""
        return self.root / "submitit"

    def job_log(self, job: str) -> Path:
        """Log of a job until it claims an attempt; `job` is its key, such as ``123_4``."""
        return self.submitit / f"{job}_0_log.err"

    def failed_start(self, run_id: str) -> Path:
        """Record of a local job that ended before it claimed an attempt; JSON."""
        return self.submitit / f"{run_id}.json"

    @property
    def stand_in(self) -> Path:
        """Script that replaces `scontrol` in a container; nothing else is in its folder."""
        return self.submitit / "inside" / "scontrol"

    @property
    def analysis_log(self) -> Path:
        """Output of the analysis job."""
        return self.root / "analysis.log"

    @property
    def submission_records(self) -> Path:
        """Folder of the launcher's records; only the launcher that holds the lock writes here."""
        return self.root / "submissions"

    def submission(self, number: int) -> Path:
        """Record of a submission to a scheduler, written before and after it; JSON."""
        return self.submission_records / f"{number}.json"

    def submissions(self) -> list[Path]:
        """Records of submissions so far, first to last."""
        names = (name.removesuffix(".json") for name in names_in(self.submission_records))
        return [self.submission(number) for number in sorted(_numbers(names))]

    def code(self, digest: str) -> Path:
        """Copy of the code that jobs run, named by its content."""
        return self.submission_records / "code" / digest

    def run(self, run_id: str) -> RunPaths:
        """Return the paths of a run.

        Raises
        ------
        InputError
            `run_id` does not have the form of a run id, so it might lead out of the sweep.
        """
        if not RUN_ID.fullmatch(run_id):
            raise InputError(f"{run_id!r} is not a run id (such as vae-z020-s0-b4107d13fb)")
        return RunPaths(self.root / "runs" / run_id)

    def check_contained(self, run: RunPaths) -> None:
        """Check that no link leads from the files of a run out of the sweep.

        Raises
        ------
        InputError
            A link leads out of the sweep. The path of the sweep itself may have links.
        OSError
            The folder of the run cannot be read.
        """
        root = os.path.realpath(self.root)
        held = (run.root / name for name in names_in(run.root))
        for path in (self.dataset, run.root, *held):
            # Unlike `Path.resolve`, `realpath` raises no error for a link to itself.
            target = Path(os.path.realpath(path))
            if not target.is_relative_to(root):
                raise InputError(f"{path} leads out of the sweep, to {target}")

    def planned(self) -> list[RunPaths]:
        """Runs that have a configuration, or whose folder cannot be read; sorted by name."""
        names = (name for name in names_in(self.root / "runs") if RUN_ID.fullmatch(name))
        return [run for run in map(self.run, names) if _may_exist(run.config)]


def _may_exist(path: Path) -> bool:
    try:
        return exists(path)
    except OSError:
        return True


def _numbers(names: Iterable[str]) -> Iterator[int]:
    """Yield the names that are numbers; users may add other files, such as ``1.bak``."""
    return (int(name) for name in names if re.fullmatch("[1-9][0-9]{0,8}", name))
