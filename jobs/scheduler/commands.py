"""Asking SLURM: each question is one call of one command, with a deadline.

A command that fails says nothing about the jobs: its error is raised, and never read as "no jobs".
"""

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

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
    reason: str | None
    """Why it waits; None if SLURM has not said."""
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
    started: datetime | None
    """None if it did not start."""
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
    return {job.key: job for job in _queue(f"--name={wanted}")} if wanted else {}


def all_queued_jobs() -> dict[str, QueuedJob]:
    """Return every job of anybody that has not left the queue, by its SLURM_JOB_ID.

    Raises
    ------
    SchedulerError
        SLURM did not answer.
    """
    # squeue --jobs fails for an id that SLURM has forgotten: asking for all does not.
    return {job.raw_id: job for job in _queue()}


def _queue(*options: str) -> Iterator[QueuedJob]:
    # --array: one line for each task. The reason comes last, because it may hold the separator.
    form = "%i|%A|%j|%T|%S|%N|%r"
    for line in ask("squeue", "--noheader", "--array", *options, f"--format={form}").splitlines():
        key, raw_id, name, state, start, nodes, reason = line.split("|", 6)
        why = reason if reason != "None" else None
        known = start if start and start != "N/A" else None
        yield QueuedJob(key, raw_id, name, state, why, known, nodes)


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
    # Without -D, sacct hides what came before a requeue. The state comes last: it may hold blanks.
    fields = "JobID,JobIDRaw,JobName,Start,ElapsedRaw,AllocTRES,State"
    options = ("-DXnP", f"--name={wanted}", f"--starttime={since}", f"--format={fields}")
    jobs = []
    for line in ask("sacct", *options).splitlines():
        key, raw_id, name, start, elapsed, resources, state = line.split("|", 6)
        # Start is Unknown, or None, before a job starts.
        started = datetime.fromisoformat(start).astimezone() if start[:1].isdigit() else None
        seconds = int(elapsed) if elapsed.isdigit() else 0
        found = re.search(r"gres/gpu=(\d+)", resources)
        gpus = int(found.group(1)) if found else 0
        jobs.append(AccountedJob(key, raw_id, name, state, started, seconds, gpus))
    return jobs


def configuration() -> dict[str, str]:
    """Return the cluster's configuration, as `scontrol show config` has it.

    Raises
    ------
    SchedulerError
        SLURM did not answer.
    """
    found = re.findall(r"^(\w+)\s*= *(.*?) *$", ask("scontrol", "show", "config"), re.M)
    return dict(found)


def max_array_size(configured: dict[str, str]) -> int:
    """Tasks that one array may have: MaxArraySize bounds the index, which starts at 0."""
    size = configured.get("MaxArraySize", "")
    if not size.isdigit():
        raise SchedulerError("scontrol show config names no MaxArraySize")
    return int(size)


def being_preempted(raw_id: str) -> bool:
    """Whether a running job is losing its place to another one, rather than being cancelled."""
    told = ask("scontrol", "show", "job", raw_id, "--oneliner")
    words = dict(word.partition("=")[::2] for word in told.split())
    return words.get("JobState") == "RUNNING" and words.get("PreemptTime", "None") != "None"


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
    done = call(*command, variables=variables)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise SchedulerError(f"{command[0]} failed: {lines[-1]}")
    return done.stdout


def call(
    *command: str, variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command of SLURM, whether it succeeds or not; see `ask`.

    Raises
    ------
    SchedulerError
        It is not installed, or took more than a minute.
    """
    try:
        return subprocess.run(
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
