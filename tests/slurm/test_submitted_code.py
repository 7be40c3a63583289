"""A job runs the code that was submitted, whatever becomes of the checkout while it waits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).resolve().parents[2]
ANALYSE = ("--then-analyse",)


@pytest.fixture
def checkout(tmp_path):
    """A checkout of our packages, committed, that a test may edit."""
    root = tmp_path / "checkout"
    for name in ("aevae", "jobs", "analysis", "slurm"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, root / name, ignore=ignore)
    (root / ".gitignore").write_text("__pycache__/\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "submitted")
    return root


def git(folder, *arguments):
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("side_by_side", [False, True])
def test_a_checkout_that_is_edited_while_a_job_waits_does_not_change_what_it_runs(
    onehost, sweep, folder, profile, checkout, undisturbed, side_by_side
):
    together = {"runs_per_job": 2, "side_by_side": True} if side_by_side else {}
    # The analysis is the same after both, and takes as long as all else.
    command = [*sweep, "--cluster", profile(**together), *(() if side_by_side else ANALYSE)]
    submitted = git(checkout, "rev-parse", "HEAD").strip()
    onehost.slurm("scontrol", "update", "partitionname=gpu", "state=down")
    try:
        subprocess.run(
            [sys.executable, "-P", "-m", "jobs.cli", *command],
            env={**os.environ, "PYTHONPATH": str(checkout)},
            check=True,
            timeout=100,
        )
        for package in ("aevae", "jobs", "analysis"):
            (checkout / package / "__init__.py").write_text(
                "raise SystemExit('the checkout was imported')\n"
            )
        git(checkout, "commit", "-q", "-a", "-m", "edited")
    finally:
        onehost.slurm("scontrol", "update", "partitionname=gpu", "state=up")
    first = folder.runs[0]
    first.hold()
    onehost.slurm("scontrol", "requeue", folder.job if side_by_side else f"{folder.job}_0")
    first.wait_ended(1)
    onehost.start_now(folder.job if side_by_side else f"{folder.job}_0")
    folder.wait_done()
    assert len(first.attempts) == 2
    folder.assert_equals(undisturbed)
    for run in folder.runs:
        with h5py.File(run.path / "trained.h5") as results:
            provenance = json.loads(results.attrs["provenance"])
        assert (provenance["git_commit"], provenance["git_dirty"]) == (submitted, False)
    if side_by_side:
        return
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "the analysis")
    log = (folder.path / "analysis.log").read_text()
    assert "the checkout was imported" not in log
    assert (folder.path / "analysis" / "summary.csv").exists(), log


def test_files_of_a_user_named_like_ours_are_not_imported(
    onehost, sweep, folder, profile, tmp_path
):
    mine = tmp_path / "my project"
    for name in ("jobs.py", "aevae.py", "analysis/__init__.py", "submitit.py"):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_text(f"raise SystemExit('{name} of the working folder was imported')")

    def aevae(*argv: str) -> str:
        done = subprocess.run(
            [Path(sys.executable).with_name("aevae"), *argv],
            cwd=mine,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        return done.stdout

    two = profile(runs_per_job=2, side_by_side=True)
    aevae(*sweep, "--cluster", two, "--set", "train.epochs=1", "--then-analyse")
    checked = ("doctor", "--cluster", two, "--dataset", "digits", "--out", str(tmp_path))
    assert "failed" not in aevae(*checked, "--on-node")
    folder.wait_done()
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "the analysis")
    assert (folder.path / "analysis" / "summary.csv").exists()
