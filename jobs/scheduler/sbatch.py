"""Submitting a batch script, and reading what sbatch answers."""

import re
import shutil
import tempfile
from pathlib import Path

from jobs.scheduler.commands import SchedulerError, call

# Plain sbatch, and sbatch --parsable. A site's wrapper may print either.
SENTENCE = re.compile(r"Submitted batch job ([1-9]\d*)(?: on cluster \S+)?")
BARE_ID = re.compile(r"([1-9]\d*)(?:;\S+)?")


class NotSubmitted(SchedulerError):
    """sbatch refused the script: no job came of it."""


def submit_script(text: str) -> str:
    """Submit a batch script, of which SLURM makes a copy of its own; return the id of the job.

    Raises
    ------
    NotSubmitted
        sbatch refused the script; with all that it said.
    SchedulerError
        sbatch did not answer, or not in a form that can be read: there may be a job.
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
    """Join all lines by which sbatch refuses a script: the reason may stand in any of them."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return "; ".join(re.sub(r"^sbatch: (error: )?", "", line) for line in lines)


def read_job_id(answer: str) -> str:
    """Read the id of the job from what sbatch printed.

    Some sites print a banner before it. A number in a banner is not taken for the id: the answer
    is one line of its own, and if two lines could be the answer, neither is believed.

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
        f"sbatch answered what could not be read ({shown}); a job may have been submitted"
    )
