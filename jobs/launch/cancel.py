"""Cancelling jobs of a scheduler, and waiting until they are gone."""

import time
from collections.abc import Sequence

from jobs.scheduler.commands import SchedulerError, cancel_jobs
from jobs.sweep.folder import Sweep
from jobs.sweep.status import sweep_status

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0


def cancel_queued(sweep: Sweep, run_ids: Sequence[str], timeout_s: float) -> list[str]:
    """Cancel the jobs of some runs that wait or run; return once they have left the queue.

    A running job is told by TERM, and killed after the cluster's KillWait (30 s by default).

    Returns
    -------
    list of str
        The runs whose jobs were cancelled.

    Raises
    ------
    SchedulerError
        SLURM cannot be asked, or the jobs were still there after `timeout_s` seconds.
    """
    keys = _queued(sweep, run_ids)
    cancel_jobs(list(keys.values()))
    left, pause = keys, FIRST_PAUSE_S
    deadline = time.monotonic() + timeout_s
    while left := _queued(sweep, list(left)):
        if time.monotonic() >= deadline:
            names = ", ".join(left.values())
            raise SchedulerError(f"jobs {names} are still in the queue after {timeout_s:g} s")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
    return list(keys)


def _queued(sweep: Sweep, run_ids: Sequence[str]) -> dict[str, str]:
    """Return the keys of the jobs of these runs that are in the queue."""
    if not run_ids:
        return {}
    statuses = sweep_status(sweep, run_ids)
    for status in statuses:
        if status.job == "unknown":
            raise SchedulerError(status.reason)
    return {status.run_id: status.job for status in statuses if status.job is not None}
