"""The batch script of a submission, made from a cluster profile and a copy of the code."""

import shlex
from collections.abc import Sequence
from math import ceil
from pathlib import Path

from submitit.slurm.slurm import _as_sbatch_flag, _make_sbatch_string

from aevae.errors import InputError
from aevae.files.layout import SweepPaths
from jobs.launch.container import python_lines, python_words, requeue_lines
from jobs.scheduler.profile import ClusterProfile
from jobs.scheduler.request import Options
from jobs.scheduler.submissions import job_name

# The message shows the failed line of the script. BASH_COMMAND would show a command inside the
# function that the line calls.
GUARD = (
    "trap 'code=$?; if ((${#BASH_SOURCE[@]} < 2)); then "
    'echo "aevae: setup failed with exit code $code: '
    '$(sed -n "${LINENO}p" <<<"${BASH_EXECUTION_STRING-$(cat "$0")}")" >&2; '
    'exit "$code"; fi\' ERR'
)


def batch_script(
    paths: SweepPaths,
    number: int,
    profile: ClusterProfile,
    runs: int,
    *,
    code: Path | None = None,
    python: str | None = None,
) -> str:
    """Return the batch script of one submission, as sbatch receives it.

    Parameters
    ----------
    paths, number
        The sweep, and the number of the submission.
    profile
        What the jobs ask for.
    runs
        Number of runs in the submission.
    code
        Copy of the code that the jobs run; None for the installed code.
    python
        Path of Python on the node, used if the profile names none; default: the Python that runs
        this code.
    """
    jobs = job_count(profile, runs)
    # The dataset `digits` needs no folder. A folder that does not exist cannot be bound.
    data = [profile.data_dir] if profile.data_dir is not None and profile.data_dir.exists() else []
    words = python_words(profile, [paths.root, *data], python)
    before, after = requeue_lines(paths, profile)
    text: str = _make_sbatch_string(
        command=shlex.join([*words, "-u", "-m", "submitit.core._submit", str(paths.submitit)]),
        folder=paths.submitit,
        job_name=job_name(paths, number),
        setup=[*setup_lines(profile.setup), *python_lines(profile, code), *before],
        teardown=after or None,
        map_count=jobs if jobs > 1 else None,
        **profile.submitit_parameters(),
    )
    return text


def gpu_hours(profile: ClusterProfile, runs: int) -> float:
    """Return the largest possible number of GPU-hours of some runs, if no job is requeued."""
    return job_count(profile, runs) * profile.gpu_count * profile.timeout_min / 60


def job_count(profile: ClusterProfile, runs: int) -> int:
    """Return the number of jobs for a number of runs."""
    return ceil(runs / profile.runs_per_job)


def check_folder(folder: Path) -> None:
    """Refuse a sweep folder whose name has another meaning in a batch script.

    Raises
    ------
    InputError
        The name holds a ``%``, which SLURM expands, or a ``:``, which separates the folders of
        PYTHONPATH, or a control character.
    """
    if {"%", ":"} & set(str(folder)) or not str(folder).isprintable():
        raise InputError(f"{str(folder)!r}: SLURM needs a folder without '%', ':' and line breaks")


def directives(options: Options) -> list[str]:
    """Return options of sbatch as ``#SBATCH`` lines of a batch script."""
    return [_as_sbatch_flag(name, value) for name, value in sorted(options.items())]


def setup_lines(lines: Sequence[str]) -> list[str]:
    """Return the user's lines of shell, with a guard that ends the job if one of them fails.

    Only the exit code of each line counts. A command inside a function or file that a line calls,
    such as `module`, may fail although the whole line succeeds.
    """
    return [GUARD, *lines, "trap - ERR"] if lines else []
