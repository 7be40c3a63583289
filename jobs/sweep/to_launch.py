"""Which runs a launcher starts, and which it leaves alone."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

from aevae.errors import InputError
from aevae.words import counted
from jobs.sweep.state import State
from jobs.sweep.status import RunStatus


def runs_to_launch(
    statuses: Sequence[RunStatus],
    insisted: Collection[str],
    say: Callable[[str], None],
    more_memory: Collection[str] = (),
    more_time: Collection[str] = (),
) -> list[str]:
    """Return the runs that a launch starts, and say why the others are left alone.

    Parameters
    ----------
    statuses
        States of the runs that may be launched.
    insisted
        Runs that the user named. A run that ran out of memory or time, or whose state is unknown,
        is launched only if it is named.
    say
        Receives a line for each kind of run that is left alone.
    more_memory
        Runs that a new job would give another amount of memory than before.
    more_time
        Runs that a new job would give more time than before.

    Raises
    ------
    InputError
        A newer release wrote the files of a run.
    """
    for status in statuses:
        if status.newer_release:
            raise InputError(f"{status.reason}; nothing was launched")
    reasons = {s.run_id: _why_left(s, insisted, more_memory, more_time) for s in statuses}
    for reason, count in Counter(filter(None, reasons.values())).items():
        say(f"{counted(count, 'run')} {'is' if count == 1 else 'are'} {reason}: left alone")
    return [run_id for run_id, reason in reasons.items() if reason is None]


def _why_left(
    status: RunStatus,
    insisted: Collection[str],
    more_memory: Collection[str],
    more_time: Collection[str],
) -> str | None:
    # A run that failed may still have a job, which trains other runs as well. If that job is
    # requeued after all its runs failed, it tries this run again.
    if status.state.active or status.state is State.DONE or status.job is not None:
        return status.state
    if status.run_id in insisted:
        return None
    if not status.state.resumable:
        return "unknown (--only RUN_ID takes one over)"
    if status.out_of_memory and status.run_id not in more_memory:
        return "out of memory (raise mem_gb in the profile, or name them with --only RUN_ID)"
    if status.out_of_time and status.run_id not in more_time:
        return (
            "out of time without a checkpoint (raise timeout_min, or name them with --only RUN_ID)"
        )
    return None
