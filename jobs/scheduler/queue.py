"""The jobs of one sweep: squeue says which of them wait or run, sacct says how the others ended.

A job counts as gone only if the cluster that has it answered, and its answer does not name the job.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from aevae.errors import InputError
from aevae.files.attempt import SlurmJob
from aevae.files.layout import SweepPaths
from jobs.scheduler.accounting import Account
from jobs.scheduler.answers import QueuedJob
from jobs.scheduler.clusters import Clusters
from jobs.scheduler.commands import SchedulerError
from jobs.scheduler.submissions import Submission, read_submissions

ASK_AGAIN_S = 10.0
# Our reasons for SLURM's end states; other states keep their own name in lower case.
END_REASONS = {
    "TIMEOUT": "timeout",
    "OUT_OF_MEMORY": "out_of_memory",
    "NODE_FAIL": "node_fail",
    "BOOT_FAIL": "node_fail",
    "CANCELLED": "cancelled",
}


@dataclass(frozen=True)
class NewestJob:
    """What the scheduler says of the newest job of a run."""

    kind: Literal["waiting", "running", "gone", "unknown"]
    key: str | None = None
    detail: str | None = None
    """Why the job waits, or why nothing is known of it."""
    node: str | None = None
    start: str | None = None
    """When a waiting job may start; local time, ISO 8601."""
    raw_id: str | None = None
    shared: bool = False
    """Whether the job trains other runs as well."""
    cluster: str | None = None
    """The cluster that has the job, by the records."""
    ours: bool = False
    """Whether the sweep submitted it, by the records and by its name, so that it may cancel it."""

    @property
    def queued(self) -> str | None:
        """The job if it waits or runs; ``unknown`` if the scheduler cannot be asked."""
        if self.kind == "unknown":
            return "unknown"
        return None if self.kind == "gone" else self.key


class SweepJobs:
    """The jobs of a sweep. squeue is asked immediately; sacct is asked once, when it is needed.

    A question about one run takes constant time, so that a sweep may have many runs.

    Parameters
    ----------
    submissions
        The records of the submissions.
    damage
        Why some records cannot be read. Then no command is called, and every job is unknown.
    """

    def __init__(self, submissions: Sequence[Submission], damage: str | None = None) -> None:
        self.submissions = submissions
        self.clusters = Clusters()
        self._damage = damage
        self._newest = {
            run_id: (submission, index)
            for submission in submissions
            for index, run_id in enumerate(submission.run_ids)
        }
        self._by_hand: dict[str, SlurmJob] = {}
        for cluster in {submission.cluster for submission in submissions}:
            some = [s for s in submissions if s.cluster == cluster]
            ids = [s.job_id for s in some if s.job_id is not None]
            self.clusters.look_up(cluster, ids, [s.job_name for s in some if s.job_id is None])

    @classmethod
    def of(cls, paths: SweepPaths) -> "SweepJobs":
        """Look up the jobs of a sweep; no command is called if none was ever submitted."""
        try:
            return cls(read_submissions(paths))
        except (InputError, OSError) as error:
            return cls([], damage=str(error))

    def look_up(self, attempts: Mapping[str, SlurmJob]) -> None:
        """Ask for the jobs of runs that the user submitted by hand: they have no submission record.

        Parameters
        ----------
        attempts
            The job of the newest attempt, by run; runs with a submission record are left out.
        """
        by_hand = {r: job for r, job in attempts.items() if r not in self._newest}
        new = [job for r, job in by_hand.items() if self._by_hand.get(r) != job]
        self._by_hand |= by_hand
        for cluster in {job.cluster for job in new}:
            self.clusters.look_up(cluster, [job.key for job in new if job.cluster == cluster])

    @property
    def error(self) -> str | None:
        """Why records cannot be read or SLURM gave no answer; None if there is no error."""
        return self._damage or next(iter(self.clusters.errors.values()), None)

    @property
    def none_queued(self) -> bool:
        """Whether it is known that no job of the sweep waits or runs."""
        return self._damage is None and self.clusters.empty

    @property
    def queued_ids(self) -> list[str]:
        """Ids of the jobs that wait or run, each array once."""
        return sorted({job.key.partition("_")[0] for job in self.clusters.everything})

    def job_id(self, submission: Submission) -> str | None:
        """Return the id of a submission's job, from the record or else from its name in squeue."""
        if submission.job_id is not None:
            return submission.job_id
        found = (j for j in self.clusters.jobs(submission.cluster) if submission.named(j.name))
        job = next(found, None)
        return job.key.partition("_")[0] if job is not None else None

    def newest_job(self, run_id: str) -> NewestJob | None:
        """Describe the newest job of a run; None if there never was one."""
        if self._damage is not None:
            return NewestJob("unknown", detail=self._damage)
        if run_id in self._newest:
            return self._submitted_job(*self._newest[run_id])
        if run_id in self._by_hand:
            return self._job_by_hand(self._by_hand[run_id])
        return None

    def _submitted_job(self, submission: Submission, index: int) -> NewestJob:
        error = self.clusters.errors.get(submission.cluster)
        if error is not None:
            return NewestJob("unknown", detail=error)
        job_id = self._job_ids[submission.number]
        if job_id is None:
            return NewestJob("gone")
        key = submission.key(index // submission.runs_per_job, job_id)
        job = self.clusters.job(submission.cluster, key)
        if job is None:
            return NewestJob("gone", key, cluster=submission.cluster)
        shared, ours = submission.runs_per_job > 1, submission.named(job.name)
        return _describe(job, submission.cluster, shared=shared, ours=ours)

    @cached_property
    def _job_ids(self) -> dict[int, str | None]:
        return {submission.number: self.job_id(submission) for submission in self.submissions}

    def _job_by_hand(self, wanted: SlurmJob) -> NewestJob:
        error = self.clusters.errors.get(wanted.cluster)
        if error is not None:
            return NewestJob("unknown", detail=error)
        job = self.clusters.job(wanted.cluster, wanted.key) or self._by_raw_id(wanted)
        if job is None:
            return NewestJob("gone", wanted.key, raw_id=wanted.raw_id, cluster=wanted.cluster)
        ours = wanted.owned and job.name == wanted.name
        return _describe(job, wanted.cluster, shared=False, ours=ours)

    def _by_raw_id(self, wanted: SlurmJob) -> QueuedJob | None:
        """Find a job by SLURM_JOB_ID, because records of the first releases hold nothing else.

        squeue shows the same number for the waiting tasks of the array, so a running job comes
        first.
        """
        same = [j for j in self.clusters.jobs(wanted.cluster) if j.raw_id == wanted.raw_id]
        return min(same, key=lambda job: job.waiting, default=None)

    def end_reason(self, run_id: str) -> str | None:
        """Return why the newest job of a run ended; None if the reason is not known."""
        job = self.newest_job(run_id)
        if job is None or job.key is None:
            return None
        accounts = self.accounts
        account = accounts.get(job.cluster) if accounts is not None else None
        state = account.end(job.key, job.raw_id) if account is not None else None
        if state is not None:
            return END_REASONS.get(state, state.lower())
        submission, _ = self._newest.get(run_id, (None, 0))
        return "cancelled" if submission is not None and run_id in submission.cancelled else None

    @cached_property
    def accounts(self) -> dict[str | None, Account] | None:
        """The accounts of all jobs, by cluster; None if there is no accounting or no answer."""
        wanted: dict[str | None, dict[str, datetime | None]] = defaultdict(dict)
        for submission in self.submissions:
            job_id = self._job_ids[submission.number]
            if job_id is not None:
                when = datetime.fromisoformat(submission.submitted_at).astimezone()
                wanted[submission.cluster][job_id] = when
        for job in self._by_hand.values():
            wanted[job.cluster][job.key] = None
        try:
            return {
                cluster: Account.ask(jobs, self.clusters.to_name(cluster))
                for cluster, jobs in wanted.items()
            }
        except SchedulerError:
            return None


class WatchedJobs:
    """The jobs of a sweep for a launcher that looks every second.

    squeue is asked at most every 10 s. Once it has no job of the sweep, it is not asked again,
    because nobody else submits to the sweep while this launcher works.
    """

    def __init__(self, paths: SweepPaths) -> None:
        self._paths = paths
        self._jobs = SweepJobs.of(paths)
        self._asked_at = time.monotonic()

    def look(self) -> SweepJobs:
        """Return the jobs, as squeue showed them at most 10 s ago."""
        old = time.monotonic() - self._asked_at >= ASK_AGAIN_S
        if old and not self._jobs.none_queued:
            self._jobs = SweepJobs.of(self._paths)
            self._asked_at = time.monotonic()
        return self._jobs


def _describe(job: QueuedJob, cluster: str | None, *, shared: bool, ours: bool) -> NewestJob:
    """Describe a job that is in the queue."""
    if job.elsewhere:
        return NewestJob("unknown", detail=f"another cluster has started job {job.key}")
    return NewestJob(
        kind="waiting" if job.waiting else "running",
        key=job.key,
        detail=job.reason if job.waiting else None,
        node=None if job.waiting else job.nodes,
        start=job.start if job.waiting else None,
        raw_id=None if job.waiting else job.raw_id,
        shared=shared,
        cluster=cluster,
        ours=ours,
    )
