"""How jobs ended and what they used, as sacct reports it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from jobs.scheduler.answers import AccountedJob
from jobs.scheduler.commands import accounted_jobs

# The clock of the host that submitted may differ from SLURM's clock by this much.
CLOCKS_DIFFER = timedelta(minutes=10)


class Account:
    """Every start of some jobs, first to last; a job is looked up in constant time."""

    def __init__(self, jobs: Sequence[AccountedJob]) -> None:
        self.jobs = jobs
        self._by_key: dict[str, AccountedJob] = {}
        self._by_raw_id: dict[str, AccountedJob] = {}
        self._together: dict[str, list[AccountedJob]] = defaultdict(list)
        for job in jobs:
            key = job.tasks.only
            if key is None:
                self._together[job.tasks.job_id].append(job)
            else:
                self._by_key[key] = self._by_raw_id[job.raw_id] = job

    @classmethod
    def ask(cls, submitted: Mapping[str, datetime | None], cluster: str | None) -> "Account":
        """Ask a cluster for jobs.

        Parameters
        ----------
        submitted
            When each job was submitted, by id; None if that is not known. SLURM may give an id a
            second time, so a job with the same id and an earlier time is left out.
        cluster
            See `accounted_jobs`.

        Raises
        ------
        SchedulerError
            The cluster has no accounting, or sacct did not answer.
        """

        def older(job: AccountedJob) -> bool:
            ours = submitted.get(job.tasks.job_id)
            return bool(ours and job.submitted and job.submitted < ours - CLOCKS_DIFFER)

        return cls([job for job in accounted_jobs(submitted, cluster) if not older(job)])

    def end(self, key: str, raw_id: str | None = None) -> str | None:
        """Return the state in which a job ended; None if it has not ended or sacct does not know.

        If sacct has several lines of the job's own, the last one counts. Tasks of an array that
        never started share one line, such as ``12_[3-5]``, or ``12`` if all of them were cancelled.
        A shared line in which the tasks wait may be out of date, so it is not used.
        """
        job = self._by_key.get(key) or self._by_raw_id.get(raw_id or "")
        if job is None:
            job_id = key.partition("_")[0]
            shared = (job for job in self._together[job_id] if key in job.tasks)
            job = next(shared, None) or self._cancelled_array(job_id)
        return job.state if job is not None and job.ended else None

    def _cancelled_array(self, job_id: str) -> AccountedJob | None:
        job = self._by_key.get(job_id)
        return job if job is not None and job.state == "CANCELLED" else None
