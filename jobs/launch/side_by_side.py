"""Several runs at the same time in one job, each in its own process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from aevae.errors import ExitCode
from aevae.execution import StopRequest, granted_threads
from aevae.imports import python_path
from jobs.launch.gpus import usable_gpus

POLL_S = 0.2
# A signal that arrives before `aevae run` has installed its handler ends the process.
INTERRUPTED = (ExitCode.INTERRUPTED, -signal.SIGUSR2, -signal.SIGTERM)
NOT_FAILED = (ExitCode.OK, *INTERRUPTED)


@dataclass(frozen=True)
class Ends:
    """The runs of a job that are not done."""

    interrupted: list[str]
    failed: list[str]


def execute_side_by_side(
    sweep: Path, run_ids: Sequence[str], stop: StopRequest, *, in_job: bool
) -> Ends:
    """Execute runs at the same time and wait for all; they share the threads and GPUs of the job.

    A signal to stop is sent on to each process, and each run saves its own checkpoint.
    """
    threads = max(1, granted_threads() // len(run_ids))
    flags = ["--capture", *(["--in-job"] if in_job else [])]
    command = [sys.executable, "-P", "-m", "jobs.cli", "run", *flags, str(sweep)]
    processes = {
        run_id: subprocess.Popen(
            [*command, run_id],
            env={**os.environ, "OMP_NUM_THREADS": str(threads), **python_path(), **gpu},
        )
        for run_id, gpu in zip(run_ids, cycle(_gpus_of_this_job()), strict=False)
    }
    told = False
    while any(process.poll() is None for process in processes.values()):
        if stop.signal is not None and not told:
            told = True
            for process in processes.values():
                process.send_signal(stop.signal)
        time.sleep(POLL_S)
    codes = {run_id: process.returncode for run_id, process in processes.items()}
    return Ends(
        interrupted=[run_id for run_id, code in codes.items() if code in INTERRUPTED],
        failed=[run_id for run_id, code in codes.items() if code not in NOT_FAILED],
    )


def _gpus_of_this_job() -> list[dict[str, str]]:
    """Return, for each GPU of the job, the variable that names this GPU.

    A run uses the first GPU that it sees, so runs that see all GPUs would use the same one.
    """
    if "CUDA_VISIBLE_DEVICES" not in os.environ:
        return [{}]
    return [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in usable_gpus()] or [{}]
