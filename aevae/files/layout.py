"""Every file name of a sweep and of a run. No other module builds such a path."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aevae.errors import InputError
from aevae.files.filesystem import exists, names_in

CHECKPOINT = re.compile(r"checkpoint-\d{6,}\.pt")
# Names of the first release end in 8 digits, all later ones in 10.
RUN_ID = re.compile(r"[a-z][a-z0-9-]*-z\d{3,}-s\d{1,10}-([0-9a-f]{8}|[0-9a-f]{10})")


@dataclass(frozen=True)
class AttemptPaths:
    """One attempt at a run: its record and what it printed."""

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
        """Science configuration, canonical JSON."""
        return self.root / "config.json"

    @property
    def progress(self) -> Path:
        """How far training has come, and when that was written, JSON."""
        return self.root / "progress.json"

    @property
    def trained(self) -> Path:
        """What training gave; exists only complete."""
        return self.root / "trained.h5"

    @property
    def evaluation(self) -> Path:
        """What was made of the trained model; exists only complete."""
        return self.root / "evaluation.h5"

    @property
    def results(self) -> Path:
        """Both of the above in one file, as schema 1 had it; read, but no longer written."""
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
        """Evaluation images, labels and split indices; written once."""
        return self.root / "dataset.h5"

    @property
    def launcher_lock(self) -> Path:
        """Locked by the one launcher of a host that works on the sweep."""
        return self.root / "launcher.lock"

    @property
    def launcher(self) -> Path:
        """Folder with the record of the launcher at work; exists as long as it works."""
        return self.root / "launcher"

    @property
    def submitit(self) -> Path:
        """Folder for the job launcher's own files."""
        return self.root / "submitit"

    def job_log(self, job: str) -> Path:
        """What a job said until it claimed an attempt; `job` is its name, such as ``123_4``."""
        return self.submitit / f"{job}_0_log.err"

    def failed_start(self, run_id: str) -> Path:
        """Record of a local job that ended before it claimed an attempt; JSON."""
        return self.submitit / f"{run_id}.json"

    @property
    def stand_in(self) -> Path:
        """What stands in for `scontrol` in a container, in a folder that holds nothing else."""
        return self.submitit / "inside" / "scontrol"

    @property
    def analysis_log(self) -> Path:
        """What the analysis job printed."""
        return self.root / "analysis.log"

    @property
    def submission_records(self) -> Path:
        """Folder of the launcher's records; only the launcher that holds the lock writes here."""
        return self.root / "submissions"

    def submission(self, number: int) -> Path:
        """Record of what was, or was about to be, submitted to a scheduler; JSON."""
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
            `run_id` is not the name of a run (so it cannot lead out of the sweep).
        """
        if not RUN_ID.fullmatch(run_id):
            raise InputError(f"{run_id!r} is no run id (such as vae-z020-s0-b4107d13fb)")
        return RunPaths(self.root / "runs" / run_id)

    def check_contained(self, run: RunPaths) -> None:
        """Make sure that no link leads a run, or what is written for it, out of the sweep.

        Raises
        ------
        InputError
            A link does. The folder of the sweep itself may be reached through links.
        OSError
            The folder of the run cannot be read.
        """
        root = os.path.realpath(self.root)
        held = (run.root / name for name in names_in(run.root))
        for path in (self.dataset, run.root, *held):
            # Unlike `Path.resolve`, it takes a link to itself as it is.
            target = Path(os.path.realpath(path))
            if not target.is_relative_to(root):
                raise InputError(f"{path} leads out of the sweep, to {target}")

    def planned(self) -> list[RunPaths]:
        """Runs that have a configuration, or whose folder cannot be read; ordered by name."""
        names = (name for name in names_in(self.root / "runs") if RUN_ID.fullmatch(name))
        return [run for run in map(self.run, names) if _may_exist(run.config)]


def _may_exist(path: Path) -> bool:
    try:
        return exists(path)
    except OSError:
        return True


def _numbers(names: Iterable[str]) -> Iterator[int]:
    """Yield the numbers among names; people leave other things, such as ``1.bak``, beside them."""
    return (int(name) for name in names if re.fullmatch("[1-9][0-9]{0,8}", name))
