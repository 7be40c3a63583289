"""The sbatch scripts for those who submit by hand, and the analysis after a sweep."""

import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(280)]

SLURM = Path(__file__).resolve().parents[2] / "slurm"
GPU = ("--partition=gpu", "--gres=gpu:v100:1", "--mem=500", "--cpus-per-task=1")


@pytest.fixture
def aevae(tmp_path, monkeypatch):
    """The `aevae` command of this checkout, for the jobs."""
    command = tmp_path / "aevae"
    command.write_text(
        f'#!/bin/sh\nexport PYTHONPATH={SLURM.parent}\nexec {sys.executable} -m jobs.cli "$@"\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("AEVAE", str(command))


def test_a_run_that_meets_the_limit_of_plain_sbatch_is_requeued_and_resumes(
    onehost, sweep, folder, undisturbed, tmp_path, monkeypatch, aevae
):
    sweep += ["--set", "seeds=[0]"]
    by_hand = onehost.aevae(*sweep, "--prepare").stderr
    assert by_hand.endswith(f"sbatch --array=0 {SLURM / 'train.sbatch'}\n")
    monkeypatch.setenv("SWEEP_DIR", str(folder.path))
    options = ("--array=0-0", "--time=5", "--signal=B:USR2@45", f"--output={tmp_path}/%a.log")
    job = onehost.slurm("sbatch", "--parsable", *GPU, *options, str(SLURM / "train.sbatch"))
    first = folder.runs[0]
    first.hold()
    onehost.limit(f"{job}_0", 1)
    first.go_on_when_told()
    assert first.wait_ended(1)["reason"].startswith("SIGUSR2 after epoch")
    onehost.wait_for(lambda: onehost.states(folder)[first.name][0] == "pending", "the requeue")
    onehost.limit(f"{job}_0", 5)
    assert "1 run is pending: left alone" in onehost.aevae(*sweep).stderr
    onehost.start_now(f"{job}_0")
    folder.wait_done()
    assert len(first.attempts) == 2
    assert first.starts[1] > 0
    folder.assert_equals(undisturbed)
    onehost.wait_for(lambda: "REQUEUED" in onehost.accounted(job), "the first end in sacct")


def test_the_analysis_follows_a_sweep_that_was_cancelled_and_names_the_gaps(onehost, sweep, folder):
    sweep += ["--set", "seeds=[0,1,2]"]
    onehost.slurm("scontrol", "update", "partitionname=gpu", "state=down")
    try:
        onehost.aevae(*sweep, "--then-analyse")
        onehost.aevae(*sweep, "--then-analyse")
        waiting = onehost.slurm("squeue", "-h", "-o", "%r %E").split("\n")
        assert sum("afterany" in line for line in waiting) == 1
    finally:
        onehost.slurm("scontrol", "update", "partitionname=gpu", "state=up")
    onehost.slurm("scancel", folder.job)
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "the analysis")
    log = (folder.path / "analysis.log").read_text()
    assert all(run.name in log for run in folder.runs), log
