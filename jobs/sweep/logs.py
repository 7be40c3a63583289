"""Following the output of a run by reading its log files, which works from every host."""

import codecs
import time
from collections.abc import Iterator
from pathlib import Path

from aevae.files.attempt import newest_record
from aevae.files.layout import AttemptPaths, RunPaths
from jobs.sweep.early_end import failed_start, log_tail, submitted_job
from jobs.sweep.folder import Sweep
from jobs.sweep.state import State
from jobs.sweep.status import sweep_status

POLL_S = 0.5
ASK_SCHEDULER_S = 10.0


def follow_run(sweep: Sweep, run_id: str) -> Iterator[str]:
    """Yield the output of the newest attempt at a run and of later ones, until the run has ended.

    Yields
    ------
    str
        The text written since the last value; empty if there is none.
    """
    paths = sweep.paths.run(run_id)
    first = 0
    tails: dict[int, AttemptTail] = {}
    for active in _activity(sweep, paths):
        if not active:
            # The process may still write to its log after it has published the results.
            time.sleep(POLL_S)
        attempts = paths.attempts()
        first = first or len(attempts)
        for attempt in attempts[first - 1 :]:
            yield tails.setdefault(attempt.number, AttemptTail(attempt)).read()


def job_said(run: RunPaths) -> str:
    """Return the end of submitit's log of the newest job of a run, under a heading.

    The log holds what the job printed before it claimed an attempt, and SLURM's messages about it.
    """
    start = failed_start(run)
    job = start or submitted_job(run)
    if job is None:
        return ""
    tail = log_tail(run.sweep, job) or ("(it is empty)" if start else "")
    return f"--- submitit's log of job {job}, {run.sweep.job_log(job)}:\n{tail}\n" if tail else ""


def _activity(sweep: Sweep, paths: RunPaths) -> Iterator[bool]:
    """Yield, at each poll, whether a run may still continue; the last value is False.

    The scheduler is asked when an attempt begins or ends, and otherwise every 10 s.
    """
    seen, asked_at = None, 0.0
    while True:
        attempts = paths.attempts()
        record = newest_record(attempts)
        now = (len(attempts), record.outcome if record else None)
        shared = bool(sweep.paths.submissions() or (record and record.slurm_job_id))
        pause = ASK_SCHEDULER_S if shared else 2 * POLL_S
        if now != seen or time.monotonic() - asked_at >= pause:
            state = sweep_status(sweep, [paths.run_id])[0].state
            active = not state.terminal and state is not State.PLANNED
            seen, asked_at = now, time.monotonic()
        yield active
        if not active:
            return
        time.sleep(POLL_S)


class AttemptTail:
    """Standard output and error of an attempt; each read continues where the last one ended."""

    def __init__(self, attempt: AttemptPaths) -> None:
        self._outputs = {path: _Output(path) for path in (attempt.stdout, attempt.stderr)}

    def read(self) -> str:
        """Return the text that was written since the last call."""
        return "".join(output.read() for output in self._outputs.values())


class _Output:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        # A read may end in the middle of a character of several bytes.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> str:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return ""
        self._offset += len(new)
        return self._decoder.decode(new)
