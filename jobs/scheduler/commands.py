"""Asking SLURM: each question is one call of one command, with a deadline.

A command that fails says nothing about the jobs: its error is raised, and never read as "no jobs".
Defaults that a user has set for these commands (SQUEUE_STATES, SLURM_CLUSTERS, ...) are hidden from
them, because they would change the answer.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from jobs.scheduler.answers import (
    ACCOUNT_FORMAT,
    QUEUE_FORMAT,
    AccountedJob,
    QueuedJob,
    read_accounting,
    read_configuration,
    read_job,
    read_number,
    read_queue,
)

TIMEOUT_S = 60
# Linux limits one argument of a command to 128 KiB.
IDS_AT_ONCE = 5000
HIDDEN = re.compile(
    r"(SLURM|SLURMD|SBATCH|SRUN|SALLOC|SQUEUE|SACCT|SACCTMGR|SCANCEL|SCONTROL|SINFO|SUBMITIT)_"
)
# Without the first there may be no cluster at all, and without the second no permission to ask it.
KEPT = ("SLURM_CONF", "SLURM_JWT")
# Times in ISO 8601, and lists of array indices in full length.
FIXED = {"SLURM_TIME_FORMAT": "standard", "SLURM_BITSTR_LEN": "0"}
UNKNOWN_ID = "Invalid job id specified"
Answer = TypeVar("Answer")


class SchedulerError(Exception):
    """SLURM could not be asked, or refused; one line (exit code 1)."""


def queued_jobs(ids: Iterable[str], cluster: str | None = None) -> list[QueuedJob]:
    """Return the jobs of these ids that wait, run or are just ending, a value for each task.

    Parameters
    ----------
    ids
        Ids of jobs, of whole arrays, or of single tasks (``12_3``).
    cluster
        The cluster to ask; None: the one that SLURM's commands ask here.

    Raises
    ------
    SchedulerError
        SLURM did not answer.
    """
    jobs: list[QueuedJob] = []
    for some in _batches(ids):
        try:
            jobs += _queue(f"--jobs={','.join(some)}", cluster)
        except SchedulerError as error:
            # SLURM has forgotten the job. It says so only where a single id was asked for.
            if len(some) > 1 or UNKNOWN_ID not in str(error):
                raise
    return jobs


def queued_jobs_named(name: str, cluster: str | None = None) -> list[QueuedJob]:
    """Return the jobs of this name that wait, run or are just ending; see `queued_jobs`."""
    return _queue(f"--name={name}", cluster)


def _queue(which: str, cluster: str | None) -> list[QueuedJob]:
    # --array: one line for each task.
    command = (
        "squeue",
        "--noheader",
        "--array",
        *at_cluster(cluster),
        which,
        f"--format={QUEUE_FORMAT}",
    )
    return [job for job in _understood(read_queue, ask(*command)) if not job.ended]


def accounted_jobs(ids: Iterable[str], cluster: str | None = None) -> list[AccountedJob]:
    """Return every attempt at the jobs of these ids, first to last.

    They are asked for by id, because sacct leaves out by name and time what was never eligible.

    Raises
    ------
    SchedulerError
        There is no accounting here, or it did not answer.
    """
    jobs: list[AccountedJob] = []
    for some in _batches(ids):
        # Without -D, sacct hides what came before a requeue.
        options = (
            "-DXnP",
            *at_cluster(cluster),
            f"--jobs={','.join(some)}",
            f"--format={ACCOUNT_FORMAT}",
        )
        jobs += _understood(read_accounting, ask("sacct", *options))
    return jobs


def configuration(cluster: str | None = None) -> dict[str, str]:
    """Return the cluster's configuration, as `scontrol show config` has it.

    Raises
    ------
    SchedulerError
        SLURM did not answer.
    """
    return read_configuration(ask("scontrol", *at_cluster(cluster), "show", "config"))


def max_array_size(configured: Mapping[str, str]) -> int:
    """Tasks that one array may have: MaxArraySize bounds the index, which starts at 0."""
    size = read_number(configured.get("MaxArraySize", ""))
    if size is None:
        raise SchedulerError("scontrol show config names no MaxArraySize")
    return size


def being_preempted(raw_id: str) -> bool:
    """Whether a running job is losing its place to another one, rather than being cancelled."""
    told = read_job(ask("scontrol", "show", "job", raw_id, "--oneliner"))
    return told.get("JobState") == "RUNNING" and told.get("PreemptTime", "None") != "None"


def cancel_jobs(keys: Sequence[str], cluster: str | None = None) -> None:
    """Cancel jobs; those that have ended already are no error."""
    if keys:
        ask("scancel", "--quiet", *at_cluster(cluster), *keys)


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
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**clean_environment(), **FIXED, **(variables or {})},
        )
    except FileNotFoundError:
        raise SchedulerError(f"there is no {command[0]} on this machine") from None
    except subprocess.TimeoutExpired:
        raise SchedulerError(f"{command[0]} did not answer within {TIMEOUT_S} s") from None
    except OSError as error:
        raise SchedulerError(f"{command[0]} could not be started: {error.strerror}") from None


def clean_environment() -> dict[str, str]:
    """Return our environment without the variables of an enclosing job and the user's defaults.

    `ask` and `call` use it; it is also for a command of SLURM that speaks with the terminal.
    """
    return {name: value for name, value in os.environ.items() if not _is_hidden(name)}


def _is_hidden(name: str) -> bool:
    return HIDDEN.match(name) is not None and name not in KEPT


def at_cluster(cluster: str | None) -> list[str]:
    """Return the option that names a cluster to a command; none for the one that answers here."""
    return [f"--clusters={cluster}"] if cluster is not None else []


def _batches(ids: Iterable[str]) -> Iterator[list[str]]:
    left = iter(dict.fromkeys(ids))
    while some := list(islice(left, IDS_AT_ONCE)):
        yield some


def _understood(read: Callable[[str], Answer], text: str) -> Answer:
    try:
        return read(text)
    except ValueError as error:
        raise SchedulerError(str(error)) from None
