"""The jobs of one sweep as the scheduler knows them: squeue for now, sacct for how they ended.

A job counts as gone only where the cluster that has it answered, and the answer does not hold it.
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
# How SLURM's end states are called here; others keep their own name in lower case.
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
    """Why it waits, or why nothing is known."""
    node: str | None = None
    start: str | None = None
    """When it may start; local time, ISO 8601."""
    raw_id: str | None = None
    shared: bool = False
    """Whether the job trains other runs as well."""
    cluster: str | None = None
    """Which cluster has it, as the records say."""
    ours: bool = False
    """Whether it works for the sweep alone, by the records and by its name; may be cancelled."""

    @property
    def queued(self) -> str | None:
        """The job if it may still train; ``unknown`` if the scheduler cannot be asked."""
        if self.kind == "unknown":
            return "unknown"
        return None if self.kind == "gone" else self.key


class SweepJobs:
    """The jobs of a sweep. squeue is asked at once; sacct once, when it is needed.

    Whatever is asked for each run takes the same time however many runs there are.

    Parameters
    ----------
    submissions
        The records of what was submitted.
    damage
        Why not all records can be read; then nothing is asked, and every job is unknown.
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
        """Look up the jobs of a sweep; nothing is asked if it never met a scheduler."""
        try:
            return cls(read_submissions(paths))
        except (InputError, OSError) as error:
            return cls([], damage=str(error))

    def look_up(self, attempts: Mapping[str, SlurmJob]) -> None:
        """Ask for the jobs of runs that we never submitted: nobody recorded what sbatch said.

        Parameters
        ----------
        attempts
            The job of the newest attempt, by run; runs that we submitted are left out.
        """
        by_hand = {r: job for r, job in attempts.items() if r not in self._newest}
        new = [job for r, job in by_hand.items() if self._by_hand.get(r) != job]
        self._by_hand |= by_hand
        for cluster in {job.cluster for job in new}:
            self.clusters.look_up(cluster, [job.key for job in new if job.cluster == cluster])

    @property
    def error(self) -> str | None:
        """What is wrong with the records, or what SLURM said instead of an answer."""
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
        """Return the id of a submission's job: as recorded, or as the queue has it by name."""
        if submission.job_id is not None:
            return submission.job_id
        found = (j for j in self.clusters.jobs(submission.cluster) if submission.named(j.name))
        job = next(found, None)
        return job.key.partition("_")[0] if job is not None else None

    def newest_job(self, run_id: str) -> NewestJob | None:
        """Say what became of the newest job of a run; None if there never was one."""
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
        """Find a job by SLURM_JOB_ID, all that records of the first releases hold.

        It is also the number of the array for tasks that wait, so a job that runs comes first.
        """
        same = [j for j in self.clusters.jobs(wanted.cluster) if j.raw_id == wanted.raw_id]
        return min(same, key=lambda job: job.waiting, default=None)

    def end_reason(self, run_id: str) -> str | None:
        """Say how the newest job of a run ended; None if nobody knows."""
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
        """What accounting knows of all jobs, by cluster; None if it does not answer."""
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
    """The jobs of a sweep for one who looks every second, while nobody else submits to it.

    squeue is asked at most every 10 s, and not again once it has no job of the sweep.
    """

    def __init__(self, paths: SweepPaths) -> None:
        self._paths = paths
        self._jobs = SweepJobs.of(paths)
        self._asked_at = time.monotonic()

    def look(self) -> SweepJobs:
        """Return what is known of the jobs, at most 10 s old."""
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
