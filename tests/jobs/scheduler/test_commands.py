"""SLURM's commands are asked the same, whatever a user has set for them."""

import os
from itertools import chain

import pytest

from jobs.scheduler import commands
from jobs.scheduler.answers import ACCOUNT_FORMAT, QUEUE_FORMAT
from jobs.scheduler.commands import (
    SchedulerError,
    accounted_jobs,
    ask,
    being_preempted,
    call,
    cancel_jobs,
    clean_environment,
    configuration,
    max_array_size,
    queued_jobs,
    queued_jobs_named,
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
    assert name not in clean_environment()
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
    with pytest.raises(SchedulerError, match="cannot read this line of squeue"):
        queued_jobs(["5"])
    fake("sacct", "echo '5_[x]|5|a|a|1|a|0:0|PENDING'")
    with pytest.raises(
        SchedulerError, match=r"^SLURM named a job '5_\[x\]', which cannot be read$"
    ):
        accounted_jobs(["5"])
    fake("sacct", "echo '5|5|running'")
    with pytest.raises(SchedulerError, match=r"^cannot read this line of sacct: '5\|5\|running'$"):
        accounted_jobs(["5"])


def test_thousands_of_ids_are_asked_for_in_parts_and_the_answers_joined(fake, tmp_path):
    for name, line in (("squeue", fake.queued("5", "x")), ("sacct", fake.accounted("5", "FAILED"))):
        fake(name, f"echo $* >>'{tmp_path}/{name}'; {fake.printed(line)}")
    ids = [str(10**7 + number) for number in range(12_000)]
    assert len(queued_jobs(ids)) == len(accounted_jobs(ids)) == 3
    for name in ("squeue", "sacct"):
        parts = (tmp_path / name).read_text().splitlines()
        assert max(map(len, parts)) < 128 * 1024
        asked = [part.split("--jobs=")[1].split()[0].split(",") for part in parts]
        assert list(chain.from_iterable(asked)) == ids


FORMATS = {"squeue": QUEUE_FORMAT, "sacct": ACCOUNT_FORMAT}
QUESTIONS = [
    (
        lambda at: queued_jobs(["5", "6", "5"], at),
        "squeue --noheader --array{} --jobs=5,6 --format=",
    ),
    (lambda at: queued_jobs_named("x", at), "squeue --noheader --array{} --name=x --format="),
    (lambda at: accounted_jobs(["5", "6"], at), "sacct -DXnP{} --jobs=5,6 --format="),
    (configuration, "scontrol{} show config"),
    (lambda at: cancel_jobs(["5", "6_1"], at), "scancel --quiet{} 5 6_1"),
]


@pytest.mark.parametrize(("question", "words"), QUESTIONS)
@pytest.mark.parametrize("cluster", [None, "beta"])
def test_each_question_is_one_command_that_names_the_cluster_if_need_be(
    fake, tmp_path, question, words, cluster
):
    command = words.split("{")[0].split()[0]
    fake(command, f"echo {command} $* >>'{tmp_path}/asked'")
    question(cluster)
    at = f" --clusters={cluster}" if cluster else ""
    expected = words.format(at) + FORMATS.get(command, "")
    assert (tmp_path / "asked").read_text() == expected + "\n"


def test_nothing_to_ask_is_not_asked(fake):
    assert queued_jobs([]) == accounted_jobs([]) == []
    cancel_jobs([])


def test_an_unknown_id_among_others_is_an_error(fake):
    fake("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    with pytest.raises(SchedulerError, match="Invalid job id"):
        queued_jobs(["5", "6"])


def test_an_array_may_be_as_large_as_the_cluster_says():
    assert max_array_size({"MaxArraySize": "0"}) == 0
    for configured in ({}, {"MaxArraySize": "many"}, {"MaxArraySize": "²"}):
        with pytest.raises(SchedulerError, match=r"^scontrol show config names no MaxArraySize$"):
            max_array_size(configured)


@pytest.mark.parametrize(
    ("told", "preempted"),
    [
        ("JobId=5 JobState=RUNNING PreemptTime=2026-01-01T00:00:00", True),
        ("JobId=5 JobState=RUNNING PreemptTime=None", False),
        ("JobId=5 JobState=RUNNING", False),
        ("JobId=5 JobState=COMPLETING PreemptTime=2026-01-01T00:00:00", False),
        ("slurm_load_jobs error: Invalid job id specified", False),
    ],
)
def test_a_job_is_preempted_only_if_slurm_says_so_while_it_runs(fake, tmp_path, told, preempted):
    fake("scontrol", f"echo $* >'{tmp_path}/asked'; echo '{told}'")
    assert being_preempted("5") is preempted
    assert (tmp_path / "asked").read_text() == "show job 5 --oneliner\n"


def test_what_a_command_prints_is_returned_as_text(fake):
    fake("squeue", "printf 'a\\377b'; echo not this >&2; cat; printf \"$ADDED\"")
    assert ask("squeue", variables={"ADDED": "c"}) == "a\ufffdbc"


def test_a_command_that_fails_is_named_with_its_last_words(fake, monkeypatch):
    fake("squeue", "echo first >&2; echo last >&2; exit 3")
    with pytest.raises(SchedulerError, match=r"^squeue failed: last$"):
        ask("squeue", "-h")
    assert call("squeue", "-h").returncode == 3
    fake("squeue", "exit 3")
    with pytest.raises(SchedulerError, match=r"^squeue failed: exit code 3$"):
        ask("squeue", "-h")
    monkeypatch.setattr(commands, "TIMEOUT_S", 0.2)
    fake("squeue", "exec sleep 100")
    with pytest.raises(SchedulerError, match=r"^squeue did not answer within 0.2 s$"):
        ask("squeue", "-h")


def test_a_command_that_cannot_be_started_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SchedulerError, match=r"^there is no squeue on this machine$"):
        ask("squeue", "-h")
    (tmp_path / "squeue").write_text("#!/bin/sh\n")
    with pytest.raises(SchedulerError, match=r"^squeue could not be started: Permission denied$"):
        ask("squeue", "-h")


def test_a_command_does_not_wait_for_what_the_user_types(fake):
    fake("squeue", "cat")
    reading, writing = os.pipe()
    terminal = os.dup(0)
    os.write(writing, b"typed")
    os.dup2(reading, 0)
    os.close(writing)
    try:
        assert ask("squeue") == ""
    finally:
        os.dup2(terminal, 0)
        os.close(terminal)
        os.close(reading)
