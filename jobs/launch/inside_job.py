"""The task that submitit executes inside a job; no other module decides what happens there.

On SLURM, a job receives USR2 if its time limit is near or it is preempted. The job then saves a
checkpoint, and submitit requeues it. The same happens if a preempted job receives only TERM. A job
that is cancelled saves a checkpoint and ends. A job that SLURM itself requeues starts again from
the same pickle.
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
    """The runs of one job, usually a single run.

    The task holds only the sweep's folder and the names of runs. It reads everything else from disk
    when it starts.
    """

    sweep_folder: str
    run_ids: tuple[str, ...]
    side_by_side: bool = False

    def __call__(self) -> str:
        """Execute the runs in a job; return ``done`` or ``interrupted``."""
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
        # This must not stand in a `try`, because submitit's handler ends the process by an
        # exception.
        if _in_slurm() and _goes_on_later(stop):
            signal.signal(signal.SIGUSR2, requeue)
            _hand_over(sweep.paths, interrupted)
        return "interrupted"

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """Return what submitit shall execute when the job starts again, which is this task."""
        # A job that was killed while it saved left this file, and submitit refuses to save while
        # it exists.
        pickle = submitit.JobEnvironment().paths.submitted_pickle
        pickle.with_suffix(pickle.suffix + ".save_tmp").unlink(missing_ok=True)
        return submitit.helpers.DelayedSubmission(self)


def _in_slurm() -> bool:
    """Whether this process is a SLURM job of submitit's, and not one inside a user's allocation."""
    return str(submitit.JobEnvironment().cluster) == "slurm"


def _execute_in_turn(sweep: Sweep, run_ids: Sequence[str], stop: StopRequest) -> list[str]:
    """Execute one run after another in this process; return the one that was interrupted.

    A run that fails does not stop the others; the first error is raised at the end.
    """
    # The import is here because only a process that trains needs it.
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
    """Whether a run failed before this job was requeued to continue its other runs."""
    try:
        record = newest_record(run.attempts())
    except OSError:
        return False  # this run meets the error again when it is executed; the others do not
    if record is None or record.slurm_job_id is None:
        return False
    return record.outcome == "failed" and record.slurm_job_id == os.environ.get("SLURM_JOB_ID")


def _goes_on_later(stop: StopRequest) -> bool:
    """Whether a job that was told to stop must be requeued.

    A cancelled job must not be requeued. A preempted job must be, even if SLURM sends it only TERM:
    SLURM takes a job that ends in time for completed, and does not requeue it by itself.
    """
    if stop.signal == signal.SIGUSR2:
        return True
    try:
        return being_preempted(os.environ["SLURM_JOB_ID"])
    except SchedulerError:
        return False


def _hand_over(paths: SweepPaths, run_ids: Sequence[str]) -> None:
    """Let submitit requeue this job, and end the process; after too many timeouts the runs fail."""
    try:
        signal.raise_signal(signal.SIGUSR2)
    except UncompletedJobError:
        for run_id in run_ids:
            for attempt in paths.run(run_id).attempts()[-1:]:
                amend_outcome(attempt, "failed", "timeout")
        raise
