"""What a cluster allows: jobs in the queue, tasks of an array, time in a partition."""

import math
import os
import pwd
import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from functools import partial

from jobs.scheduler.answers import read_number
from jobs.scheduler.commands import SchedulerError, ask, at_cluster, max_array_size
from jobs.scheduler.profile import ClusterProfile

_N = "([0-9]{1,9})"
TIME_LIMIT = re.compile(rf"(?:{_N}-)?(?:{_N}:)?{_N}:00")


@dataclass(frozen=True)
class Limit:
    """A limit on the jobs that one user has in the queue; each task of an array counts."""

    name: str
    jobs: int
    queued: int

    @property
    def room(self) -> int:
        """Jobs that may still be submitted."""
        return max(0, self.jobs - self.queued)

    def __str__(self) -> str:
        return f"{self.name} allows {self.jobs} jobs in the queue, {self.queued} were there"


def submit_limit(profile: ClusterProfile, configuration: dict[str, str]) -> Limit | None:
    """Return the limit that leaves the least room; None if none is enforced or can be read.

    These limits are read: MaxSubmitJobs and GrpSubmitJobs of the user's associations, GrpSubmitJobs
    of their accounts, and MaxSubmitJobsPerUser and GrpSubmitJobs of the quality of service (QOS).
    MaxJobs is not read, because it limits running jobs only: further jobs can still be submitted.

    Parameters
    ----------
    profile
        What the jobs ask for.
    configuration
        The cluster's configuration; see `jobs.scheduler.commands.configuration`.
    """
    if "limits" not in configuration.get("AccountingStorageEnforce", ""):
        return None
    try:
        limits = list(_limits(profile, profile.clusters or configuration.get("ClusterName", "")))
    except SchedulerError:
        return None  # sbatch will refuse jobs that do not fit
    return min(limits, key=lambda limit: limit.room, default=None)


def array_tasks(configuration: dict[str, str]) -> int:
    """Return how many tasks one array may have; 1 if arrays are disabled (MaxArraySize is 0)."""
    found = re.search(
        r"\bmax_array_tasks=([0-9]{1,9})", configuration.get("SchedulerParameters", "")
    )
    size = max_array_size(configuration)
    return max(1, min(size, int(found.group(1))) if found else size)


def too_long(profile: ClusterProfile) -> str | None:
    """Return a message if no partition of the profile allows its time limit; None if one does.

    SLURM accepts such a job, but the job then waits for ever (PartitionTimeLimit).

    Raises
    ------
    SchedulerError
        SLURM did not answer.
    """
    limits: dict[str, float] = {}
    for partition, text in _rows(
        2, "sinfo", *at_cluster(profile.clusters), "--noheader", "--format=%P|%l"
    ):
        minutes = _minutes(text)
        # sinfo marks the default partition with an asterisk.
        name = partition.removesuffix("*")
        asked = name in profile.partitions or (not profile.partitions and name != partition)
        if asked and minutes is not None:
            limits[name] = minutes
    if not limits or profile.timeout_min <= max(limits.values()):
        return None
    longest = max(limits, key=lambda name: limits[name])
    return (
        f"timeout_min is {profile.timeout_min}, but partition {longest} allows "
        f"{limits[longest]:.0f} minutes: SLURM accepts such a job, but never starts it"
    )


def _minutes(text: str) -> float | None:
    """Read a time limit in the form of sinfo, such as ``1-00:00:00``; None for other text."""
    if text.strip().lower() in ("infinite", "unlimited"):
        return math.inf
    found = TIME_LIMIT.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return (days * 24 + hours) * 60 + minutes


class _Queue:
    """The jobs in the queue: those of one user, and the number of those of all users."""

    def __init__(self, clusters: str | None, user: str) -> None:
        self._command = ("squeue", *at_cluster(clusters), "--noheader", "--array", "--format=%a|%q")
        self._own = _rows(2, *self._command, f"--user={user}")

    def own_of_account(self, account: str) -> int:
        return sum(row[0] == account for row in self._own)

    def own_of_quality(self, name: str) -> int:
        return sum(row[1] == name for row in self._own)

    def of_all_users(self, which: str) -> int:
        return len(_rows(2, *self._command, which))


