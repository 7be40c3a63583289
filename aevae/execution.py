"""Where and how a run executes. None of it changes the results, so the run id leaves it out."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

from pydantic import Field

from aevae.config import Frozen

STOP_SIGNALS = (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)


class ExecutionConfig(Frozen):
    """Settings of the machine side of a run."""

    data_dir: Annotated[Path, Field(strict=False)] = Path("data")
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto: CUDA if there is one, else the CPU."""
    threads: Annotated[int, Field(ge=0)] = 0
    """CPU threads of one run; 0: as many as it was given (see `granted_threads`)."""
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 30.0
    """Least time between checkpoints; 0: one after every epoch."""


def granted_threads() -> int:
    """Threads that this process was given: OMP_NUM_THREADS, SLURM's allocation, or all cores."""
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        granted = os.environ.get(name, "")
        if granted.isdigit() and int(granted) > 0:
            return int(granted)
    return available_cores()


def available_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class StopRequest:
    """Set by a signal, read by the training loop at the end of every epoch.

    The handler does nothing but remember, so it cannot be swallowed by an ``except`` or
    interrupt a save. A second Ctrl-C stops at once.
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
        # USR2 asks the run to stop and go on later. SLURM sends TERM as well when the grace time is
        # over; that TERM does not mean that the job was cancelled.
        if self.signal != signal.SIGUSR2:
            self.signal = signal.Signals(number)
