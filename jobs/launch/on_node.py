"""The doctor on a compute node: its checks in a job as a profile asks for it."""

import subprocess
import sys

from jobs.launch.slurm import clean_environment
from jobs.scheduler.profile import ClusterProfile
from jobs.scheduler.request import Options, command_line


def examine_on_node(profile: ClusterProfile, arguments: list[str]) -> int:
    """Run the doctor in a job as `profile` asks for it; return its exit code."""
    short: Options = {"time": min(10, profile.timeout_min)}
    named: Options = {"job-name": "aevae-doctor", "ntasks": 1}
    options = command_line(profile.options | short | named)
    command = [sys.executable, "-P", "-m", "jobs.cli", "doctor", *arguments]
    with clean_environment():
        return subprocess.run(["srun", *options, *command], check=False).returncode
