"""Launching on this machine: submitit's local executor with a queue, and its debug executor."""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import submitit

from aevae.execution import available_cores
from jobs.launch.gpus import usable_gpus
from jobs.launch.inside_job import RunTask
from jobs.launch.signals import live_attempt, send
from jobs.sweep.early_end import record_failed_start
from jobs.sweep.folder import Sweep
from jobs.sweep.launcher import launcher_lock

POLL_SECONDS = 0.25
STATUS_SECONDS = 1.0
# submitit ends a local job after this; the runs themselves have no limit.
TIMEOUT_MIN = 60 * 24 * 30


def run_local(
    sweep: Sweep, run_ids: Sequence[str], jobs: int | None, show: Callable[[], None]
) -> bool:
    """Run on this machine, with the cores and GPUs shared out among the runs.

    Parameters
    ----------
    sweep
        The sweep, laid out.
    run_ids
        Runs to execute.
    jobs
        Runs at once; None: one per GPU or, without GPUs, per core, up to 8, since runs side by side
        are faster.
    show
        Called about once a second, and at the end.

    Returns
    -------
    bool
        False if it was interrupted: then every run has stopped, with a checkpoint.
    """
    pool = _Pool(sweep, run_ids, jobs)
    with launcher_lock(sweep.paths), stop_on_signals() as stopping:
        shown_at = 0.0
        while pool.busy or (pool.queue and not stopping):
            if stopping:
                pool.queue.clear()
                pool.stop_all()
            pool.advance()
            if time.monotonic() - shown_at >= STATUS_SECONDS:
                show()
                shown_at = time.monotonic()
            time.sleep(POLL_SECONDS)
        show()
        return not stopping


def run_debug(sweep: Sweep, run_ids: Sequence[str]) -> None:
    """Run one after another in this process, with a debugger where one fails."""
    executor = submitit.DebugExecutor(sweep.paths.submitit)
    with launcher_lock(sweep.paths):
        for run_id in run_ids:
            if executor.submit(RunTask(str(sweep.paths.root), (run_id,))).result() == "interrupted":
                return


class _Pool:
    """Runs that wait to be started, and runs that processes train: ours, or those found alive."""

    def __init__(self, sweep: Sweep, run_ids: Sequence[str], jobs: int | None) -> None:
        gpus = usable_gpus()
        self._sweep = sweep
        self._jobs = jobs or min(len(run_ids), len(gpus) or available_cores(), 8)
        self._started: dict[str, submitit.Job[str]] = {}
        self._attempts: dict[str, int] = {}
        self._signalled: set[str] = set()
        # A launcher that was killed leaves its runs alive. This one waits for them.
        self._found = {r for r in run_ids if live_attempt(sweep.paths.run(r)) is not None}
        self.queue = deque(r for r in run_ids if r not in self._found)
        self._executor = submitit.LocalExecutor(sweep.paths.submitit)
        # Without nvidia-smi, as in some containers, there may be a GPU: the runs try the first one.
        none = "" if "CUDA_VISIBLE_DEVICES" in os.environ else "0"
        self._runs_on: dict[str, list[str]] = {gpu: [] for gpu in gpus or (none,)}
        self._threads = max(1, available_cores() // self._jobs)

    @property
    def busy(self) -> set[str]:
        return self._found | self._started.keys()

    def advance(self) -> None:
        """Forget the runs that have ended, and start as many others as may run at once."""
        self._found = {r for r in self._found if live_attempt(self._sweep.paths.run(r))}
        for run_id in [r for r, job in self._started.items() if job.done()]:
            self._end(run_id, self._started.pop(run_id))
        while self.queue and len(self.busy) < self._jobs:
            run_id = self.queue.popleft()
            self._started[run_id] = self._start(run_id)

    def stop_all(self) -> None:
        """Ask every run to stop, as soon as its process can handle the signal."""
        for run_id in self.busy - self._signalled:
            record = live_attempt(self._sweep.paths.run(run_id))
            if record is not None:
                send(record, signal.SIGTERM)
                self._signalled.add(run_id)

    def _start(self, run_id: str) -> "submitit.Job[str]":
        run = self._sweep.paths.run(run_id)
        self._sweep.paths.failed_start(run_id).unlink(missing_ok=True)
        self._attempts[run_id] = len(run.attempts())
        self._executor.update_parameters(timeout_min=TIMEOUT_MIN, gpus_per_node=1)
        # update_parameters takes numbers only, but the name of a GPU may be a UUID, or empty.
        self._executor.parameters["visible_gpus"] = (self._take_gpu(run_id),)
        task = RunTask(str(self._sweep.paths.root), (run_id,))
        threads = os.environ.get("OMP_NUM_THREADS", str(self._threads))
        # Without PYTHONSAFEPATH, submitit's `python -m` would prefer what lies in this folder.
        inherited = {"OMP_NUM_THREADS": threads, "PYTHONSAFEPATH": "1"}
        # Ctrl-C reaches the whole process group: submitit's controller must outlive it, so that
        # the run can finish its epoch and save.
        with _environment(inherited), _ignoring_interrupts():
            return self._executor.submit(task)

    def _end(self, run_id: str, job: "submitit.Job[str]") -> None:
        """Keep the link to the log of a job that ended before it claimed an attempt."""
        run = self._sweep.paths.run(run_id)
        if len(run.attempts()) == self._attempts[run_id]:
            record_failed_start(run, job.job_id)

    def _take_gpu(self, run_id: str) -> str:
        """Return the GPU with the fewest runs, which from now on has this one too."""
        at_work = {gpu: len(self.busy.intersection(runs)) for gpu, runs in self._runs_on.items()}
        gpu = min(at_work, key=at_work.__getitem__)
        self._runs_on[gpu].append(run_id)
        return gpu


@contextmanager
def stop_on_signals() -> Iterator[list[int]]:
    """Collect INT and TERM in a list instead of dying; a second INT raises KeyboardInterrupt."""
    received: list[int] = []

    def remember(number: int, _frame: object) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    previous = {n: signal.signal(n, remember) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    saved = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
