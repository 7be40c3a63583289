"""Jobs that wait or run, on this cluster and on others, each asked for once by its id.

Several clusters may share a file system, so each record names the cluster that has its jobs. Only
the answer of this cluster says whether they wait or run.
"""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from jobs.scheduler.answers import QueuedJob
from jobs.scheduler.commands import (
    SchedulerError,
    configuration,
    queued_jobs,
    queued_jobs_named,
)


class Clusters:
    """What squeue said of the jobs that were asked for, by cluster.

    The cluster None stands for the one that SLURM's commands ask by default on this host. Records
    of older versions name no cluster.
    """

    def __init__(self) -> None:
        self._queues: dict[str | None, dict[str, QueuedJob]] = defaultdict(dict)
        self.errors: dict[str | None, str] = {}
        """Why a cluster gave no answer."""

    @property
    def empty(self) -> bool:
        """Whether it is known that none of the jobs waits or runs."""
        return not self.errors and not self.everything

    @property
    def everything(self) -> list[QueuedJob]:
        """All jobs that were found, on whichever cluster."""
        return [job for queue in self._queues.values() for job in queue.values()]

    def look_up(self, cluster: str | None, ids: Iterable[str], names: Iterable[str] = ()) -> None:
        """Ask a cluster for jobs by id and by name; an error is remembered, not raised."""
        try:
            jobs = queued_jobs(ids, self.to_name(cluster))
            for name in names:
                jobs += queued_jobs_named(name, self.to_name(cluster))
        except SchedulerError as error:
            self.errors[cluster] = str(error)
        else:
            self._queues[cluster].update({job.key: job for job in jobs})

    def job(self, cluster: str | None, key: str) -> QueuedJob | None:
        """Return a job that was found; None if it neither waits nor runs."""
        return self._queues[cluster].get(key)

    def jobs(self, cluster: str | None) -> Iterable[QueuedJob]:
        """Return all jobs that were found on a cluster."""
        return self._queues[cluster].values()

    def to_name(self, cluster: str | None) -> str | None:
        """Return the cluster's name if a command of SLURM must name it; None for this cluster.

        A command can name a cluster, even its own, only if SLURM has accounting.

        Raises
        ------
        SchedulerError
            SLURM does not say which cluster this is.
        """
        return None if cluster is None or cluster == self._here else cluster

    @cached_property
    def _here(self) -> str | None:
        return configuration().get("ClusterName")