def _limits(profile: ClusterProfile, cluster: str) -> Iterator[Limit]:
    user = _user()
    queue = _Queue(profile.clusters, user)
    wanted = "format=Account,Partition,DefaultQOS,MaxSubmitJobs,GrpSubmitJobs"
    associations = [
        row
        for row in _associations(5, f"user={user}", cluster, wanted)
        if profile.account in (None, row[0]) and row[1] in ("", *profile.partitions)
    ]
    for account, _, _, jobs, group in associations:
        count = partial(queue.own_of_account, account)
        yield from _limit(f"MaxSubmitJobs of account {account}", jobs, count)
        yield from _limit(f"GrpSubmitJobs of account {account}", group, count)
    yield from _account_limits({row[0] for row in associations}, cluster, queue)
    default_qualities = {row[2] for row in associations}
    yield from _quality_limits({profile.qos} if profile.qos else default_qualities, queue)


def _account_limits(accounts: Set[str], cluster: str, queue: _Queue) -> Iterator[Limit]:
    """Yield the limits of accounts and of their parent accounts; each holds for all its users."""
    known = _with_parents(accounts, cluster)
    for account, (_, group) in known.items():
        below = [name for name in known if account in _with_ancestors(name, known)]
        count = partial(queue.of_all_users, f"--account={','.join(below)}")
        yield from _limit(f"GrpSubmitJobs of account {account}", group, count)


# By account: its parent account, and its GrpSubmitJobs.
_Accounts = dict[str, tuple[str, str]]


def _with_parents(accounts: Set[str], cluster: str) -> _Accounts:
    known: _Accounts = {}
    wanted = "format=Account,User,ParentName,GrpSubmitJobs"
    while asked := sorted(accounts):
        rows = _associations(4, f"account={','.join(asked)}", cluster, wanted)
        # sacctmgr lists the associations of users too; these rows name a user.
        rows = [row for row in rows if row[0] in asked and not row[1]]
        new = {name: (parent, group) for name, _, parent, group in rows}
        known |= new
        accounts = {parent for parent, _ in new.values()} - known.keys() - {""}
    return known


def _with_ancestors(account: str, known: _Accounts) -> list[str]:
    """Return an account, its parent, the parent's parent and so on, as far as they are known."""
    line: list[str] = []
    while account in known and account not in line:
        line.append(account)
        account, _ = known[account]
    return line


def _quality_limits(names: Set[str], queue: _Queue) -> Iterator[Limit]:
    wanted = "format=Name,MaxSubmitJobsPerUser,GrpSubmitJobs"
    for name, jobs, group in _rows(3, "sacctmgr", "-nP", "show", "qos", wanted):
        if name in names:
            own = partial(queue.own_of_quality, name)
            yield from _limit(f"MaxSubmitJobsPerUser of QOS {name}", jobs, own)
            all_users = partial(queue.of_all_users, f"--qos={name}")
            yield from _limit(f"GrpSubmitJobs of QOS {name}", group, all_users)


def _associations(width: int, whose: str, cluster: str, wanted: str) -> list[list[str]]:
    return _rows(width, "sacctmgr", "-nP", "show", "assoc", whose, f"cluster={cluster}", wanted)


def _limit(name: str, jobs: str, count: Callable[[], int]) -> Iterator[Limit]:
    """Yield a limit if there is one; only then are the jobs counted."""
    most = read_number(jobs)
    if most is not None:
        yield Limit(name, most, count())


def _user() -> str:
    """Return the user's name; the user id if the user has no name, as in some containers."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _rows(width: int, *command: str) -> list[list[str]]:
    """Run a command and return its lines of `width` fields; other lines are headings or banners."""
    # splitlines() would also split at other characters, which a name may hold.
    rows = (line.split("|") for line in ask(*command).split("\n"))
    return [row for row in rows if len(row) == width]
