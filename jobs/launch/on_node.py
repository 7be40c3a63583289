"""The doctor on a compute node: its checks in a job with the options of a profile."""

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
    """Run the doctor in a job with the options of `profile`; return its exit code.

    Parameters
    ----------
    profile
        What the job asks for.
    arguments
        Arguments of ``aevae doctor``.
    folders
        Folders that the doctor checks; they are bound into the image, if there is one.

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

    The key `export` of the profile is left out, so that the job has the environment of this shell.
    With ``--export=NONE``, sbatch gives a job the environment of a new login, but srun gives it
    none at all.
    """
    named: Options = {"job-name": "aevae-doctor", "ntasks": 1, "time": min(10, profile.timeout_min)}
    options = {name: v for name, v in profile.options.items() if name != "export"} | named
    code = running_copy()
    words = python_words(profile, [*folders, *([code] if code is not None else [])])
    doctor = shlex.join([*words, "-m", "jobs.cli", "doctor", *arguments])
    lines = [*setup_lines(profile.setup), *python_lines(profile, code), doctor]
    return ["srun", *command_line(options), "/bin/bash", "-c", "\n".join(lines)]
