"""Attempts at a run: which process makes each, how it ended, and why no two run at once.

An attempt is claimed by renaming a folder to its number, which only one process can do. The newest
attempt owns the run; an older process that still lives must not publish any more.
"""

import errno
import json
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from aevae.errors import InputError, Interrupted
from aevae.files.atomic import publish_text
from aevae.files.filesystem import make_scratch, read_bytes
from aevae.files.layout import AttemptPaths, RunPaths
from aevae.files.process import ProcessIdentity

Outcome = Literal["done", "interrupted", "failed"]

LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def utc_now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class AttemptRecord:
    """What is recorded of an attempt; `outcome` is None until it ends by itself."""

    number: int
    host: str
    pid: int
    process_started: float
    slurm_job_id: str | None
    started_at: str
    outcome: Outcome | None = None
    reason: str | None = None
    ended_at: str | None = None
    results_bytes: int | None = None
    """Size of the evaluation's file that it published."""
    evaluation: str | None = None
    """Which settings it evaluated with: `aevae.config.EvaluationConfig.digest`."""
    boot_id: str | None = None
    pid_namespace: str | None = None
    start_ticks: int | None = None
    """With the two before it: see `ProcessIdentity`. The first releases recorded none of them."""

    @property
    def process(self) -> ProcessIdentity:
        """The process that makes the attempt."""
        return ProcessIdentity(
            self.host,
            self.pid,
            self.process_started,
            self.boot_id,
            self.pid_namespace,
            self.start_ticks,
        )

    @property
    def alive(self) -> bool | None:
        """Whether its process still runs; None if it cannot be seen from here."""
        return False if self.outcome is not None else self.process.alive


_RECORD = TypeAdapter(AttemptRecord)


def read_record(paths: AttemptPaths) -> AttemptRecord | None:
    """Read the record of an attempt; None if there is none, or if it is damaged.

    Raises
    ------
    OSError
        There may be a record, but the file system does not give it.
    """
    try:
        return _RECORD.validate_json(read_bytes(paths.record))
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def newest_record(attempts: Sequence[AttemptPaths]) -> AttemptRecord | None:
    """Read the record of the last of a run's attempts; None as well if there is no attempt."""
    return read_record(attempts[-1]) if attempts else None


def amend_outcome(paths: AttemptPaths, outcome: Outcome, reason: str) -> None:
    """Replace how an attempt ended, once it has turned out to have ended otherwise."""
    record = read_record(paths)
    if record is not None:
        values = {**vars(record), "outcome": outcome, "reason": reason}
        publish_text(paths.record, json.dumps(values, indent=1) + "\n")


class Attempt:
    """This process's attempt at a run; see `claim`."""

    def __init__(self, run: RunPaths, paths: AttemptPaths, record: AttemptRecord) -> None:
        self._run = run
        self.paths = paths
        self.record = record

    @classmethod
    def claim(cls, run: RunPaths) -> "Attempt":
        """Claim the next attempt at a run for this process.

        Raises
        ------
        InputError
            Another process is at this run.
        OSError
            The file system does not say whether one is.
        """
        try:
            earlier = run.attempts()
            last = newest_record(earlier)
        except OSError as error:
            what = f"{error.strerror}, so another process may be at {run.run_id}"
            raise OSError(error.errno, what, error.filename) from error
        if last is not None and last.alive:
            raise InputError(f"{run.run_id} is being run by process {last.pid} on {last.host}")
        process = ProcessIdentity.of_this_process()
        record = AttemptRecord(
            number=earlier[-1].number + 1 if earlier else 1,
            host=process.host,
            pid=process.pid,
            process_started=process.started,
            slurm_job_id=os.environ.get("SLURM_JOB_ID"),
            started_at=utc_now(),
            boot_id=process.boot_id,
            pid_namespace=process.pid_namespace,
            start_ticks=process.start_ticks,
        )
        attempt = cls(run, run.attempt(record.number), record)
        attempt._take_folder()
        return attempt

    def check_current(self) -> None:
        """Make sure that this is still the newest attempt, before anything is published.

        Raises
        ------
        Interrupted
            A newer attempt has taken over.
        """
        for attempt in self._run.attempts()[-1:]:
            if attempt.number > self.record.number:
                raise Interrupted(
                    f"attempt {attempt.number} has taken over from {self.record.number}"
                )

    def finish(self, outcome: Outcome, reason: str | None = None, *, evaluation: str = "") -> None:
        """Record how the attempt ended; one that is done names the settings it evaluated with."""
        self.record = replace(self.record, outcome=outcome, reason=reason, ended_at=utc_now())
        if outcome == "done":
            size = self._run.evaluation.stat().st_size
            self.record = replace(self.record, results_bytes=size, evaluation=evaluation)
        self._write(self.paths)

    def keep_output(self, *, capture: bool) -> None:
        """Keep what this process says in the attempt's folder.

        Parameters
        ----------
        capture
            Redirect standard output and error as a whole, so that what a library prints when it
            crashes is kept as well; otherwise only add the log.
        """
        if not capture:
            handler = logging.FileHandler(self.paths.stderr, encoding="utf-8")
            handler.setFormatter(logging.Formatter(LOG_FORMAT))
            logging.getLogger().addHandler(handler)
            return
        for descriptor, path in ((1, self.paths.stdout), (2, self.paths.stderr)):
            with path.open("ab") as file:
                os.dup2(file.fileno(), descriptor)

    def _take_folder(self) -> None:
        """Rename a folder that already holds the record: fails if the number is taken."""
        folder = self.paths.root.parent
        folder.mkdir(parents=True, exist_ok=True)
        scratch = AttemptPaths(make_scratch(folder, ".claim-"))
        try:
            self._write(scratch)
            scratch.root.rename(self.paths.root)
        except OSError as error:
            shutil.rmtree(scratch.root, ignore_errors=True)
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT):
                raise
            raise InputError(f"{self._run.run_id} was just taken by another process") from None
        # A process that was killed left such a folder, or one that claims the same number now has
        # made it: its rename will fail, because the number is taken.
        for other in folder.glob(".claim-*"):
            shutil.rmtree(other, ignore_errors=True)

    def _write(self, paths: AttemptPaths) -> None:
        publish_text(paths.record, json.dumps(vars(self.record), indent=1) + "\n")
