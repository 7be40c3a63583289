"""Asking SLURM: each question is one call of one command, with a deadline.

A command that fails says nothing about the jobs. Therefore its error is raised, and is never taken
for "no jobs". A user can set defaults for these commands by variables such as SQUEUE_STATES and
SLURM_CLUSTERS. They would change the answer, so they are removed from the commands' environment.
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
# Without SLURM_CONF a command may find no cluster, and without SLURM_JWT it may not ask it.
KEPT = ("SLURM_CONF", "SLURM_JWT")
# These values make SLURM print times in ISO 8601, and lists of array indices in full length.
FIXED = {"SLURM_TIME_FORMAT": "standard", "SLURM_BITSTR_LEN": "0"}
UNKNOWN_ID = "Invalid job id specified"
Answer = TypeVar("Answer")


class SchedulerError(Exception):
    """SLURM could not be asked, or refused a request; the message is one line (exit code 1)."""


def queued_jobs(ids: Iterable[str], cluster: str | None = None) -> list[QueuedJob]:
    """Return the jobs of these ids that wait, run or are ending; each task of an array is one.

    Parameters
    ----------
    ids
        Ids of jobs, of whole arrays, or of single tasks (``12_3``).
    cluster
        The cluster to ask; None: the default of SLURM's commands on this host.

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
            # SLURM has forgotten the job. It says so only if a single id was asked for.
            if len(some) > 1 or UNKNOWN_ID not in str(error):
                raise
    return jobs


def queued_jobs_named(name: str, cluster: str | None = None) -> list[QueuedJob]:
    """Return the jobs of this name that wait, run or are ending; see `queued_jobs`."""
    return _queue(f"--name={name}", cluster)


def _queue(which: str, cluster: str | None) -> list[QueuedJob]:
    # With --array, squeue prints one line for each task.
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
    """Return every start of the jobs of these ids, first to last.

    sacct is asked by id, because a question by name and time leaves out jobs that were never
    eligible to start.

    Raises
    ------
    SchedulerError
        The cluster has no accounting, or sacct did not answer.
    """
    jobs: list[AccountedJob] = []
    for some in _batches(ids):
        # Without -D, sacct shows only the last start of a job that was requeued.
        options = (
            "-DXnP",
            *at_cluster(cluster),
            f"--jobs={','.join(some)}",
            f"--format={ACCOUNT_FORMAT}",
        )
        jobs += _understood(read_accounting, ask("sacct", *options))
    return jobs


def configuration(cluster: str | None = None) -> dict[str, str]:
    """Return the cluster's configuration, as `scontrol show config` prints it.

    Raises
    ------
    SchedulerError
        SLURM did not answer.
    """
    return read_configuration(ask("scontrol", *at_cluster(cluster), "show", "config"))


def max_array_size(configured: Mapping[str, str]) -> int:
    """Return how many tasks an array may have: its indices are 0 to MaxArraySize - 1."""
    size = read_number(configured.get("MaxArraySize", ""))
    if size is None:
        raise SchedulerError("scontrol show config names no MaxArraySize")
    return size


def being_preempted(raw_id: str) -> bool:
    """Whether a running job is being preempted, rather than cancelled."""
    told = read_job(ask("scontrol", "show", "job", raw_id, "--oneliner"))
    return told.get("JobState") == "RUNNING" and told.get("PreemptTime", "None") != "None"


def cancel_jobs(keys: Sequence[str], cluster: str | None = None) -> None:
    """Cancel jobs; a job that has ended already is no error."""
    if keys:
        ask("scancel", "--quiet", *at_cluster(cluster), *keys)


def ask(*command: str, variables: Mapping[str, str] | None = None) -> str:
    """Run a command of SLURM and return what it printed.

    Parameters
    ----------
    command
        The words of the command.
    variables
        Variables to add to its environment.

    Raises
    ------
    SchedulerError
        The command is not installed, failed, or took more than a minute.
    """
    done = call(*command, variables=variables)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise SchedulerError(f"{command[0]} failed: {lines[-1]}")
    return done.stdout


def call(
    *command: str, variables: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command of SLURM; see `ask`, but a failure of the command is returned, not raised.

    Raises
    ------
    SchedulerError
        The command is not installed, or took more than a minute.
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

    `ask` and `call` use it. A command that they do not start, such as srun, needs it too.
    """
    return {name: value for name, value in os.environ.items() if not _is_hidden(name)}


def _is_hidden(name: str) -> bool:
    return HIDDEN.match(name) is not None and name not in KEPT


def at_cluster(cluster: str | None) -> list[str]:
    """Return the option that names a cluster to a command; no option for None."""
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
