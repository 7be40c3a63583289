"""The sbatch scripts for those who submit by hand, and the analysis after a sweep."""

import json
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
    onehost, spec, tmp_path, monkeypatch, aevae
):
    folder = tmp_path / "a sweep"
    onehost.aevae("sweep", spec(50_000), "--out", str(folder), "--prepare")
    monkeypatch.setenv("SWEEP_DIR", str(folder))
    script = ("--array=0", "--time=1", "--signal=B:USR2@50", str(SLURM / "train.sbatch"))
    log = f"--output={tmp_path}/log"
    job = onehost.slurm("sbatch", "--parsable", *GPU, log, *script)
    run = next((folder / "runs").iterdir())
    first = run / "attempts" / "1" / "attempt.json"
    onehost.wait_for(lambda: first.exists() and json.loads(first.read_text())["outcome"], "USR2")
    assert json.loads(first.read_text())["reason"].startswith("SIGUSR2 after epoch")

    log = run / "attempts" / "2" / "stderr"
    onehost.wait_for(lambda: log.exists() and "from epoch" in log.read_text(), "it goes on")
    assert "from epoch 0 of" not in log.read_text()
    onehost.wait_for(lambda: "REQUEUED" in onehost.accounted(job), "the first end in sacct")
    onehost.slurm("scancel", job)


def test_the_analysis_follows_a_sweep_that_was_cancelled_and_names_the_gaps(
    onehost, spec, tmp_path
):
    folder = tmp_path / "a sweep, with a comma"
    slurm = ("sweep", spec(1), "--set", "seeds=[0,1,2]", "--cluster", "onehost")
    onehost.aevae(*slurm, "--out", str(folder), "--prepare")
    onehost.slurm("scontrol", "update", "partitionname=gpu", "state=down")
    try:
        onehost.aevae(*slurm, "--out", str(folder), "--then-analyse")
        onehost.aevae(*slurm, "--out", str(folder), "--then-analyse")
        waiting = onehost.slurm("squeue", "-h", "-o", "%r %E").split("\n")
        assert sum("afterany" in line for line in waiting) == 1
    finally:
        onehost.slurm("scontrol", "update", "partitionname=gpu", "state=up")
    record = json.loads((folder / "submissions" / "1.json").read_text())
    onehost.slurm("scancel", record["job_id"])
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "the analysis")
    log = (folder / "analysis.log").read_text()
    assert all(run_id in log for run_id in record["run_ids"]), log
