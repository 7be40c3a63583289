"""Asking SLURM: each question is one call of one command, with a deadline.

A command that fails says nothing about the jobs: it raises, and is never read as "no jobs".
"""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

TIMEOUT_S = 60
NOT_STARTED = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"})


class SchedulerError(Exception):
    """SLURM could not be asked, or refused; one line (exit code 1)."""


@dataclass(frozen=True)
class QueuedJob:
    """A job that has not left the queue."""

    key: str
    """``123`` or, for a task of an array, ``123_4``."""
    raw_id: str
    """The number that the job itself sees as SLURM_JOB_ID once it runs."""
    name: str
    state: str
    reason: str
    start: str | None
    """When it started, or may start; local time, ISO 8601."""
    nodes: str

    @property
    def waiting(self) -> bool:
        """Whether it waits to be started, for the first time or again."""
        return self.state in NOT_STARTED


@dataclass(frozen=True)
class AccountedJob:
    """One attempt of SLURM at a job, as accounting remembers it."""

    key: str
    raw_id: str
    name: str
    state: str
    elapsed_seconds: int
    gpus: int


def queued_jobs(names: Iterable[str]) -> dict[str, QueuedJob]:
    """Return the jobs of these names that wait, run or are just ending, by key.

    Raises
    ------
    SchedulerError
        SLURM did not answer.
    """
    wanted = ",".join(names)
    if not wanted:
        return {}
    # Tasks one by one (-r); what may hold the separator comes last.
    form = "%i|%A|%j|%T|%S|%N|%r"
    output = ask("squeue", "--noheader", "--array", f"--name={wanted}", f"--format={form}")
    jobs = {}
    for line in output.splitlines():
        key, raw_id, name, state, start, nodes, reason = line.split("|", 6)
        known = start if start and start != "N/A" else None
        jobs[key] = QueuedJob(key, raw_id, name, state, reason, known, nodes)
    return jobs


def unfinished_ids() -> set[str]:
    """Return the SLURM_JOB_ID of every job of anybody that has not left the queue.

    Raises
    ------
    SchedulerError
        SLURM did not answer.
    """
    # squeue --jobs fails for an id that SLURM has forgotten: asking for all does not.
    return set(ask("squeue", "--noheader", "--array", "--format=%A").split())


def accounted_jobs(names: Iterable[str], since: str) -> list[AccountedJob]:
    """Return every attempt at the jobs of these names, first to last.

    Parameters
    ----------
    names
        Names of jobs.
    since
        Time before the oldest of them was submitted: local, ``YYYY-MM-DDTHH:MM:SS``.

    Raises
    ------
    SchedulerError
        There is no accounting here, or it did not answer.
    """
    wanted = ",".join(names)
    if not wanted:
        return []
    # -D: an attempt that was requeued is hidden otherwise. State comes last: it may hold blanks.
    fields = "JobID,JobIDRaw,JobName,ElapsedRaw,AllocTRES,State"
    options = ("-DXnP", f"--name={wanted}", f"--starttime={since}", f"--format={fields}")
    jobs = []
    for line in ask("sacct", *options).splitlines():
        key, raw_id, name, elapsed, resources, state = line.split("|", 5)
        gpus = re.search(r"gres/gpu=(\d+)", resources)
        seconds = int(elapsed) if elapsed.isdigit() else 0
        jobs.append(
            AccountedJob(key, raw_id, name, state, seconds, int(gpus.group(1)) if gpus else 0)
        )
    return jobs


def max_array_size() -> int:
    """Tasks that one array may have: MaxArraySize bounds the index, which starts at 0."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config"), re.M)
    if found is None:
        raise SchedulerError("scontrol show config names no MaxArraySize")
    return int(found.group(1))


def cancel_jobs(keys: Sequence[str]) -> None:
    """Cancel jobs; those that have ended already are no error."""
    if keys:
        ask("scancel", "--quiet", *keys)


def ask(*command: str, variables: Mapping[str, str] | None = None) -> str:
    """Run a command of SLURM and return what it printed.

    Parameters
    ----------
    command
        Its words.
    variables
        Added to the environment.

    Raises
    ------
    SchedulerError
        It is not installed, failed, or took more than a minute.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(variables or {})},
        )
    except FileNotFoundError:
        raise SchedulerError(f"there is no {command[0]} on this machine") from None
    except subprocess.TimeoutExpired:
        raise SchedulerError(f"{command[0]} did not answer within {TIMEOUT_S} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise SchedulerError(f"{command[0]} failed: {lines[-1]}")
    return done.stdout
