"""The task that submitit runs: the only file that knows what happens inside a job."""

import logging
from dataclasses import dataclass
from pathlib import Path

import submitit

from aevae.attempt import LOG_FORMAT
from aevae.errors import Interrupted
from aevae.execution import StopRequest
from jobs.sweep import Sweep


@dataclass(frozen=True)
class RunTask:
    """One run of a sweep. Holds a path and a run id: all else is found on disk at the start."""

    sweep_folder: str
    run_id: str

    def __call__(self) -> str:
        """Execute the run in a job; return how it ended (``done`` or ``interrupted``)."""
        # The one place where launching meets torch.
        from aevae.run import execute

        logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
        stop = StopRequest().install()
        sweep = Sweep.open(Path(self.sweep_folder))
        in_batch = submitit.JobEnvironment().cluster != "debug"
        try:
            execute(sweep.paths, self.run_id, sweep.spec.execution, stop, capture=in_batch)
        except Interrupted:
            return "interrupted"
        return "done"
