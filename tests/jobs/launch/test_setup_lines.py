"""The user's own lines of a job: one that fails stops the job, and its log names the line."""

import os
import subprocess
from pathlib import Path

import pytest

from aevae.files.layout import SweepPaths
from jobs.launch.script import batch_script
from jobs.scheduler.profile import SLURM_FILES, ClusterProfile

# As Lmod's: on the way, commands fail that do not matter.
MODULE = "module() { false; [[ $2 != missing ]]; }"


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Run a batch script in bash, with an srun that says that it was called."""
    srun = tmp_path / "bin" / "srun"
    srun.parent.mkdir()
    srun.write_text("#!/bin/sh\necho trained\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{srun.parent}:{os.environ['PATH']}")

    def execute(*setup: str) -> "subprocess.CompletedProcess[str]":
        profile = ClusterProfile(setup=setup)
        script = tmp_path / "script.sh"
        script.write_text(batch_script(SweepPaths(tmp_path), 1, profile, 1))
        return finished(script)

    return execute


def finished(script: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/bash", script], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_module_that_is_missing_stops_the_job_and_is_named(job):
    done = job(MODULE, "module load cuda", "module load missing", "export A=1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "aevae: setup failed with exit code 1: module load missing\n" in done.stderr


@pytest.mark.parametrize(
    "lines",
    [
        (MODULE, "module load cuda"),
        (MODULE, "module load missing || true"),
        ("if [[ -d /nowhere ]]; then", "  false", "fi"),
        ("[[ -d /nowhere ]] && export A=1", "export B=2"),
    ],
)
def test_what_does_not_matter_does_not_stop_the_job(job, lines):
    done = job(*lines)
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr


def test_the_commands_of_a_sourced_file_count_by_its_end(job, tmp_path):
    (tmp_path / "activate").write_text("false\ntrue\n")
    assert job(f"source '{tmp_path}/activate'").stdout == "trained\n"
    (tmp_path / "activate").write_text("true\nfalse\n")
    assert "setup failed" in job(f"source '{tmp_path}/activate'").stderr


@pytest.mark.parametrize("script", ["train.sbatch", "analysis.sbatch"])
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("module load missing", 1, "failed with exit code 1 in line 2"),
        ("module load missing || true", 0, None),
        ("echo $UNSET_BY_ANYBODY", 0, None),
    ],
)
def test_the_setup_file_of_the_scripts_is_guarded_too(
    tmp_path, monkeypatch, script, line, code, said
):
    setup = tmp_path / "my setup.sh"
    setup.write_text(f"{MODULE}\n{line}\n")
    values = {"SWEEP_DIR": "sweep", "SLURM_ARRAY_TASK_ID": "0", "AEVAE_SETUP": str(setup)}
    for name, value in (values | {"AEVAE": "echo", "AEVAE_ANALYSIS": "echo"}).items():
        monkeypatch.setenv(name, value)
    done = finished(SLURM_FILES / script)
    assert done.returncode == code, done.stderr
    assert ("sweep" in done.stdout) == (code == 0)
    if said is not None:
        assert f"{setup} {said}" in done.stderr
