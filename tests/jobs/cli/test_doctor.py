"""The doctor finds before the queue what would fail after it, and leaves nothing behind."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.cli.doctor import examine
from jobs.scheduler import commands
from jobs.scheduler.profile import load_profile

REPOSITORY = Path(__file__).resolve().parents[3]


def findings(profile, data_dir, out, dataset="digits"):
    found = examine(profile, dataset, data_dir, out)
    return {finding.subject: finding for finding in found}


def test_a_fit_machine_passes_and_nothing_is_left(tmp_path):
    found = findings(None, tmp_path, tmp_path / "runs" / "new")
    assert found["output"].verdict == "ok"
    assert found["data"].verdict == "ok"
    assert list(tmp_path.iterdir()) == []


def test_missing_data_is_found_with_what_to_do(tmp_path):
    found = findings(None, tmp_path, tmp_path, dataset="mnist")["data"]
    assert found.verdict == "failed"
    assert "aevae fetch --dataset mnist" in found.detail


def test_an_output_that_is_no_folder_is_found(tmp_path):
    (tmp_path / "file").touch()
    assert findings(None, tmp_path, tmp_path / "file")["output"].verdict == "failed"


def test_a_file_system_that_breaks_what_is_assumed_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: None)
    found = findings(None, tmp_path, tmp_path)["output"]
    assert found.verdict == "failed"
    assert "two jobs could train the same run" in found.detail


def test_a_file_system_without_locks_is_a_warning(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    found = findings(None, tmp_path, tmp_path)["output"]
    assert found.verdict == "warning"
    assert f"files in {tmp_path} cannot be locked" in found.detail
    assert "the option flock" in found.detail


def test_without_slurm_the_doctor_says_so_and_fails(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli", "doctor", "--cluster", "v100", "--dataset", "digits"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PATH": str(tmp_path)},
        timeout=100,
    )
    assert done.returncode == 1, done.stderr
    assert "failed   slurm   there is no sinfo on this machine" in done.stdout
    assert "failed   job" in done.stdout


def test_a_scheduler_that_hangs_is_a_failed_check(tmp_path, monkeypatch):
    for name in ("sinfo", "sbatch", "scontrol"):
        command = tmp_path / name
        command.write_text("#!/bin/sh\nexec sleep 100\n")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(commands, "TIMEOUT_S", 0.2)
    found = findings(load_profile(Path("v100")), tmp_path, tmp_path)
    assert found["slurm"].detail == "sinfo did not answer within 0.2 s"
    assert found["job"].detail == "sbatch did not answer within 0.2 s"


@pytest.mark.parametrize("option", ["line", "variable", None])
def test_the_doctor_looks_for_the_data_where_the_sweep_will(tmp_path, option):
    profile = tmp_path / "cluster.toml"
    profile.write_text(f'data_dir = "{tmp_path}/of the profile"\n')
    place = tmp_path / ("of the profile" if option is None else "of the command")
    given = ["--data-dir", str(place)] if option == "line" else []
    variables = {"AEVAE_DATA_DIR": str(place)} if option == "variable" else {}
    for command in (
        ["doctor", "--cluster", profile, "--dataset", "mnist", "--out", tmp_path],
        ["sweep", "quickstart", "--cluster", profile, "--out", tmp_path / "sweep"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "jobs.cli", *map(str, command), *given],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "400", **variables},
            timeout=100,
        )
        assert f"aevae fetch --dataset mnist --data-dir {place}" in done.stdout + done.stderr
