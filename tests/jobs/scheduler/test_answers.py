"""Answers of SLURM are read as they are meant, whatever strangers call their jobs.

The lines are those of SLURM 20.11 to 26.05: the formats that are asked for have not changed.
"""

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.scheduler.answers import (
    AccountedJob,
    QueuedJob,
    TaskSet,
    read_accounting,
    read_configuration,
    read_job,
    read_queue,
)

KEYS = st.builds(
    lambda job, task: f"{job}{task}", st.integers(1, 10**8), st.sampled_from(["", "_0", "_41"])
)
STATES = st.sampled_from(["PENDING", "RUNNING", "COMPLETING", "RESV_DEL_HOLD", "SOME_NEW_STATE"])
# A line break in a name may even be followed by what looks like another job: see below.
NAMES = st.text(st.characters(codec="utf-8"), max_size=30).filter(
    lambda t: not re.search(r"\n\d", t)
)


@given(st.lists(st.tuples(KEYS, STATES, NAMES), max_size=5), NAMES)
def test_a_queue_is_read_whatever_the_names_of_jobs_hold(jobs, banner):
    text = "".join(f"{key}|7|{state}|N/A||None|x{name}\n" for key, state, name in jobs)
    found = read_queue(f"x{banner}\n{text}")
    assert [(job.key, job.state) for job in found] == [(key, state) for key, state, _ in jobs]


@given(NAMES)
def test_text_that_is_no_answer_holds_no_job(text):
    assert read_queue(f"x{text}") == []
    assert read_accounting(f"x{text}") == []


@pytest.mark.parametrize(
    "line",
    ["77_0|80|RUNNING|N/A|node9|None", "77_0|80|running now|N/A|n|None|x", "77_x|80|RUNNING|||x|x"],
)
def test_a_line_that_may_be_the_job_looked_for_is_never_passed_over(line):
    with pytest.raises(ValueError, match="cannot read this line of squeue"):
        read_queue(line)


def test_of_a_long_line_that_cannot_be_read_the_beginning_is_said():
    line = f"77_x|80|{'R' * 100}"
    with pytest.raises(ValueError, match=rf"this line of squeue: '{re.escape(line[:60])}'$"):
        read_queue(line)


def test_a_name_that_looks_like_another_job_adds_one_at_most():
    ours, fake = read_queue("5|5|RUNNING|N/A|n|None|evil\n6|6|PENDING|N/A||x|y")
    assert (ours.key, ours.state) == ("5", "RUNNING")
    assert fake.key == "6"  # jobs are asked for by id, so nobody looks for it


@pytest.mark.parametrize(
    ("start", "known"),
    [("N/A", None), ("", None), ("Unknown", None), ("2026-01-01T10:00:00", "2026-01-01T10:00:00")],
)
def test_a_start_that_is_not_known_is_none(start, known):
    (job,) = read_queue(f"5|5|PENDING|{start}||Priority|x")
    assert job.start == known


def test_every_field_of_a_job_in_the_queue_is_read():
    waiting, running = read_queue(
        "77_0|77|PENDING|2026-01-01T10:00:00||Priority|aevae|x\n5|80|RUNNING|N/A|n[1-2]|None|y\n"
    )
    start = "2026-01-01T10:00:00"
    assert waiting == QueuedJob("77_0", "77", "PENDING", start, "", "Priority", "aevae|x")
    assert running == QueuedJob("5", "80", "RUNNING", None, "n[1-2]", None, "y")
    (unsaid,) = read_queue("5|5|PENDING|N/A|||x")
    assert unsaid.reason is None


def test_every_field_of_an_accounted_job_is_read():
    one, rest = read_accounting(
        "9_1|12|2026-01-01T00:00:00|2026-01-01T01:00:00|3600|gres/gpu=2|1:0|CANCELLED by 0\n"
        "9_[2-3]|9|Unknown|None|||0:0|PENDING\n"
    )
    hours = (datetime.fromisoformat(f"2026-01-01T0{hour}:00:00").astimezone() for hour in (0, 1))
    assert one == AccountedJob(TaskSet.parse("9_1"), "12", *hours, 3600, 2, "CANCELLED")
    assert rest == AccountedJob(TaskSet.parse("9_[2-3]"), "9", None, None, 0, None, "PENDING")
    assert one.ended
    assert not rest.ended


