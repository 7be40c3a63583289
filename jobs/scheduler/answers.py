"""Reading what SLURM's commands print: pure functions from text to values.

Some sites print a banner before an answer, and the name of another user's job may hold any
character, such as a line break or a separator. Therefore a line that does not begin like a line of
the answer is ignored. A line that begins like one but cannot be read is an error, because it may
describe the job that was asked for.
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
# The exit code of a job step that was killed because memory ran out (all versions of slurmstepd).
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
    """SLURM_JOB_ID inside the job; for a task of an array that has not started, the array's id."""
    state: str
    start: str | None
    """When it started, or may start; local time, ISO 8601."""
    nodes: str
    reason: str | None
    """Why it waits; None if SLURM has not said."""
    name: str
    """The job's name up to its first line break."""

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
        """Whether it has ended; squeue lists such a job for some minutes."""
        return self.state in ENDED


@dataclass(frozen=True)
class AccountedJob:
    """One line of sacct: one start of a job, or tasks of an array that have not started."""

    tasks: "TaskSet"
    raw_id: str
    submitted: datetime | None
    started: datetime | None
    """None if the job has not started."""
    elapsed_seconds: int
    gpus: int | None
    """None if accounting does not count GPUs."""
    state: str

    @property
    def ended(self) -> bool:
        """Whether the state is final, unless the job is requeued."""
        return self.state in ENDED


@dataclass(frozen=True)
class TaskSet:
    """Jobs as SLURM writes them on one line: ``12``, ``12_3`` or ``12_[0-3,7,10-20:5%4]``."""

    job_id: str
    ranges: tuple[range, ...] = ()
    """Indices of tasks; empty for a job that is not an array."""
    together: bool = False
    """Whether the line has the form ``12_[3]`` for tasks that share it, be it a single one."""

    @classmethod
    def parse(cls, text: str) -> "TaskSet":
        """Read a JobID of squeue or sacct.

        Raises
        ------
        ValueError
            The text is not a JobID.
        """
        found = re.fullmatch(r"(\d+)(?:_(\d+)|_\[([\d,:-]+(?:,?\.\.\.)?)(?:%\d+)?\])?", text)
        if found is None:
            raise ValueError(f"SLURM named a job {text[:40]!r}, which cannot be read")
        job_id, index, indices = found.groups()
        if index is not None:
            return cls(job_id, (range(int(index), int(index) + 1),))
        if indices is None:
            return cls(job_id)
        # SLURM ends a long list with "..."; nothing is known of the tasks that it leaves out.
        parts = indices.removesuffix("...").rstrip(",").split(",")
        return cls(job_id, tuple(_indices(part, text) for part in parts), together=True)

    @property
    def only(self) -> str | None:
        """The job, such as ``12_3``, if the line is that of a single job."""
        if self.together:
            return None
        return f"{self.job_id}_{self.ranges[0].start}" if self.ranges else self.job_id

    def __contains__(self, key: str) -> bool:
        """Whether a job such as ``12_3`` is one of these jobs."""
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
    """Read what sacct printed in `ACCOUNT_FORMAT`, a line for each start of a job.

    Raises
    ------
    ValueError
        A line of the answer cannot be read.
    """
    jobs = []
    for key, raw_id, *times, tres, derived, said in _lines(text, _ACCOUNTED, "sacct"):
        submit, start, elapsed = times
        state = said.split()[0]  # CANCELLED by 1000
        # If memory ran out in a step of the job, sacct says only FAILED for the job itself.
        if state == "FAILED" and derived == OUT_OF_MEMORY_EXIT:
            state = "OUT_OF_MEMORY"
        tasks, seconds = TaskSet.parse(key), int(elapsed or 0)
        jobs.append(
            AccountedJob(tasks, raw_id, _time(submit), _time(start), seconds, _gpus(tres), state)
        )
    return jobs


def _lines(text: str, form: "re.Pattern[str]", command: str) -> Iterator[tuple[str, ...]]:
    # splitlines() would also split at other characters, which a name may hold.
    for line in text.split("\n"):
        found = form.fullmatch(line)
        if found is not None:
            yield found.groups()
        elif _BEGINNING.match(line):
            raise ValueError(f"cannot read this line of {command}: {line[:60]!r}")


def _time(text: str) -> datetime | None:
    """Read a local time; None for a word such as Unknown or None."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        return None


def _gpus(tres: str) -> int | None:
    """Read how many GPUs a list of resources names, as ``gres/gpu=2`` or by type of GPU."""
    counts = dict(re.findall(r"(?:^|,)gres/gpu(:[^=,]+)?=(\d+)", tres))
    if "" in counts:
        return int(counts[""])
    return sum(map(int, counts.values())) if counts else None


def read_number(text: str) -> int | None:
    """Read a number of jobs or tasks, which has at most 32 bits; None if the text is no number."""
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None


def read_configuration(text: str) -> dict[str, str]:
    """Read what `scontrol show config` printed."""
    return dict(re.findall(r"^(\w+)[ \t]*= *(.*?) *$", text, re.M))


def read_job(text: str) -> dict[str, str]:
    """Read what `scontrol show job --oneliner` printed of one job.

    The name of the job comes near the beginning, and may hold text that looks like other fields.
    Therefore the last one of several fields with the same key counts.
    """
    return dict(word.partition("=")[::2] for word in text.split())
