"""GPU-hours that a sweep took: as accounted, or else as its attempts recorded."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from aevae.attempt import read_record
from aevae.paths import AttemptPaths, RunPaths, SweepPaths
from jobs.queue import SweepJobs


@dataclass(frozen=True)
class Usage:
    """GPU-hours of all attempts so far, and who counted them."""

    gpu_hours: float
    source: Literal["sacct", "the runs' own records"]


def gpu_usage(paths: SweepPaths, jobs: SweepJobs) -> Usage | None:
    """Add up the GPU-hours of a sweep; None if it asked a cluster for no GPUs.

    Without accounting, an attempt counts up to its end or its last sign of life.
    """
    if not any(submission.gpus for submission in jobs.submissions):
        return None
    if jobs.accounted is not None:
        seconds = sum(job.gpus * job.elapsed_seconds for job in jobs.accounted)
        return Usage(seconds / 3600, "sacct")
    gpus = {run_id: s.gpus_per_run for s in jobs.submissions for run_id in s.run_ids}
    recorded = sum(gpus[run_id] * _recorded_seconds(paths.run(run_id)) for run_id in gpus)
    return Usage(recorded / 3600, "the runs' own records")


def _recorded_seconds(run: RunPaths) -> float:
    """Time of a run's attempts in jobs, by their own records."""
    return sum(_attempt_seconds(attempt) for attempt in run.attempts())


def _attempt_seconds(attempt: AttemptPaths) -> float:
    record = read_record(attempt)
    if record is None or record.slurm_job_id is None:
        return 0.0
    began = datetime.fromisoformat(record.started_at)
    ended = began
    if record.ended_at is not None:
        ended = datetime.fromisoformat(record.ended_at)
    elif attempt.stderr.exists():
        ended = datetime.fromtimestamp(attempt.stderr.stat().st_mtime, UTC)
    return max(0.0, (ended - began).total_seconds())
