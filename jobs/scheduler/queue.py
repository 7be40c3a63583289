"""The jobs of one sweep as the scheduler knows them: squeue for now, sacct for how they ended."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from aevae.files.layout import SweepPaths
from jobs.scheduler.commands import (
    AccountedJob,
    QueuedJob,
    SchedulerError,
    accounted_jobs,
    all_queued_jobs,
    queued_jobs,
)
from jobs.scheduler.submissions import Submission, read_submissions

ASK_AGAIN_S = 10.0
# How SLURM's end states are called here; others keep their own name in lower case.
END_REASONS = {
    "TIMEOUT": "timeout",
    "OUT_OF_MEMORY": "out_of_memory",
    "NODE_FAIL": "node_fail",
    "BOOT_FAIL": "node_fail",
    "CANCELLED": "cancelled",
}


@dataclass(frozen=True)
class NewestJob:
    """What the scheduler says of the newest job of a run."""

    kind: Literal["waiting", "running", "gone", "unknown"]
    key: str | None = None
    detail: str | None = None
    """Why it waits, or why nothing is known."""
    node: str | None = None
    start: str | None = None
    """When it may start; local time, ISO 8601."""
    raw_id: str | None = None
    shared: bool = False
    """Whether the job trains other runs as well."""

    @property
    def queued(self) -> str | None:
        """The job if it may still train; ``unknown`` if the scheduler cannot be asked."""
        if self.kind == "unknown":
            return "unknown"
        return None if self.kind == "gone" else self.key


class SweepJobs:
    """The jobs of a sweep. squeue is asked at once; sacct once, when it is needed.

    Whatever is asked for each run takes the same time however many runs there are.
    """

    def __init__(self, submissions: Sequence[Submission]) -> None:
        self.submissions = submissions
        self._newest = {
            run_id: (submission, index)
            for submission in submissions
            for index, run_id in enumerate(submission.run_ids)
        }
        self._names = [submission.job_name for submission in submissions]
        self._queue: dict[str, QueuedJob] = {}
        self.error: str | None = None
        """What SLURM said instead of an answer."""
        try:
            self._queue = queued_jobs(self._names)
        except SchedulerError as error:
            self.error = str(error)
        self._job_ids = {s.number: s.found_id(self._queue) for s in submissions}

    @classmethod
    def of(cls, paths: SweepPaths) -> "SweepJobs":
        """Look up the jobs of a sweep; nothing is asked if it never met a scheduler."""
        return cls(read_submissions(paths))

    @property
    def none_queued(self) -> bool:
        """Whether it is known that no job of the sweep waits or runs."""
        return self.error is None and not self._queue

    def newest_job(self, run_id: str, last_job: str | None = None) -> NewestJob | None:
        """Say what became of the newest job of a run; None if there never was one.

        Parameters
        ----------
        run_id
            The run.
        last_job
            SLURM_JOB_ID of its newest attempt. It counts for runs that were never submitted by
            us: nobody recorded the job where plain sbatch was used.
        """
        if run_id in self._newest:
            return self._submitted_job(run_id)
        return self._job_by_id(last_job) if last_job is not None else None

    def _submitted_job(self, run_id: str) -> NewestJob:
        submission, index = self._newest[run_id]
        if self.error is not None:
            return NewestJob("unknown", detail=self.error)
        job_id = self._job_ids[submission.number]
        if job_id is None:
            return NewestJob("gone")
        key = submission.key(index // submission.runs_per_job, job_id)
        job = self._queue.get(key)
        return (
            NewestJob("gone", key) if job is None else _describe(job, submission.runs_per_job > 1)
        )

    def _job_by_id(self, raw_id: str) -> NewestJob:
        if isinstance(self._everything, SchedulerError):
            return NewestJob("unknown", detail=str(self._everything))
        job = self._everything.get(raw_id)
        return NewestJob("gone") if job is None else _describe(job, shared=False)

    @cached_property
    def _everything(self) -> dict[str, QueuedJob] | SchedulerError:
        try:
            return all_queued_jobs()
        except SchedulerError as error:
            return error

    def end_reason(self, run_id: str) -> str | None:
        """Say how the newest job of a run ended; None if nobody knows."""
        job = self.newest_job(run_id)
        if job is None or job.key is None:
            return None
        state = self._end_states.get(job.key) or self._end_states.get(_shared_key(job.key))
        return END_REASONS.get(state, state.lower()) if state is not None else None

    @cached_property
    def _end_states(self) -> dict[str, str]:
        """State of the last attempt of SLURM at each job, by key.

        Tasks that never started share a line such as ``12_[3-5]``, under one key.
        """
        states = {}
        for job in self.accounted or []:
            key = _shared_key(job.key) if "[" in job.key else job.key
            states[key] = job.state.split()[0]  # CANCELLED by 1000
        return states

    @cached_property
    def accounted(self) -> list[AccountedJob] | None:
        """Every attempt at every job; None if accounting does not answer."""
        if not self.submissions:
            return []
        first = datetime.fromisoformat(self.submissions[0].submitted_at).astimezone()
        since = (first - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")
        try:
            return accounted_jobs(self._names, since)
        except SchedulerError:
            return None


class WatchedJobs:
    """The jobs of a sweep for one who looks every second, while nobody else submits to it.

    squeue is asked at most every 10 s, and not again once it has no job of the sweep.
    """

    def __init__(self, paths: SweepPaths) -> None:
        self._paths = paths
        self._jobs = SweepJobs.of(paths)
        self._asked_at = time.monotonic()

    def look(self) -> SweepJobs:
        """Return what is known of the jobs, at most 10 s old."""
        old = time.monotonic() - self._asked_at >= ASK_AGAIN_S
        if old and not self._jobs.none_queued:
            self._jobs = SweepJobs.of(self._paths)
            self._asked_at = time.monotonic()
        return self._jobs


def _shared_key(key: str) -> str:
    """Return the key under which the line stands that tasks of an array share."""
    return key.partition("_")[0] + "_["


def _describe(job: QueuedJob, shared: bool) -> NewestJob:
    """Describe a job that is in the queue."""
    if job.waiting:
        return NewestJob("waiting", job.key, job.reason, start=job.start)
    return NewestJob("running", job.key, node=job.nodes, raw_id=job.raw_id, shared=shared)
