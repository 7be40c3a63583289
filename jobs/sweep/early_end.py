"""Why a job ended before it claimed an attempt at its run; only submitit's log has the reason.

Possible reasons are a missing library, too little memory, a folder that is not writable, or a
failed command in the user's own setup. SLURM remembers its jobs, but nobody remembers a local job
once its launcher has ended. Therefore the launcher records the last local job of a run that ended
in this way.
"""

import json
import re

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from aevae.files.atomic import publish_text
from aevae.files.layout import RunPaths, SweepPaths
from jobs.scheduler.submissions import read_submissions

TAIL_BYTES = 1 << 16
LONGEST = 300
TRACEBACK = "Traceback (most recent call last):"
# srun and slurmstepd add these lines to the log of every job that fails, whatever the reason.
UNSPECIFIC = re.compile(
    r"srun: (error: .*: task |Terminating |launch/slurm: )|slurmstepd: error: \*\*\* (JOB|STEP)"
)


@dataclass(frozen=True)
class FailedStart:
    """A local job that ended before it claimed an attempt."""

    job: str
    attempts: int
    """Number of attempts at the run before this job; once there are more, the record is void."""


_RECORD = TypeAdapter(FailedStart)


def record_failed_start(run: RunPaths, job: str) -> None:
    """Record the last local job of a run, which ended before it claimed an attempt."""
    record = {"job": job, "attempts": len(run.attempts())}
    publish_text(run.sweep.failed_start(run.run_id), json.dumps(record) + "\n")


def failed_start(run: RunPaths) -> str | None:
    """Return the local job that ended before it claimed an attempt; None if one came later."""
    try:
        start = _RECORD.validate_json(run.sweep.failed_start(run.run_id).read_bytes())
    except (OSError, ValidationError):
        return None
    return start.job if start.attempts == len(run.attempts()) else None


def submitted_job(run: RunPaths) -> str | None:
    """Return the name of a run's last submitted job, as recorded; no scheduler is asked."""
    for submission in reversed(read_submissions(run.sweep)):
        if run.run_id in submission.run_ids and submission.job_id is not None:
            task = submission.run_ids.index(run.run_id) // submission.runs_per_job
            return submission.key(task, submission.job_id)
    return None


def early_end(paths: SweepPaths, job: str | None) -> str:
    """Say why a job ended before it claimed an attempt, in one line.

    Parameters
    ----------
    paths
        The sweep.
    job
        Name of the job, such as ``123_4``; None if it is not known.
    """
    reason = _reason(log_tail(paths, job)) if job is not None else None
    said = f": {reason}" if reason is not None else ""
    return f"its job ended before the run began{said}"


def log_tail(paths: SweepPaths, job: str) -> str:
    """Return the end of submitit's log of a job; an empty string if there is no log."""
    try:
        with paths.job_log(job).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            return file.read().decode(errors="replace").strip()
    except OSError:
        return ""


def _reason(log: str) -> str | None:
    """Return the line of a log that gives the reason: Python's last error, or the last line."""
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    if TRACEBACK in lines:
        start = len(lines) - lines[::-1].index(TRACEBACK)
        # The lines of a traceback are indented, up to the error itself.
        lines = [line for line in lines[start:] if not line.startswith(" ")][:1] or lines
    telling = [line for line in lines if not UNSPECIFIC.match(line)] or lines
    if not telling:
        return None
    # Programs write colours and other control characters to their logs.
    return "".join(c if c.isprintable() else " " for c in telling[-1])[:LONGEST].strip()
