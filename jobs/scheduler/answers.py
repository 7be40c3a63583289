"""Reading what SLURM's commands print: pure functions from text to values.

Sites put banners before an answer, and the name of a stranger's job may hold any character, line
breaks and separators included. A line that does not begin as a line of the answer is therefore no
part of it. A line that begins so, but cannot be read, is an error: it may be the job looked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

WAITING = frozenset(
    {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
)
ENDED = frozenset(
    {
        *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "LAUNCH_FAILED"),
        *("NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "RECONFIG_FAIL", "TIMEOUT"),
    }
)
# The exit code of a step that was killed because memory ran out (SLURM's slurmstepd, all versions).
OUT_OF_MEMORY_EXIT = "0:125"

QUEUE_FORMAT = "%i|%A|%T|%S|%N|%r|%j"
_KEY = r"\d+(?:_\d+)?"
_QUEUED = re.compile(rf"({_KEY})\|(\d+)\|([A-Z_]+)\|([^|]*)\|([^|]*)\|([^|]*)\|(.*)")
ACCOUNT_FORMAT = "JobID,JobIDRaw,Submit,Start,ElapsedRaw,AllocTRES,DerivedExitCode,State"
_ACCOUNTED = re.compile(
    r"(\d+(?:_\d+|_\[[^]|]*\])?)\|(\d+)\|([^|]*)\|([^|]*)\|(\d*)\|([^|]*)\|([^|]*)\|([A-Z_]+[^|]*)"
)
_BEGINNING = re.compile(r"\d+(_\S*)?\|\d+\|")


@dataclass(frozen=True)
class QueuedJob:
    """A job that squeue knows."""

    key: str
    """``123`` or, for a task of an array, ``123_4``."""
    raw_id: str
    """What the job sees as SLURM_JOB_ID; for a task that was not started yet, that of its array."""
    state: str
    start: str | None
    """When it started, or may start; local time, ISO 8601."""
    nodes: str
    reason: str | None
    """Why it waits; None if SLURM has not said."""
    name: str
    """Up to its first line break, if there is one."""

    @property
    def waiting(self) -> bool:
        """Whether it waits to be started, for the first time or again."""
        return self.state in WAITING

    @property
    def elsewhere(self) -> bool:
        """Whether another cluster of the federation has started it."""
        return self.state == "REVOKED"

    @property
    def ended(self) -> bool:
        """Whether it is over, and remembered for some minutes."""
        return self.state in ENDED


@dataclass(frozen=True)
class AccountedJob:
    """One attempt of SLURM at a job, or tasks of an array that did not start, as sacct has it."""

    tasks: "TaskSet"
    raw_id: str
    submitted: datetime | None
    started: datetime | None
    """None if it did not start."""
    elapsed_seconds: int
    gpus: int | None
    """None where accounting does not count GPUs."""
    state: str

    @property
    def ended(self) -> bool:
        """Whether it will not change any more, except by a requeue."""
        return self.state in ENDED


@dataclass(frozen=True)
class TaskSet:
    """Jobs as SLURM writes them on one line: ``12``, ``12_3`` or ``12_[0-3,7,10-20:5%4]``."""

    job_id: str
    ranges: tuple[range, ...] = ()
    """Indices of tasks; empty for a job that is no array."""
    together: bool = False
    """Whether they share the line, although there may be one of them."""

    @classmethod
    def parse(cls, text: str) -> "TaskSet":
        """Read a JobID of squeue or sacct.

        Raises
        ------
        ValueError
            It is none.
        """
        found = re.fullmatch(r"(\d+)(?:_(\d+)|_\[([\d,:-]+(?:,?\.\.\.)?)(?:%\d+)?\])?", text)
        if found is None:
            raise ValueError(f"SLURM named a job {text[:40]!r}, which cannot be read")
        job_id, index, indices = found.groups()
        if index is not None:
            return cls(job_id, (range(int(index), int(index) + 1),))
        if indices is None:
            return cls(job_id)
        # SLURM cuts a long list short with "...": of the tasks left out, nothing is known.
        parts = indices.removesuffix("...").rstrip(",").split(",")
        return cls(job_id, tuple(_indices(part, text) for part in parts), together=True)

    @property
    def only(self) -> str | None:
        """The job such as ``12_3`` if it is a single one that was named by itself."""
        if self.together:
            return None
        return f"{self.job_id}_{self.ranges[0].start}" if self.ranges else self.job_id

    def __contains__(self, key: str) -> bool:
        """Whether a job such as ``12_3`` is among them."""
        job_id, _, index = key.partition("_")
        if job_id != self.job_id:
            return False
        return any(int(index) in part for part in self.ranges) if index else not self.ranges


def _indices(part: str, text: str) -> range:
    """Read ``7``, ``0-3`` or ``10-20:5``."""
    found = re.fullmatch(r"(\d+)(?:-(\d+)(?::([1-9]\d*))?)?", part)
    if found is None:
        raise ValueError(f"SLURM named a job {text[:40]!r}, which cannot be read")
    first, last, step = found.groups()
    return range(int(first), int(last or first) + 1, int(step or 1))


def read_queue(text: str) -> list[QueuedJob]:
    """Read what squeue printed in `QUEUE_FORMAT`, a line for each task.

    Raises
    ------
    ValueError
        A line of the answer cannot be read.
    """
    jobs = []
    for key, raw_id, state, start, nodes, reason, name in _lines(text, _QUEUED, "squeue"):
        known = start if start[:1].isdigit() else None
        why = reason if reason not in ("", "None") else None
        jobs.append(QueuedJob(key, raw_id, state, known, nodes, why, name))
    return jobs


def read_accounting(text: str) -> list[AccountedJob]:
    """Read what sacct printed in `ACCOUNT_FORMAT`, a line for each attempt of SLURM.

    Raises
    ------
    ValueError
        A line of the answer cannot be read.
    """
    jobs = []
    for key, raw_id, *times, tres, derived, said in _lines(text, _ACCOUNTED, "sacct"):
        submit, start, elapsed = times
        state = said.split()[0]  # CANCELLED by 1000
        # Memory ran out in a step of the job: then the job itself has only FAILED.
        if state == "FAILED" and derived == OUT_OF_MEMORY_EXIT:
            state = "OUT_OF_MEMORY"
        tasks, seconds = TaskSet.parse(key), int(elapsed or 0)
        jobs.append(
            AccountedJob(tasks, raw_id, _time(submit), _time(start), seconds, _gpus(tres), state)
        )
    return jobs


def _lines(text: str, form: "re.Pattern[str]", command: str) -> Iterator[tuple[str, ...]]:
    # Not splitlines(): it also splits at characters that a name may hold.
    for line in text.split("\n"):
        found = form.fullmatch(line)
        if found is not None:
            yield found.groups()
        elif _BEGINNING.match(line):
            raise ValueError(f"{command} answered what cannot be read: {line[:60]!r}")


def _time(text: str) -> datetime | None:
    """Read a local time; None for Unknown, None and what else says that there is none."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return None


def _gpus(tres: str) -> int | None:
    """Read how many GPUs a list of resources names: ``gres/gpu=2``, or by type as sites track."""
    counts = dict(re.findall(r"(?:^|,)gres/gpu(:[^=,]+)?=(\d+)", tres))
    if "" in counts:
        return int(counts[""])
    return sum(map(int, counts.values())) if counts else None


def read_number(text: str) -> int | None:
    """Read a number of jobs or tasks, which has 32 bits; None for what says that there is none."""
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None


def read_configuration(text: str) -> dict[str, str]:
    """Read what `scontrol show config` printed."""
    return dict(re.findall(r"^(\w+)[ \t]*= *(.*?) *$", text, re.M))


def read_job(text: str) -> dict[str, str]:
    """Read what `scontrol show job --oneliner` printed of one job.

    The name comes near the beginning and may hold blanks and what looks like other fields: of a
    field that stands there twice, the last one counts.
    """
    return dict(word.partition("=")[::2] for word in text.split())
