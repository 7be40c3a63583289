"""Where and how a run executes. These settings are not part of the run id."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

from pydantic import Field

from aevae.config import Frozen

STOP_SIGNALS = (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)


class ExecutionConfig(Frozen):
    """Settings of the execution of a run: data folder, device, threads, checkpoints."""

    data_dir: Annotated[Path, Field(strict=False)] = Path("data")
    """Folder of the datasets."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto: a CUDA GPU if torch finds one, else the CPU."""
    threads: Annotated[int, Field(ge=0)] = 0
    """CPU threads of one run; 0: OMP_NUM_THREADS, the cores of the SLURM job, or all cores."""
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 30.0
    """Minimum time between two checkpoints, in seconds; 0: a checkpoint after every epoch."""


def granted_threads() -> int:
    """Return how many threads to use: OMP_NUM_THREADS, SLURM's allocation, or all cores."""
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        granted = os.environ.get(name, "")
        if granted.isdigit() and int(granted) > 0:
            return int(granted)
    return available_cores()


def available_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class StopRequest:
    """A request to stop: a signal sets it, and the training loop reads it after every epoch.

    The signal handler stores the signal and raises no exception. So no ``except`` can catch the
    request, and the handler cannot interrupt a save. A second Ctrl-C stops the process at once.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def install(self) -> "StopRequest":
        """Listen for USR2 (time limit, preemption), TERM and INT in this process."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._remember)
        return self

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        # USR2 asks the run to stop and to continue later. SLURM sends TERM as well when the grace
        # time is over; that TERM does not mean that the job was cancelled.
        if self.signal != signal.SIGUSR2:
            self.signal = signal.Signals(number)
