"""Records of what was submitted: written before sbatch, completed after it.

A launcher may die at any moment. What it meant to submit is on disk before SLURM hears of it,
under a job name that is used once; so the next launcher finds the job, or finds that there is none.
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
    """One sbatch: which runs it holds, and the job that came of it."""

    number: int
    job_name: str
    run_ids: Annotated[tuple[str, ...], Field(strict=False)]
    """In the order of the array's tasks; a single task is a job without an array."""
    runs_per_job: int = 1
    side_by_side: bool = False
    gpus: int
    """Of one job."""
    mem_gb: float | None = None
    """Of one job; 0: all that a node has; None: what the cluster gives unasked."""
    timeout_min: int
    max_num_timeout: int
    submitted_at: str
    git_commit: str | None
    git_dirty: bool | None
    code: str | None = None
    """Name of the copy of the code that the jobs run; None: they run what is installed."""
    version: str | None = None
    """Version of the code."""
    cluster: str | None = None
    """Which cluster has the job; None: nobody recorded it, it is the one that is asked."""
    cancelled: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Runs whose jobs we cancelled before they began; accounting may not say so, or only late."""
    job_id: str | None = None
    """None: sbatch was not called yet, or the launcher was killed before it recorded the answer."""

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
        """GPUs of one run, which is a part of one where runs share it at the same time."""
        return self.gpus / self.runs_per_job if self.side_by_side else self.gpus

    def named(self, name: str) -> bool:
        """Whether a job's name is the one that we gave, to which a site may have added something.

        The id of a job alone does not say that it is ours: SLURM gives ids a second time once it
        has lost its state.
        """
        return re.search(rf"{re.escape(self.job_name)}(?!\d)", name) is not None

    def may_have_more_time(self, profile: ClusterProfile) -> bool:
        """Whether a run may get more time by another submission, with this profile."""
        # A run that came after others in its job had only what they left.
        in_turn = self.runs_per_job > 1 and not self.side_by_side
        return in_turn or self.timeout_min < profile.timeout_min


def job_name(paths: SweepPaths, number: int | str) -> str:
    """Return the name of submission `number`'s job; no other sweep folder has the same."""
    # Links are followed, so that a folder has one name here, by whichever path it is reached.
    digest = hashlib.sha256(str(paths.root.resolve()).encode()).hexdigest()[:6]
    # The name of a folder may hold any character, but this name goes into a batch script.
    return f"aevae-{digest}-{number}"


def new_submission(
    paths: SweepPaths,
    number: int,
    run_ids: tuple[str, ...],
    profile: ClusterProfile,
    code: str | None,
    cluster: str | None = None,
) -> Submission:
    """Describe a submission to come, of a copy of the code; nothing is written."""
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
        A record is damaged: what it submitted cannot be known.
    """
    return [_read(path) for path in paths.submissions()]


def _read(path: Path) -> Submission:
    try:
        return Submission.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(describe_validation_error(error, str(path))) from None
