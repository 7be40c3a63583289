"""The jobs of one sweep as the scheduler knows them: squeue for now, sacct for how they ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal

from aevae.attempt import read_record
from aevae.paths import RunPaths, SweepPaths
from jobs.scheduler import (
    AccountedJob,
    QueuedJob,
    SchedulerError,
    accounted_jobs,
    queued_jobs,
    unfinished_ids,
)
from jobs.submission import Submission, read_submissions

# How SLURM's end states are called here; others keep their own name in lower case.
END_REASONS = {
    "TIMEOUT": "timeout",
    "OUT_OF_MEMORY": "out_of_memory",
    "NODE_FAIL": "node_fail",
    "BOOT_FAIL": "node_fail",
    "CANCELLED": "cancelled",
}


@dataclass(frozen=True)
class Place:
    """Where the newest job of a run is."""

    kind: Literal["waiting", "running", "gone", "unknown"]
    key: str | None = None
    detail: str | None = None
    """Why it waits, or why nothing is known."""
    node: str | None = None
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
    """The jobs of a sweep. squeue is asked once, at once; sacct once, when it is needed."""

    def __init__(self, submissions: Sequence[Submission]) -> None:
        self._submissions = submissions
        self._newest = {run_id: s for s in submissions for run_id in s.run_ids}
        self._names = [submission.job_name for submission in submissions]
        self._queue: dict[str, QueuedJob] = {}
        self.error: str | None = None
        """What SLURM said instead of an answer."""
        try:
            self._queue = queued_jobs(self._names)
        except SchedulerError as error:
            self.error = str(error)

    @classmethod
    def of(cls, paths: SweepPaths) -> "SweepJobs":
        """Look up the jobs of a sweep; nothing is asked if it never met a scheduler."""
        return cls(read_submissions(paths))

    def place(self, run_id: str) -> Place | None:
        """Say where the newest job of a run is; None if there never was one."""
        submission = self._newest.get(run_id)
        if submission is None:
            return None
        if self.error is not None:
            return Place("unknown", detail=self.error)
        job_id = submission.found_id(self._queue)
        if job_id is None:
            return Place("gone")
        key = submission.key(run_id, job_id)
        job = self._queue.get(key)
        if job is None:
            return Place("gone", key)
        if job.waiting:
            start = f", may start {job.start}" if job.start else ""
            return Place("waiting", key, f"{job.reason}{start} (job {key})")
        shared = submission.runs_per_job > 1
        return Place("running", key, node=job.nodes, raw_id=job.raw_id, shared=shared)

    def unfinished(self, raw_id: str) -> bool | None:
        """Whether a job that nobody recorded (plain sbatch) is in the queue; None: unknown."""
        return None if self._unfinished is None else raw_id in self._unfinished

    @cached_property
    def _unfinished(self) -> set[str] | None:
        try:
            return unfinished_ids()
        except SchedulerError:
            return None

    def end_reason(self, run_id: str) -> str | None:
        """Say how the newest job of a run ended; None if nobody knows."""
        place = self.place(run_id)
        if place is None or place.key is None:
            return None
        # Tasks that never started share a line such as 12_[3-5].
        names = (place.key, f"{place.key.partition('_')[0]}_[")
        for job in reversed(self.accounted or []):
            if job.key == names[0] or job.key.startswith(names[1]):
                state = job.state.split()[0]  # CANCELLED by 1000
                return END_REASONS.get(state, state.lower())
        return None

    @cached_property
    def accounted(self) -> list[AccountedJob] | None:
        """Every attempt at every job; None if accounting does not answer."""
        return _accounted(self._submissions)


def used_gpu_hours(paths: SweepPaths) -> float | None:
    """GPU-hours that all attempts at a sweep took so far; None if it had no GPUs of a cluster.

    As accounted; without accounting, as the attempts recorded, up to their last sign of life.
    """
    submissions = read_submissions(paths)
    if not any(submission.gpus for submission in submissions):
        return None
    jobs = _accounted(submissions)
    if jobs is not None:
        return sum(job.gpus * job.elapsed_seconds for job in jobs) / 3600
    gpus = {run_id: s.gpus for s in submissions for run_id in s.run_ids}
    return sum(gpus[run_id] * _recorded_seconds(paths.run(run_id)) for run_id in gpus) / 3600


def _recorded_seconds(run: RunPaths) -> float:
    """Time of a run's attempts in jobs, by their own records."""
    seconds = 0.0
    for attempt in run.attempts():
        record = read_record(attempt)
        if record is not None and record.slurm_job_id is not None:
            began = datetime.fromisoformat(record.started_at)
            if record.ended_at is not None:
                ended = datetime.fromisoformat(record.ended_at)
            elif attempt.stderr.exists():
                ended = datetime.fromtimestamp(attempt.stderr.stat().st_mtime, UTC)
            else:
                ended = began
            seconds += max(0.0, (ended - began).total_seconds())
    return seconds


def _accounted(submissions: Sequence[Submission]) -> list[AccountedJob] | None:
    if not submissions:
        return []
    first = datetime.fromisoformat(submissions[0].submitted_at).astimezone()
    since = (first - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S")
    try:
        return accounted_jobs([submission.job_name for submission in submissions], since)
    except SchedulerError:
        return None
