"""Files of the user's own in the working folder or on PYTHONPATH, named like ours, change nothing.

This needs the commands as they are installed: after a change of `[project.scripts]`, install again.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = ("jobs.py", "aevae.py", "analysis/__init__.py", "queue.py", "submitit.py")


ON_THE_PATH = ("jobs/__init__.py", "analysis.py", "queue.py", "html/__init__.py")


@pytest.fixture
def mine(weird):
    """A working folder with a user's own files, each of which ends who imports it."""
    return written(weird / "my project", NAMES)


@pytest.fixture
def path(weird):
    """A folder of PYTHONPATH with such files; only the name `aevae` is left to us."""
    return written(weird / "my modules", ON_THE_PATH)


def written(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"raise SystemExit('{name} of the user was imported')\n")
    return folder


@pytest.fixture
def command(mine, path, command_environment):
    """Call an installed command, as a user does, in that folder and with that path."""
    command_environment["PYTHONPATH"] = str(path)

    def call(name, *arguments):
        done = subprocess.run(
            [Path(sys.executable).with_name(name), *map(str, arguments)],
            cwd=mine,
            env=command_environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done

    return call


@pytest.mark.nightly
def test_a_sweep_and_its_report_are_made_among_files_named_like_ours(command, spec, mine):
    command("aevae", "sweep", spec, "--out", "out")
    command("aevae-analysis", "report", "out", "--allow-partial")
    assert (mine / "out" / "analysis" / "report.html").exists()


def test_the_doctor_examines_a_machine_among_files_named_like_ours(command):
    command("aevae", "doctor", "--dataset", "digits", "--out", "out")


def test_the_runs_of_a_job_side_by_side_are_trained_among_files_named_like_ours(
    command, spec, mine
):
    command("aevae", "sweep", spec, "--out", "out", "--prepare")
    program = (
        "from pathlib import Path\n"
        "from aevae.execution import StopRequest\n"
        "from jobs.launch.side_by_side import execute_side_by_side\n"
        "from jobs.sweep.folder import Sweep\n"
        "ids = Sweep.open(Path('out')).runs.current\n"
        "ends = execute_side_by_side(Path('out'), ids, StopRequest(), in_job=False)\n"
        "assert not ends.failed, ends\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-P", "-c", program]
    subprocess.run(run, cwd=mine, env=environment, check=True, timeout=100)
    assert len(list(mine.glob("out/runs/*/evaluation.h5"))) == 2
