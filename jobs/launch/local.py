"""Launching on this machine: submitit's local executor with a queue, and its debug executor."""

import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import submitit

from aevae.execution import available_cores
from aevae.files.attempt import LOG_FORMAT
from aevae.imports import python_path
from jobs.launch.gpus import usable_gpus
from jobs.launch.inside_job import RunTask
from jobs.launch.signals import live_attempt, send
from jobs.sweep.early_end import record_failed_start
from jobs.sweep.folder import Sweep
from jobs.sweep.launcher import launcher_lock

POLL_SECONDS = 0.25
STATUS_SECONDS = 1.0
# submitit needs a time limit for a local job. It is 30 days, because a local run has no limit.
TIMEOUT_MIN = 60 * 24 * 30


def run_local(
    sweep: Sweep, run_ids: Sequence[str], jobs: int | None, show: Callable[[], None]
) -> bool:
    """Execute runs on this machine, which share its cores and GPUs.

    Parameters
    ----------
    sweep
        The sweep, whose files are written already.
    run_ids
        Runs to execute.
    jobs
        Number of runs at the same time. None: one per GPU or, without GPUs, one per core, and 8 at
        most. Several runs at once are faster, because one run does not use the whole machine.
    show
        Shows the states; it is called about once a second, and at the end.

    Returns
    -------
    bool
        False if a signal interrupted it. Then every run has stopped and saved a checkpoint.
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
    """Execute runs one after another in this process; a run that fails starts a debugger.

    What the runs log is also shown in the terminal.
    """
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    executor = submitit.DebugExecutor(sweep.paths.submitit)
    with launcher_lock(sweep.paths):
        for run_id in run_ids:
            if executor.submit(RunTask(str(sweep.paths.root), (run_id,))).result() == "interrupted":
                return


class _Pool:
    """The runs that wait, the runs that we started, and live runs of a launcher that was killed."""

    def __init__(self, sweep: Sweep, run_ids: Sequence[str], jobs: int | None) -> None:
        gpus = usable_gpus()
        self._sweep = sweep
        self._jobs = jobs or min(len(run_ids), len(gpus) or available_cores(), 8)
        self._started: dict[str, submitit.Job[str]] = {}
        self._attempts: dict[str, int] = {}
        self._signalled: set[str] = set()
        # The runs of a launcher that was killed go on. This launcher waits for them.
        self._found = {r for r in run_ids if live_attempt(sweep.paths.run(r)) is not None}
        self.queue = deque(r for r in run_ids if r not in self._found)
        self._executor = submitit.LocalExecutor(sweep.paths.submitit)
        # Some containers have a GPU but no nvidia-smi, so the runs try GPU 0 if none is listed.
        none = "" if "CUDA_VISIBLE_DEVICES" in os.environ else "0"
        self._runs_on: dict[str, list[str]] = {gpu: [] for gpu in gpus or (none,)}
        self._threads = max(1, available_cores() // self._jobs)

    @property
    def busy(self) -> set[str]:
        return self._found | self._started.keys()

    def advance(self) -> None:
        """Remove the runs that have ended, and start others up to the number of runs at once."""
        self._found = {r for r in self._found if live_attempt(self._sweep.paths.run(r))}
        for run_id in [r for r, job in self._started.items() if job.done()]:
            self._end(run_id, self._started.pop(run_id))
        while self.queue and len(self.busy) < self._jobs:
            run_id = self.queue.popleft()
            self._started[run_id] = self._start(run_id)

    def stop_all(self) -> None:
        """Send TERM, once, to each run whose process can handle the signal already."""
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
        # update_parameters accepts only numbers, but the name of a GPU may be a UUID or empty.
        self._executor.parameters["visible_gpus"] = (self._take_gpu(run_id),)
        task = RunTask(str(self._sweep.paths.root), (run_id,))
        threads = os.environ.get("OMP_NUM_THREADS", str(self._threads))
        # Without PYTHONSAFEPATH, submitit's `python -m` would prefer modules in the working folder.
        inherited = {"OMP_NUM_THREADS": threads, "PYTHONSAFEPATH": "1", **python_path()}
        # Ctrl-C sends SIGINT to the whole process group. submitit's controller must ignore it, so
        # that the run can finish its epoch and save.
        with _environment(inherited), _ignoring_interrupts():
            return self._executor.submit(task)

    def _end(self, run_id: str, job: "submitit.Job[str]") -> None:
        """Record a job that ended before it claimed an attempt, so that its log can be found."""
        run = self._sweep.paths.run(run_id)
        if len(run.attempts()) == self._attempts[run_id]:
            record_failed_start(run, job.job_id)

    def _take_gpu(self, run_id: str) -> str:
        """Assign a run to the GPU with the fewest live runs, and return this GPU."""
        counts = {gpu: len(self.busy.intersection(runs)) for gpu, runs in self._runs_on.items()}
        gpu = min(counts, key=counts.__getitem__)
        self._runs_on[gpu].append(run_id)
        return gpu


@contextmanager
def stop_on_signals() -> Iterator[list[int]]:
    """Collect INT and TERM in a list, so that they do not end the process.

    An INT that follows another signal raises KeyboardInterrupt.
    """
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
