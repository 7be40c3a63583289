"""The doctor on a compute node: its checks in a job as a profile asks for it."""

import shlex
import subprocess
import sys

from jobs.launch.code import running_copy
from jobs.launch.script import python_lines, setup_lines
from jobs.launch.slurm import clean_environment
from jobs.scheduler.commands import SchedulerError
from jobs.scheduler.profile import ClusterProfile
from jobs.scheduler.request import Options, command_line


def examine_on_node(profile: ClusterProfile, arguments: list[str]) -> int:
    """Run the doctor in a job as `profile` asks for it; return its exit code.

    Raises
    ------
    SchedulerError
        srun could not be started.
    """
    try:
        with clean_environment():
            return subprocess.run(node_command(profile, arguments), check=False).returncode
    except OSError as error:
        raise SchedulerError(f"srun could not be started: {error.strerror}") from None


def node_command(profile: ClusterProfile, arguments: list[str]) -> list[str]:
    """Return the command that runs the doctor in a job, after the lines of `setup`.

    The job has the environment of this shell, whatever `export` says: unlike sbatch, srun would
    give it none at all in place of that of a new login.
    """
    named: Options = {"job-name": "aevae-doctor", "ntasks": 1, "time": min(10, profile.timeout_min)}
    options = {name: v for name, v in profile.options.items() if name != "export"} | named
    doctor = [profile.python or sys.executable, "-m", "jobs.cli", "doctor", *arguments]
    lines = [*setup_lines(profile.setup), *python_lines(running_copy()), shlex.join(doctor)]
    return ["srun", *command_line(options), "/bin/bash", "-c", "\n".join(lines)]