@pytest.mark.parametrize(
    ("text", "only", "inside"),
    [
        ("12", "12", ["12"]),
        ("12_3", "12_3", ["12_3"]),
        ("12_[3]", None, ["12_3"]),
        ("12_[0-4:2]", None, ["12_0", "12_2", "12_4"]),
        ("12_[1,4-5%2]", None, ["12_1", "12_4", "12_5"]),
    ],
)
def test_a_line_is_about_one_job_or_about_several(text, only, inside):
    tasks = TaskSet.parse(text)
    assert tasks.only == only
    keys = ["12", "120", *(f"12_{index}" for index in range(9))]
    assert [key for key in keys if key in tasks] == inside


INDICES = st.sets(st.integers(0, 200), min_size=1)


@given(INDICES, st.sampled_from(["", "%4"]))
def test_tasks_that_share_a_line_are_a_set_of_indices(indices, throttle):
    tasks = TaskSet.parse(f"12_[{','.join(map(str, sorted(indices)))}{throttle}]")
    assert {i for i in range(202) if f"12_{i}" in tasks} == indices
    assert "13_1" not in tasks
    assert "12" not in tasks


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 9))
def test_a_range_of_tasks_has_both_its_ends_and_its_step(first, more, step):
    tasks = TaskSet.parse(f"12_[{first}-{first + more}:{step}%8]")
    expected = set(range(first, first + more + 1, step))
    assert {i for i in range(110) if f"12_{i}" in tasks} == expected


def test_of_tasks_that_slurm_left_out_of_a_long_list_nothing_is_known():
    tasks = TaskSet.parse("12_[1,3,5,...]")
    assert "12_3" in tasks
    assert "12_7" not in tasks


@pytest.mark.parametrize(
    "text", ["", "x", "12_", "12_[", "12_[a]", "12_[3-]", "12_[1:2]", "12.batch"]
)
def test_what_is_no_job_is_said(text):
    shown = re.escape(repr(text))
    with pytest.raises(ValueError, match=f"^SLURM named a job {shown}, which cannot be read$"):
        TaskSet.parse(text)


def test_of_a_long_text_that_is_no_job_the_beginning_is_said():
    for text in ("x" * 99, "12_[" + "1" * 99 + "-]"):
        with pytest.raises(ValueError, match=f"'{re.escape(text[:40])}', which"):
            TaskSet.parse(text)


def accounted(state: str, derived: str = "0:0", tres: str = "cpu=1", start: str = "Unknown"):
    (job,) = read_accounting(f"9_1|12|2026-01-01T00:00:00|{start}|60|{tres}|{derived}|{state}")
    return job


@pytest.mark.parametrize(
    ("state", "derived", "read"),
    [
        ("FAILED", "0:125", "OUT_OF_MEMORY"),  # as SLURM 22.05 to 26.05 say of a step
        ("OUT_OF_MEMORY", "0:0", "OUT_OF_MEMORY"),
        ("FAILED", "1:0", "FAILED"),
        ("COMPLETED", "0:125", "COMPLETED"),
        ("CANCELLED by 1000", "0:0", "CANCELLED"),
    ],
)
def test_memory_that_ran_out_in_a_step_is_recognised(state, derived, read):
    assert accounted(state, derived).state == read


@pytest.mark.parametrize(
    ("tres", "gpus"),
    [
        ("billing=4,cpu=4,gres/gpu=2,mem=8G", 2),
        ("gres/gpu=1,gres/gpu:v100=1", 1),
        ("gres/gpu:v100=1,node=1", 1),
        ("billing=4,cpu=4", None),
        ("gres/gpumem=4G", None),
    ],
)
def test_gpus_are_counted_only_where_accounting_counts_them(tres, gpus):
    assert accounted("COMPLETED", tres=tres).gpus == gpus


@pytest.mark.parametrize("start", ["Unknown", "None", "", "08:00:00 yesterday", "99999-01-01"])
def test_a_time_that_is_none_is_no_time(start):
    assert accounted("PENDING", start=start).started is None


def test_the_configuration_is_read_by_key():
    text = (
        "Configuration data as of now\nClusterName             = here\nMaxArraySize = 0\nEmpty =\n"
    )
    assert read_configuration(text) == {"ClusterName": "here", "MaxArraySize": "0", "Empty": ""}


def test_a_job_that_is_called_like_a_field_does_not_decide_its_value():
    assert read_job("JobId=5 Comment=a=b") == {"JobId": "5", "Comment": "a=b"}
    told = read_job(
        "JobId=5 JobName=a JobState=PENDING PreemptTime=now JobState=RUNNING PreemptTime=None"
    )
    assert (told["JobState"], told["PreemptTime"]) == ("RUNNING", "None")
