"""The task that submitit runs: the only file that knows what happens inside a job.

On SLURM a job that is told to stop by USR2 (its time limit is near, or it is preempted) saves, and
then lets submitit put it back into the queue. One that is told by TERM only (cancelled) saves and
ends; where SLURM itself requeues such a job, it starts again from the same pickle.
"""

import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import submitit
from submitit.core.utils import UncompletedJobError

from aevae.attempt import LOG_FORMAT, amend_outcome
from aevae.errors import Interrupted
from aevae.execution import StopRequest
from aevae.paths import SweepPaths
from jobs.submission import code_change, read_submissions
from jobs.sweep import Sweep

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunTask:
    """Runs of a sweep for one job, mostly a single one.

    Holds a path and names: all else is found on disk at the start.
    """

    sweep_folder: str
    run_ids: tuple[str, ...]

    def __call__(self) -> str:
        """Execute the runs in a job; return how it ended (``done`` or ``interrupted``)."""
        requeue = signal.getsignal(signal.SIGUSR2)
        stop = StopRequest().install()
        logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
        sweep = Sweep.open(Path(self.sweep_folder))
        _warn_of_changed_code(sweep.paths)
        interrupted = self._execute_all(sweep, stop)
        if interrupted is None:
            return "done"
        # Outside of any try: submitit's handler ends this process by an exception.
        in_slurm = submitit.JobEnvironment().cluster == "slurm"
        if in_slurm and stop.signal == signal.SIGUSR2:
            signal.signal(signal.SIGUSR2, requeue)
            _hand_over(sweep.paths, interrupted)
        return "interrupted"

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """Return what submitit should run when the job starts again: the same."""
        # Left by a job that was killed here before, it would stop this one.
        pickle = submitit.JobEnvironment().paths.submitted_pickle
        pickle.with_suffix(pickle.suffix + ".save_tmp").unlink(missing_ok=True)
        return submitit.helpers.DelayedSubmission(RunTask(self.sweep_folder, self.run_ids))

    def _execute_all(self, sweep: Sweep, stop: StopRequest) -> str | None:
        """Execute one run after another; return the run at which the job was interrupted.

        A run that fails does not take the others with it; its error is raised at the end.
        """
        # The one place where launching meets torch.
        from aevae.run import execute

        capture = submitit.JobEnvironment().cluster != "debug"
        errors = []
        for run_id in self.run_ids:
            if stop.signal is not None and run_id != self.run_ids[0]:
                return run_id
            try:
                execute(sweep.paths, run_id, sweep.spec.execution, stop, capture=capture)
            except Interrupted as error:
                log.info("interrupted: %s", error)
                return run_id
            except Exception as error:  # noqa: BLE001 - raised below; its reason is recorded
                errors.append(error)
        if errors:
            raise errors[0]
        return None


def _hand_over(paths: SweepPaths, run_id: str) -> None:
    """Let submitit requeue this job; it ends the process, unless the job had its share."""
    try:
        signal.raise_signal(signal.SIGUSR2)
    except UncompletedJobError:
        attempts = paths.run(run_id).attempts()
        if attempts:
            amend_outcome(attempts[-1], "failed", "timeout")
        raise


def _warn_of_changed_code(paths: SweepPaths) -> None:
    name = os.environ.get("SLURM_JOB_NAME")
    for submission in read_submissions(paths):
        if submission.job_name == name and (change := code_change(paths, submission)):
            log.warning("%s", change)
