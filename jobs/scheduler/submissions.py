"""Records of submissions: each is written before sbatch is called, and completed afterwards.

A launcher may be killed at any moment. Because the record is on disk before sbatch is called, and
its job name is used only once, the next launcher can ask SLURM whether the job exists.
"""

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from aevae.config import Frozen
from aevae.errors import InputError, describe_validation_error
from aevae.files.atomic import publish_text
from aevae.files.attempt import utc_now
from aevae.files.git import git_identity
from aevae.files.layout import SweepPaths
from jobs.scheduler.profile import ClusterProfile


class Submission(Frozen):
    """One call of sbatch: the runs that were submitted, and the id of their job."""

    number: int
    job_name: str
    run_ids: Annotated[tuple[str, ...], Field(strict=False)]
    """In the order of the array's tasks; a single task is a job without an array."""
    runs_per_job: int = 1
    side_by_side: bool = False
    gpus: int
    """GPUs of one job."""
    mem_gb: float | None = None
    """GiB of one job; 0 for all memory of the node; None for the cluster's default."""
    timeout_min: int
    max_num_timeout: int
    submitted_at: str
    git_commit: str | None
    git_dirty: bool | None
    code: str | None = None
    """Name of the copy of the code that the jobs run; None if they run the installed code."""
    version: str | None = None
    """Version of the code."""
    cluster: str | None = None
    """The cluster that has the job; None, in old records, means the default of SLURM's commands."""
    cancelled: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Runs whose jobs we cancelled before they started; sacct may report it late or never."""
    job_id: str | None = None
    """None until sbatch has answered, and also if the launcher was killed before this moment."""

    def key(self, task: int, job_id: str) -> str:
        """Return SLURM's name of one job of the array, such as ``123_4``."""
        return job_id if len(self.run_ids) <= self.runs_per_job else f"{job_id}_{task}"

    @property
    def tasks(self) -> list[tuple[str, ...]]:
        """The runs of each job of the array."""
        starts = range(0, len(self.run_ids), self.runs_per_job)
        return [self.run_ids[start : start + self.runs_per_job] for start in starts]

    @property
    def gpus_per_run(self) -> float:
        """GPUs of one run; runs side by side share the GPUs of their job, so it may be below 1."""
        return self.gpus / self.runs_per_job if self.side_by_side else self.gpus

    def named(self, name: str) -> bool:
        """Whether a job has the name of this submission, to which a site may have added text.

        The id alone does not prove that the job belongs to this submission, because SLURM gives
        ids a second time after it has lost its state.
        """
        return re.search(rf"{re.escape(self.job_name)}(?!\d)", name) is not None

    def may_have_more_time(self, profile: ClusterProfile) -> bool:
        """Whether a new submission with this profile may give a run more time."""
        # A run that followed other runs in its job had only the time that they left.
        in_turn = self.runs_per_job > 1 and not self.side_by_side
        return in_turn or self.timeout_min < profile.timeout_min


def job_name(paths: SweepPaths, number: int | str) -> str:
    """Return the job name of submission `number`; sweeps in other folders have other names."""
    # Links are resolved, so that a folder has one name, whatever path leads to it.
    digest = hashlib.sha256(str(paths.root.resolve()).encode()).hexdigest()[:6]
    # The folder's own name may hold characters that a batch script cannot, so it is left out.
    return f"aevae-{digest}-{number}"


def new_submission(
    paths: SweepPaths,
    number: int,
    run_ids: tuple[str, ...],
    profile: ClusterProfile,
    code: str | None,
    cluster: str | None = None,
) -> Submission:
    """Return the record of a submission before sbatch is called; it is not written here."""
    commit, dirty = git_identity()
    return Submission(
        number=number,
        job_name=job_name(paths, number),
        run_ids=run_ids,
        runs_per_job=profile.runs_per_job,
        side_by_side=profile.side_by_side,
        gpus=profile.gpu_count,
        mem_gb=profile.memory_gb,
        timeout_min=profile.timeout_min,
        max_num_timeout=profile.max_num_timeout,
        submitted_at=utc_now(),
        git_commit=commit,
        git_dirty=dirty,
        code=code,
        version=version("aevae"),
        cluster=cluster,
    )


def write_submission(paths: SweepPaths, submission: Submission) -> None:
    """Write or replace a record, durably."""
    record = paths.submission(submission.number)
    record.parent.mkdir(exist_ok=True)
    publish_text(record, json.dumps(submission.model_dump(), indent=1) + "\n")


def read_submissions(paths: SweepPaths) -> list[Submission]:
    """Read all records of a sweep, first to last.

    Raises
    ------
    InputError
        A record is damaged, so that its jobs are not known.
    """
    return [_read(path) for path in paths.submissions()]


def _read(path: Path) -> Submission:
    try:
        return Submission.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(describe_validation_error(error, str(path))) from None
