"""Submitting a batch script, and reading the answer of sbatch."""

import re
import shutil
import tempfile
from pathlib import Path

from jobs.scheduler.commands import SchedulerError, call

# The answers of sbatch and of sbatch --parsable. A wrapper of a site may print either.
SENTENCE = re.compile(r"Submitted batch job ([1-9]\d*)(?: on cluster \S+)?")
BARE_ID = re.compile(r"([1-9]\d*)(?:;\S+)?")


class NotSubmitted(SchedulerError):
    """sbatch refused the script, so that there is no job."""


def submit_script(text: str) -> str:
    """Submit a batch script, of which SLURM makes its own copy; return the id of the job.

    Raises
    ------
    NotSubmitted
        sbatch refused the script; the message holds all that sbatch said.
    SchedulerError
        sbatch did not answer, or its answer cannot be read; a job may exist all the same.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="aevae-") as folder:
            script = Path(folder) / "script.sh"
            script.write_text(text, encoding="utf-8")
            done = call("sbatch", str(script))
    except SchedulerError as error:
        if shutil.which("sbatch") is None:
            raise NotSubmitted(str(error)) from None
        raise SchedulerError(f"{error}; a job may have been submitted") from None
    if done.returncode != 0:
        raise NotSubmitted(refusal(done.stderr) or f"exit code {done.returncode}")
    return read_job_id(done.stdout)


def refusal(stderr: str) -> str:
    """Join all lines of sbatch's refusal, because any of them may hold the reason."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return "; ".join(re.sub(r"^sbatch: (error: )?", "", line) for line in lines)


def read_job_id(answer: str) -> str:
    """Read the id of the job from what sbatch printed.

    Some sites print a banner before the answer, and a number in a banner is not the id. Therefore
    the whole line must have the form of an answer, and if lines name two ids, it is an error.

    Raises
    ------
    SchedulerError
        The answer cannot be read. The job may exist all the same.
    """
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    for form in (SENTENCE, BARE_ID):
        ids = {found.group(1) for line in lines if (found := form.fullmatch(line))}
        if len(ids) == 1:
            return ids.pop()
        if ids:
            break
    shown = repr(lines[-1])[:60] if lines else "nothing"
    raise SchedulerError(
        f"the answer of sbatch cannot be read ({shown}); a job may have been submitted"
    )
