"""The batch script of a submission: what a cluster profile and a copy of the code make of it."""

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

# The line that failed is read from the script, because BASH_COMMAND would name a command within
# the function that was called.
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
    """Return the batch script of submission `number` with so many runs, as sbatch would get it.

    Parameters
    ----------
    paths, number
        The sweep, and which submission to it.
    profile
        What the jobs ask for.
    runs
        Runs in the array.
    code
        Copy of the code that the jobs run; None: what is installed.
    python
        Python on the node where the profile names none; default: this one.
    """
    jobs = job_count(profile, runs)
    # The digits need no folder of datasets, and a folder that does not exist cannot be bound.
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
    """GPU-hours that so many runs cost at most, if none is requeued."""
    return job_count(profile, runs) * profile.gpu_count * profile.timeout_min / 60


def job_count(profile: ClusterProfile, runs: int) -> int:
    """Jobs that so many runs take."""
    return ceil(runs / profile.runs_per_job)


def check_folder(folder: Path) -> None:
    """Refuse sweep folders whose name would change its meaning in a batch script.

    Raises
    ------
    InputError
        It holds a ``%``, which SLURM expands, a control character, or a ``:``, which parts the
        folders of PYTHONPATH.
    """
    if {"%", ":"} & set(str(folder)) or not str(folder).isprintable():
        raise InputError(f"{str(folder)!r}: SLURM needs a folder without '%', ':' and line breaks")


def directives(options: Options) -> list[str]:
    """Return the lines of a batch script by which sbatch learns of options."""
    return [_as_sbatch_flag(name, value) for name, value in sorted(options.items())]


def setup_lines(lines: Sequence[str]) -> list[str]:
    """Return the user's lines of shell, guarded: if one of their commands fails, the job stops.

    Only these commands count, and not those inside the functions and files that they call, such as
    `module`: these may fail on their way and succeed in the end.
    """
    return [GUARD, *lines, "trap - ERR"] if lines else []
