"""The GPU-hours of a sweep, from accounting or, without it, from the records of its attempts."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from aevae.files.attempt import read_record
from aevae.files.layout import AttemptPaths, SweepPaths
from jobs.scheduler.queue import SweepJobs

Source = Literal["sacct", "sacct, which does not count GPUs here", "the runs' own records"]


@dataclass(frozen=True)
class Usage:
    """What all attempts used so far, and the source of these numbers."""

    gpu_hours: float
    wall_seconds: float
    """Seconds from the first start to the last end, including the pauses between jobs."""
    source: Source


@dataclass(frozen=True)
class _Stretch:
    """Time for which GPUs were held."""

    gpus: float  # below 1 if several runs share a GPU
    started: datetime
    seconds: float


def gpu_usage(paths: SweepPaths, jobs: SweepJobs) -> Usage | None:
    """Return the GPU-hours of a sweep so far; None if its jobs asked for no GPUs.

    Without accounting, the time of an attempt lasts until its end or, while none is recorded, until
    the last line of its log. If accounting does not count GPUs, it gives only the time of a job,
    and the number of GPUs is the one that the job asked for.
    """
    if not any(submission.gpus for submission in jobs.submissions):
        return None
    accounts = jobs.accounts
    if accounts is None:
        return _usage(list(_recorded(paths, jobs)), "the runs' own records")
    stretches, all_counted = [], True
    for cluster, account in accounts.items():
        asked = {jobs.job_id(s): s.gpus for s in jobs.submissions if s.cluster == cluster}
        for job in account.jobs:
            if job.started is not None:
                gpus = job.gpus if job.gpus is not None else asked.get(job.tasks.job_id, 0)
                all_counted &= job.gpus is not None or gpus == 0
                stretches.append(_Stretch(gpus, job.started, job.elapsed_seconds))
    counted_by: Source = "sacct" if all_counted else "sacct, which does not count GPUs here"
    return _usage(stretches, counted_by)


def _usage(stretches: list[_Stretch], source: Source) -> Usage:
    gpu_seconds = sum(stretch.gpus * stretch.seconds for stretch in stretches)
    wall = timedelta()
    if stretches:
        ends = [stretch.started + timedelta(seconds=stretch.seconds) for stretch in stretches]
        wall = max(ends) - min(stretch.started for stretch in stretches)
    return Usage(gpu_seconds / 3600, wall.total_seconds(), source)


def _recorded(paths: SweepPaths, jobs: SweepJobs) -> Iterator[_Stretch]:
    """Yield the time of each attempt that a job made, from the attempt's record."""
    gpus = {run_id: s.gpus_per_run for s in jobs.submissions for run_id in s.run_ids}
    for run_id, count in gpus.items():
        # If the folder cannot be read, the state of the run says so.
        with suppress(OSError):
            for attempt in paths.run(run_id).attempts():
                stretch = _attempt(attempt, count)
                if stretch is not None:
                    yield stretch


def _attempt(attempt: AttemptPaths, gpus: float) -> _Stretch | None:
    try:
        record = read_record(attempt)
    except OSError:
        return None  # `aevae status` says that the run cannot be read
    if record is None or record.slurm_job_id is None:
        return None
    began = datetime.fromisoformat(record.started_at)
    ended = began
    if record.ended_at is not None:
        ended = datetime.fromisoformat(record.ended_at)
    elif attempt.stderr.exists():
        ended = datetime.fromtimestamp(attempt.stderr.stat().st_mtime, UTC)
    return _Stretch(gpus, began, max(0.0, (ended - began).total_seconds()))
