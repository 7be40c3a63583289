"""The doctor on a compute node: its checks in a job as a profile asks for it."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from jobs.launch.code import running_copy
from jobs.launch.container import python_lines, python_words
from jobs.launch.script import setup_lines
from jobs.scheduler.commands import SchedulerError, clean_environment
from jobs.scheduler.profile import ClusterProfile
from jobs.scheduler.request import Options, command_line


def examine_on_node(
    profile: ClusterProfile, arguments: Sequence[str], folders: Sequence[Path] = ()
) -> int:
    """Run the doctor in a job as `profile` asks for it; return its exit code.

    Parameters
    ----------
    profile
        What the job asks for.
    arguments
        Of the doctor.
    folders
        What it looks at, which must be bound into an image.

    Raises
    ------
    SchedulerError
        srun could not be started.
    """
    try:
        command = node_command(profile, arguments, folders)
        return subprocess.run(command, env=clean_environment(), check=False).returncode
    except OSError as error:
        raise SchedulerError(f"srun could not be started: {error.strerror}") from None


def node_command(
    profile: ClusterProfile, arguments: Sequence[str], folders: Sequence[Path]
) -> list[str]:
    """Return the command that runs the doctor in a job, after the lines of `setup`.

    The job has the environment of this shell, whatever `export` says: unlike sbatch, srun would
    give it none at all in place of that of a new login.
    """
    named: Options = {"job-name": "aevae-doctor", "ntasks": 1, "time": min(10, profile.timeout_min)}
    options = {name: v for name, v in profile.options.items() if name != "export"} | named
    code = running_copy()
    words = python_words(profile, [*folders, *([code] if code is not None else [])])
    doctor = shlex.join([*words, "-m", "jobs.cli", "doctor", *arguments])
    lines = [*setup_lines(profile.setup), *python_lines(profile, code), doctor]
    return ["srun", *command_line(options), "/bin/bash", "-c", "\n".join(lines)]
