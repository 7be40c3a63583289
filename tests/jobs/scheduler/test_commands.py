"""SLURM's commands are asked the same, whatever a user has set for them."""

import os

import pytest

from jobs.scheduler.commands import (
    SchedulerError,
    accounted_jobs,
    ask,
    cancel_jobs,
    clean_environment,
    queued_jobs,
)

USERS_OWN = [
    *("SQUEUE_STATES", "SQUEUE_PARTITION", "SQUEUE_USERS", "SQUEUE_ACCOUNT", "SQUEUE_FORMAT"),
    *("SLURM_CLUSTERS", "SACCT_FORMAT", "SACCT_FEDERATION", "SCANCEL_NAME", "SCANCEL_STATE"),
    *("SCONTROL_FEDERATION", "SINFO_FORMAT", "SBATCH_PARTITION", "SLURM_JOB_ID"),
]


@pytest.mark.parametrize("name", USERS_OWN)
def test_no_default_of_the_user_reaches_a_command(fake, monkeypatch, name):
    monkeypatch.setenv(name, "theirs")
    fake("squeue", "env")
    assert f"{name}=" not in ask("squeue")
    with clean_environment():
        assert name not in os.environ
    assert os.environ[name] == "theirs"


def test_times_have_one_format_and_the_cluster_is_the_users(fake, monkeypatch):
    monkeypatch.setenv("SLURM_TIME_FORMAT", "relative")
    monkeypatch.setenv("SLURM_BITSTR_LEN", "8")
    monkeypatch.setenv("SLURM_CONF", "/etc/theirs.conf")
    monkeypatch.setenv("SLURM_JWT", "token")
    fake("squeue", "env")
    told = ask("squeue").splitlines()
    expected = ["TIME_FORMAT=standard", "BITSTR_LEN=0", "CONF=/etc/theirs.conf", "JWT=token"]
    assert {f"SLURM_{value}" for value in expected} <= set(told)


def test_a_job_that_slurm_has_forgotten_is_no_error(fake):
    fake("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert queued_jobs(["5"]) == []
    fake("squeue", "echo 'slurm_load_jobs error: Unable to contact controller' >&2; exit 1")
    with pytest.raises(SchedulerError, match="Unable to contact controller"):
        queued_jobs(["5"])


def test_a_job_that_has_ended_is_not_in_the_queue(fake):
    fake("squeue", fake.printed(fake.queued("5", "x", "COMPLETED"), fake.queued("6", "x")))
    assert [job.key for job in queued_jobs(["5", "6"])] == ["6"]


def test_an_answer_that_cannot_be_read_is_no_answer(fake):
    fake("squeue", "echo '5|5|RUNNING'")
    with pytest.raises(SchedulerError, match="squeue answered what cannot be read"):
        queued_jobs(["5"])
    fake("sacct", "echo '5_[x]|5|a|a|1|a|0:0|PENDING'")
    with pytest.raises(SchedulerError, match="SLURM named a job '5_\\[x\\]'"):
        accounted_jobs(["5"])


def test_thousands_of_ids_are_asked_for_in_parts(fake, tmp_path):
    fake("squeue", f"echo $* >>'{tmp_path}/asked'")
    queued_jobs([str(10**7 + number) for number in range(12_000)])
    first, second, third = (tmp_path / "asked").read_text().splitlines()
    assert max(map(len, (first, second, third))) < 128 * 1024
    assert (first + second + third).count(",") == 12_000 - 3


def test_another_cluster_is_named_to_every_command(fake, tmp_path):
    for name in ("squeue", "sacct", "scancel"):
        fake(name, f"echo {name} $* >>'{tmp_path}/asked'")
    queued_jobs(["5"], "beta")
    accounted_jobs(["5"], "beta")
    cancel_jobs(["5"], "beta")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.split()[0] for line in asked if "--clusters=beta" in line] == [
        "squeue",
        "sacct",
        "scancel",
    ]
