"""Attempts at a run: which process makes each, how it ended, and why only one publishes.

A process claims an attempt by renaming a folder to the number of the attempt, which only one
process can do. The newest attempt owns the run. The process of an older one may not publish.
"""

import errno
import json
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
class SlurmJob:
    """The SLURM job that makes an attempt."""

    key: str
    """``12``, or ``12_3`` for a task of an array job."""
    raw_id: str
    """SLURM_JOB_ID; the running tasks of an array job all have different ones."""
    cluster: str | None = None
    name: str | None = None

    @classmethod
    def of_environment(cls) -> "SlurmJob":
        """Return the job that the environment variables describe.

        Only a process that was submitted as a job may call this: a process that was started in an
        interactive session inherits the variables of the session's job.
        """
        raw_id = os.environ["SLURM_JOB_ID"]
        array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
        key = f"{array}_{task}" if array and task else raw_id
        cluster, name = (os.environ.get(f"SLURM_{name}") for name in ("CLUSTER_NAME", "JOB_NAME"))
        return cls(key, raw_id, cluster, name)

    @property
    def owned(self) -> bool:
        """Whether the job was certainly submitted for the attempt.

        The first releases recorded any SLURM_JOB_ID in the environment, also that of an interactive
        session, but no name of the job.
        """
        return self.name is not None


@dataclass(frozen=True)
class AttemptRecord:
    """The record of an attempt; `outcome` is None until the process records the end."""

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
    """Size of the published ``evaluation.h5``."""
    training_bytes: int | None = None
    """Size of ``trained.h5``; None in releases before 0.2.0."""
    evaluation: str | None = None
    """Hash of the settings of the evaluation: `aevae.config.EvaluationConfig.digest`."""
    slurm_job: SlurmJob | None = None
    """None if no job was submitted for the attempt, or if one of the first releases wrote this."""
    boot_id: str | None = None
    pid_namespace: str | None = None
    start_ticks: int | None = None
    """For this field and the two before it, see `ProcessIdentity`; None in the first releases."""

    @property
    def job(self) -> SlurmJob | None:
        """The job that makes the attempt; None if the record names no job."""
        if self.slurm_job is not None or self.slurm_job_id is None:
            return self.slurm_job
        return SlurmJob(self.slurm_job_id, self.slurm_job_id)

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
        """Whether the process still runs; None if this cannot be seen from here."""
        return False if self.outcome is not None else self.process.alive


_RECORD = TypeAdapter(AttemptRecord)


def read_record(paths: AttemptPaths) -> AttemptRecord | None:
    """Read the record of an attempt; None if there is none, or if it is damaged.

    Raises
    ------
    OSError
        The file system failed to read the record, so there may be one.
    """
    try:
        return _RECORD.validate_json(read_bytes(paths.record))
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def newest_record(attempts: Sequence[AttemptPaths]) -> AttemptRecord | None:
    """Read the record of the last attempt at a run; return None also if there is no attempt.

    Raises
    ------
    OSError
        See `read_record`.
    """
    return read_record(attempts[-1]) if attempts else None


def amend_outcome(paths: AttemptPaths, outcome: Outcome, reason: str) -> None:
    """Correct the recorded end of an attempt: its outcome and the reason."""
    record = read_record(paths)
    if record is not None:
        amended = replace(record, outcome=outcome, reason=reason)
        publish_text(paths.record, json.dumps(asdict(amended), indent=1) + "\n")


class Attempt:
    """This process's attempt at a run; see `claim`."""

    def __init__(self, run: RunPaths, paths: AttemptPaths, record: AttemptRecord) -> None:
        self._run = run
        self.paths = paths
        self.record = record
        self._log: logging.Handler | None = None

    @classmethod
    def claim(cls, run: RunPaths, job: SlurmJob | None = None) -> "Attempt":
        """Claim the next attempt at a run for this process; `job` is its SLURM job, if any.

        Raises
        ------
        InputError
            Another process makes an attempt at this run.
        OSError
            The file system failed, so another process may make an attempt.
        """
        try:
            earlier = run.attempts()
            last = newest_record(earlier)
        except OSError as error:
            what = f"{error.strerror}, so another process may be executing {run.run_id}"
            raise OSError(error.errno, what, error.filename) from error
        if last is not None and last.alive:
            raise InputError(f"{run.run_id} is being run by process {last.pid} on {last.host}")
        process = ProcessIdentity.of_this_process()
        record = AttemptRecord(
            number=earlier[-1].number + 1 if earlier else 1,
            host=process.host,
            pid=process.pid,
            process_started=process.started,
            slurm_job_id=job.raw_id if job is not None else None,
            started_at=utc_now(),
            slurm_job=job,
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
        """Record how the attempt ended; `evaluation` is the digest of the evaluation's settings."""
        self.record = replace(self.record, outcome=outcome, reason=reason, ended_at=utc_now())
        if outcome == "done":
            self.record = replace(
                self.record,
                results_bytes=self._run.evaluation.stat().st_size,
                training_bytes=self._run.trained.stat().st_size,
                evaluation=evaluation,
            )
        self._write(self.paths)
        if self._log is not None:  # this process may go on with another run
            logging.getLogger().removeHandler(self._log)
            self._log.close()

    def keep_output(self, *, capture: bool) -> None:
        """Write the output of this process to the attempt's folder.

        Parameters
        ----------
        capture
            Whether to redirect standard output and error, so that messages of a library that
            crashes are kept too. Otherwise only the log is written.
        """
        if not capture:
            self._log = logging.FileHandler(self.paths.stderr, encoding="utf-8")
            self._log.setFormatter(logging.Formatter(LOG_FORMAT))
            logging.getLogger().addHandler(self._log)
            return
        for descriptor, path in ((1, self.paths.stdout), (2, self.paths.stderr)):
            with path.open("ab") as file:
                os.dup2(file.fileno(), descriptor)

    def _take_folder(self) -> None:
        """Rename a folder with the record to the number; this fails if the number is taken."""
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
        # Such a folder is from a process that was killed, or from one that claims the same number
        # now and will fail, because the number is taken.
        for other in folder.glob(".claim-*"):
            shutil.rmtree(other, ignore_errors=True)

    def _write(self, paths: AttemptPaths) -> None:
        publish_text(paths.record, json.dumps(asdict(self.record), indent=1) + "\n")
