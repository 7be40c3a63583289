"""How jobs ended and what they used, as sacct has it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from jobs.scheduler.answers import AccountedJob
from jobs.scheduler.commands import accounted_jobs

# The clock of the host that submitted may be wrong by this much.
CLOCKS_DIFFER = timedelta(minutes=10)


class Account:
    """Every attempt of SLURM at some jobs, first to last; looked up by job in constant time."""

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
            When each job was submitted, by id, as far as it is known. A job that had the same
            number before that time is another one, and left out.
        cluster
            See `accounted_jobs`.

        Raises
        ------
        SchedulerError
            There is no accounting, or it did not answer.
        """

        def older(job: AccountedJob) -> bool:
            ours = submitted.get(job.tasks.job_id)
            return bool(ours and job.submitted and job.submitted < ours - CLOCKS_DIFFER)

        return cls([job for job in accounted_jobs(submitted, cluster) if not older(job)])

    def end(self, key: str, raw_id: str | None = None) -> str | None:
        """Return the state in which a job ended; None if it has not ended, or nobody knows.

        Its own last line counts. Tasks of an array that never started share a line, such as
        ``12_[3-5]``, or ``12`` if all of them were cancelled. That line is behind the truth while
        it says that they wait.
        """
        job = self._by_key.get(key) or self._by_raw_id.get(raw_id or "")
        if job is None:
            job_id = key.partition("_")[0]
            shared = (job for job in self._together[job_id] if key in job.tasks)
            job = next(shared, None) or self._by_key.get(job_id)
        return job.state if job is not None and job.ended else None
