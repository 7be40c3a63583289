"""Cancelling jobs of SLURM, and waiting until they have left the queue."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from aevae.errors import InputError
from aevae.files.attempt import newest_record
from jobs.scheduler.clusters import Clusters
from jobs.scheduler.commands import SchedulerError, cancel_jobs
from jobs.scheduler.queue import NewestJob, SweepJobs
from jobs.scheduler.submissions import read_submissions, write_submission
from jobs.sweep.folder import Sweep
from jobs.sweep.launcher import launcher_lock
from jobs.sweep.status import sweep_status

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0


def cancel_queued(sweep: Sweep, run_ids: Sequence[str], timeout_s: float) -> list[str]:
    """Cancel the waiting and running jobs of some runs, and wait until they have left the queue.

    SLURM sends TERM to a running job, and KILL after the cluster's KillWait (30 s by default). A
    job is cancelled only if both the sweep's records and the job's name say that the sweep
    submitted it.

    Returns
    -------
    list of str
        The runs whose jobs were cancelled.

    Raises
    ------
    SchedulerError
        SLURM cannot be asked, or a job does not have the name that the sweep gave it, or jobs
        are still in the queue after `timeout_s` seconds.
    """
    jobs = _queued(sweep, run_ids)
    ours = {run_id: job for run_id, job in jobs.items() if job.ours}
    by_cluster: dict[str | None, set[str]] = defaultdict(set)
    for job in ours.values():
        by_cluster[job.cluster].add(str(job.key))
    clusters = Clusters()
    for cluster, keys in by_cluster.items():
        cancel_jobs(sorted(keys), clusters.to_name(cluster))
    _record_cancelled(sweep, ours)
    _wait(sweep, list(ours), timeout_s)
    strange = sorted({str(job.key) for run_id, job in jobs.items() if run_id not in ours})
    if strange:
        raise SchedulerError(
            f"jobs {', '.join(strange)} do not have the names that this sweep gave its jobs and "
            f"were not cancelled; if they are yours, use scancel {' '.join(strange)}"
        )
    return list(ours)


def _wait(sweep: Sweep, run_ids: list[str], timeout_s: float) -> None:
    pause, deadline = FIRST_PAUSE_S, time.monotonic() + timeout_s
    while left := _queued(sweep, run_ids):
        if time.monotonic() >= deadline:
            names = ", ".join(sorted({str(job.key) for job in left.values()}))
            raise SchedulerError(f"jobs {names} are still in the queue after {timeout_s:g} s")
        time.sleep(pause)
        pause, run_ids = min(2 * pause, LONGEST_PAUSE_S), list(left)


def _queued(sweep: Sweep, run_ids: Sequence[str]) -> dict[str, NewestJob]:
    """Return the jobs of these runs that are in the queue."""
    if not run_ids:
        return {}
    jobs = SweepJobs.of(sweep.paths)
    found = {}
    for status in sweep_status(sweep, run_ids, jobs):
        job = jobs.newest_job(status.run_id) if status.job is not None else None
        if job is not None and job.kind == "unknown":
            raise SchedulerError(job.detail or "SLURM cannot be asked")
        if job is not None:
            found[status.run_id] = job
    return found


def _record_cancelled(sweep: Sweep, jobs: Mapping[str, NewestJob]) -> None:
    """Record the runs whose jobs never started, because sacct may report it late or never."""
    waiting = {run_id for run_id, job in jobs.items() if job.kind == "waiting"}
    never_started = {r for r in waiting if newest_record(sweep.paths.run(r).attempts()) is None}
    if not never_started:
        return
    try:
        with launcher_lock(sweep.paths):
            for submission in read_submissions(sweep.paths):
                cancelled = {*submission.cancelled, *(never_started & {*submission.run_ids})}
                if cancelled != {*submission.cancelled}:
                    changed = {"cancelled": tuple(sorted(cancelled))}
                    write_submission(sweep.paths, submission.model_copy(update=changed))
    except InputError:
        return  # another launcher is at work, which may change the same records
