"""Cancelling touches the jobs of the sweep and nothing else."""

import json
from pathlib import Path

import pytest

from aevae.files.attempt import SlurmJob
from jobs.launch.cancel import cancel_queued
from jobs.launch.slurm import submit_missing
from jobs.scheduler.commands import SchedulerError
from jobs.scheduler.profile import load_profile
from jobs.scheduler.submissions import read_submissions
from jobs.sweep.folder import lay_out
from jobs.sweep.spec import load_spec
from jobs.sweep.status import sweep_status


@pytest.fixture
def sweep(fake, tmp_path):
    """A sweep of two runs whose jobs 77_0 and 77_1 were submitted on a cluster called here."""
    fake("scontrol", "echo 'ClusterName = here'; echo 'MaxArraySize = 99'")
    fake("squeue", "exit 0")
    fake("sbatch", "echo Submitted batch job 77")
    fake("scancel", f"echo $* >>'{tmp_path}/cancelled'; touch '{tmp_path}/gone'")
    loaded = load_spec(Path("quickstart-digits"))
    laid_out = lay_out(loaded, loaded.runs("it")[:2], tmp_path / "sweep")
    assert submit_missing(laid_out, [], load_profile(Path("onehost")), print) == 2
    return laid_out


def until_cancelled(fake, tmp_path, *lines: str) -> None:
    """Have squeue print lines until scancel was called."""
    fake("squeue", f"[ -e '{tmp_path}/gone' ] || {fake.printed(*lines)}")


def recorded(sweep, run_id: str, **values) -> None:
    attempt = sweep.paths.run(run_id).attempt(1)
    attempt.root.mkdir(parents=True)
    known = {"number": 1, "host": "node9", "pid": 1, "process_started": 1.0}
    known |= {"slurm_job_id": None, "started_at": "2026-01-01T00:00:00+00:00"}
    attempt.record.write_text(json.dumps(known | values))


def test_runs_that_never_began_are_known_as_cancelled(fake, tmp_path, sweep):
    name = read_submissions(sweep.paths)[0].job_name
    until_cancelled(fake, tmp_path, *(fake.queued(f"77_{task}", name) for task in range(2)))
    assert cancel_queued(sweep, sweep.runs.current, 5) == list(sweep.runs.current)
    assert (tmp_path / "cancelled").read_text() == "--quiet 77_0 77_1\n"
    fake("sacct", fake.printed(fake.accounted("77_[0-1%64]", "PENDING")))  # for some seconds
    states = [(status.state, status.reason) for status in sweep_status(sweep)]
    assert states == [("failed", "cancelled")] * 2


def test_a_job_under_another_name_is_left_to_its_owner(fake, tmp_path, sweep):
    name = read_submissions(sweep.paths)[0].job_name
    strangers = fake.queued("77_1", "interactive", "RUNNING")
    fake(
        "squeue",
        f"[ -e '{tmp_path}/gone' ] || {fake.printed(fake.queued('77_0', name))}\n"
        f"{fake.printed(strangers)}",
    )
    with pytest.raises(SchedulerError, match="if they are yours, use scancel 77_1"):
        cancel_queued(sweep, sweep.runs.current, 5)
    assert (tmp_path / "cancelled").read_text() == "--quiet 77_0\n"


def test_a_job_on_another_cluster_is_cancelled_there(fake, tmp_path, sweep):
    name = read_submissions(sweep.paths)[0].job_name
    until_cancelled(fake, tmp_path, fake.queued("77_0", name))
    fake("scontrol", "echo 'ClusterName = elsewhere'")
    assert cancel_queued(sweep, sweep.runs.current, 5) == [sweep.runs.current[0]]
    assert (tmp_path / "cancelled").read_text() == "--quiet --clusters=here 77_0\n"


@pytest.mark.parametrize("outcome", ["interrupted", None])
def test_the_session_in_which_a_run_was_started_is_no_job_of_the_sweep(
    fake, tmp_path, sweep, outcome
):
    # As the first releases recorded it.
    run_id = sweep.runs.current[0]
    for record in sweep.paths.submissions():
        record.unlink()
    recorded(sweep, run_id, slurm_job_id="4242", outcome=outcome, reason="SIGTERM")
    fake("squeue", fake.printed(fake.queued("4242", "interactive", "RUNNING")))
    (status,) = sweep_status(sweep, [run_id])
    assert status.state == ("running" if outcome is None else outcome)
    if outcome is None:
        with pytest.raises(SchedulerError, match="scancel 4242"):
            cancel_queued(sweep, [run_id], 5)
    else:
        assert cancel_queued(sweep, [run_id], 5) == []
    assert not (tmp_path / "cancelled").exists()


def test_the_job_of_plain_sbatch_is_the_sweeps_own(fake, tmp_path, sweep):
    run_id = sweep.runs.current[0]
    for record in sweep.paths.submissions():
        record.unlink()
    job = {"key": "9_0", "raw_id": "12", "cluster": "here", "name": "aevae-train"}
    recorded(sweep, run_id, slurm_job_id="12", slurm_job=job)
    line = fake.queued("9_0", "aevae-train", "RUNNING", raw="12", node="node9")
    until_cancelled(fake, tmp_path, line)
    assert cancel_queued(sweep, [run_id], 5) == [run_id]
    assert (tmp_path / "cancelled").read_text() == "--quiet 9_0\n"


def test_a_job_is_named_by_its_array_and_task(monkeypatch):
    values = {"JOB_ID": "12", "ARRAY_JOB_ID": "9", "ARRAY_TASK_ID": "0", "CLUSTER_NAME": "here"}
    for name, value in (values | {"JOB_NAME": "aevae-train"}).items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert SlurmJob.of_environment() == SlurmJob("9_0", "12", "here", "aevae-train")
    for name in ("ARRAY_JOB_ID", "ARRAY_TASK_ID"):
        monkeypatch.delenv(f"SLURM_{name}")
    assert SlurmJob.of_environment().key == "12"
