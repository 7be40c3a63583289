"""How many more jobs a user may have in the queue, as far as the cluster says."""

import getpass
from collections.abc import Iterable
from dataclasses import dataclass

from jobs.scheduler.commands import SchedulerError, ask
from jobs.scheduler.profile import ClusterProfile


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
    """Return the limit that leaves the least room; None if none is enforced or can be seen.

    MaxSubmitJobs of the user's associations and MaxSubmitJobsPerUser of the quality of service
    are looked at. MaxJobs bounds what runs at once: the other jobs wait for it in the queue.

    Parameters
    ----------
    profile
        What the jobs ask for.
    configuration
        As `scontrol show config` has it.
    """
    if "limits" not in configuration.get("AccountingStorageEnforce", ""):
        return None
    try:
        limits = list(_limits(profile, configuration.get("ClusterName", "")))
    except SchedulerError:
        return None  # sbatch will refuse what does not fit
    return min(limits, key=lambda limit: limit.room, default=None)


def _limits(profile: ClusterProfile, cluster: str) -> Iterable[Limit]:
    user = getpass.getuser()
    queued = _rows("squeue", "--noheader", "--array", f"--user={user}", "--format=%a|%q")
    wanted = "format=Account,Partition,DefaultQOS,MaxSubmitJobs"
    associations = _rows(
        *("sacctmgr", "-nP", "show", "assoc", f"user={user}", f"cluster={cluster}", wanted)
    )
    qualities = {profile.qos} if profile.qos is not None else set()
    for account, partition, default_qos, jobs in associations:
        applies = profile.account in (None, account) and partition in ("", profile.partition or "")
        if applies and profile.qos is None:
            qualities.add(default_qos)
        if applies and jobs.isdigit():
            count = sum(row[0] == account for row in queued)
            yield Limit(f"MaxSubmitJobs of account {account}", int(jobs), count)
    for name, jobs in _rows("sacctmgr", "-nP", "show", "qos", "format=Name,MaxSubmitJobsPerUser"):
        if name in qualities and jobs.isdigit():
            count = sum(row[1] == name for row in queued)
            yield Limit(f"MaxSubmitJobsPerUser of QOS {name}", int(jobs), count)


def _rows(*command: str) -> list[list[str]]:
    return [line.split("|") for line in ask(*command).splitlines()]
