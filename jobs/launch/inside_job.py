"""The task that submitit runs: the only file that knows what happens inside a job.

On SLURM a job that is told to stop by USR2 (its time limit is near, or it is preempted) saves, and
then lets submitit put it back into the queue. So does one that is preempted by TERM alone. One
that is cancelled saves and ends. One that SLURM itself requeues starts again from the same pickle.
"""

import logging
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import submitit
from submitit.core.utils import UncompletedJobError

from aevae.errors import Interrupted, RunFailed
from aevae.execution import StopRequest
from aevae.files.attempt import LOG_FORMAT, SlurmJob, amend_outcome, newest_record
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.runs import check_listed
from jobs.launch.side_by_side import execute_side_by_side
from jobs.scheduler.commands import SchedulerError, being_preempted
from jobs.sweep.folder import Sweep, restore_run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunTask:
    """Runs of a sweep for one job, mostly a single one.

    Holds a path and names: all else is found on disk at the start.
    """

    sweep_folder: str
    run_ids: tuple[str, ...]
    side_by_side: bool = False

    def __call__(self) -> str:
        """Execute the runs in a job; return how it ended (``done`` or ``interrupted``)."""
        requeue = signal.getsignal(signal.SIGUSR2)
        stop = StopRequest().install()
        logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
        sweep = Sweep.open(Path(self.sweep_folder))
        check_listed(sweep.paths)
        remaining = [r for r in self.run_ids if not _failed_in_this_job(sweep.paths.run(r))]
        # If all runs have failed and the job starts again, a person has requeued it: the runs are
        # tried again.
        remaining = remaining or list(self.run_ids)
        together = self.side_by_side and len(remaining) > 1
        execute_all = _execute_together if together else _execute_in_turn
        interrupted = execute_all(sweep, remaining, stop)
        if not interrupted:
            return "done"
        # Not within a try: submitit's handler ends this process by an exception.
        if _in_slurm() and _goes_on_later(stop):
            signal.signal(signal.SIGUSR2, requeue)
            _hand_over(sweep.paths, interrupted)
        return "interrupted"

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """Return what submitit should run when the job starts again: the same."""
        # A job that was killed while it saved left this file, and submitit refuses to save while
        # it exists.
        pickle = submitit.JobEnvironment().paths.submitted_pickle
        pickle.with_suffix(pickle.suffix + ".save_tmp").unlink(missing_ok=True)
        return submitit.helpers.DelayedSubmission(self)


def _in_slurm() -> bool:
    """Whether submitit's own job of SLURM runs this, rather than a session in an allocation."""
    return str(submitit.JobEnvironment().cluster) == "slurm"


def _execute_in_turn(sweep: Sweep, run_ids: Sequence[str], stop: StopRequest) -> list[str]:
    """Execute one run after another in this process; return the one that was interrupted.

    A run that fails does not take the others with it; its error is raised at the end.
    """
    # Only a process that trains needs it; it imports torch once it has claimed the attempt.
    from aevae.training.run import execute

    capture = submitit.JobEnvironment().cluster != "debug"
    job = SlurmJob.of_environment() if _in_slurm() else None
    errors = []
    for run_id in run_ids:
        if stop.signal is not None and run_id != run_ids[0]:
            return [run_id]
        try:
            restore_run(sweep, run_id)
            spec = sweep.spec
            execute(
                *(sweep.paths, run_id, spec.execution, spec.evaluation, stop),
                capture=capture,
                slurm_job=job,
            )
        except Interrupted as error:
            log.info("interrupted: %s", error)
            return [run_id]
        except Exception as error:  # noqa: BLE001 - raised below; its reason is recorded
            errors.append(error)
    if errors:
        raise errors[0]
    return []


def _execute_together(sweep: Sweep, run_ids: Sequence[str], stop: StopRequest) -> list[str]:
    """Execute runs at the same time; return those that were interrupted."""
    ends = execute_side_by_side(sweep.paths.root, run_ids, stop, in_job=_in_slurm())
    if ends.failed and not ends.interrupted:
        raise RunFailed("failed", ", ".join(ends.failed))
    return ends.interrupted


def _failed_in_this_job(run: RunPaths) -> bool:
    """Whether a run failed before this job was requeued for the sake of its other runs."""
    try:
        record = newest_record(run.attempts())
    except OSError:
        return False  # its own turn ends with this error, and not that of the other runs
    if record is None or record.slurm_job_id is None:
        return False
    return record.outcome == "failed" and record.slurm_job_id == os.environ.get("SLURM_JOB_ID")


def _goes_on_later(stop: StopRequest) -> bool:
    """Whether a job that was told to stop must be put back into the queue.

    A cancelled job must not. A preempted one must, also where SLURM sends it TERM alone: if it ends
    in time, SLURM takes it for completed and does not requeue it.
    """
    if stop.signal == signal.SIGUSR2:
        return True
    try:
        return being_preempted(os.environ["SLURM_JOB_ID"])
    except SchedulerError:
        return False


def _hand_over(paths: SweepPaths, run_ids: Sequence[str]) -> None:
    """Let submitit requeue this job, which ends the process; after too many timeouts it refuses."""
    try:
        signal.raise_signal(signal.SIGUSR2)
    except UncompletedJobError:
        for run_id in run_ids:
            for attempt in paths.run(run_id).attempts()[-1:]:
                amend_outcome(attempt, "failed", "timeout")
        raise
