"""GPU-hours are counted from what is known, and the source is named."""

import json
import os

import pytest

from aevae.files.attempt import SlurmJob
from aevae.files.layout import SweepPaths
from jobs.scheduler.queue import SweepJobs
from jobs.scheduler.submissions import Submission
from jobs.scheduler.usage import gpu_usage

RUNS = ("ae-z002-s0-0000000000", "ae-z005-s0-0000000000")


def submission(**values) -> Submission:
    known = {"number": 1, "job_name": "aevae-abcdef-1", "run_ids": RUNS, "gpus": 2, "job_id": "77"}
    known |= {"timeout_min": 60, "max_num_timeout": 3, "git_commit": None, "git_dirty": None}
    return Submission(**{"submitted_at": "2026-01-01T00:00:00+00:00", **known, **values})


@pytest.fixture
def paths(fake, tmp_path):
    fake("squeue", "exit 0")
    return SweepPaths(tmp_path / "sweep")


def attempt(paths, run_id, number=1, **values) -> None:
    folder = paths.run(run_id).attempt(number)
    folder.root.mkdir(parents=True)
    known = {"number": number, "host": "node9", "pid": 1, "process_started": 1.0}
    known |= {"slurm_job_id": "80", "started_at": "2026-01-01T00:00:00+00:00"}
    folder.record.write_text(json.dumps(known | values))


def test_a_sweep_that_asked_for_no_gpu_used_none(fake, paths):
    assert gpu_usage(paths, SweepJobs([submission(gpus=0)])) is None
    assert gpu_usage(paths, SweepJobs([])) is None


def test_every_attempt_that_started_counts(fake, paths):
    lines = [
        fake.accounted(
            "77_0", "PREEMPTED", start="2026-01-01T00:00:00", seconds=1800, tres="gres/gpu=2"
        ),
        fake.accounted(
            "77_0", "COMPLETED", start="2026-01-01T02:00:00", seconds=3600, tres="gres/gpu=2"
        ),
        fake.accounted("77_1", "PENDING"),
    ]
    fake("sacct", fake.printed(*lines))
    usage = gpu_usage(paths, SweepJobs([submission()]))
    assert usage is not None
    assert (usage.gpu_hours, usage.wall_seconds, usage.source) == (3.0, 3 * 3600, "sacct")


def test_where_accounting_counts_no_gpus_those_asked_for_are_counted(fake, paths):
    hour = {"start": "2026-01-01T00:00:00", "seconds": 3600, "tres": "cpu=4"}
    fake("sacct", fake.printed(*(fake.accounted(key, "RUNNING", **hour) for key in ("77_0", "9"))))
    jobs = SweepJobs([submission(), submission(number=2, run_ids=("x",), gpus=0, job_id="9")])
    usage = gpu_usage(paths, jobs)
    assert usage is not None
    assert usage.gpu_hours == 2.0
    assert usage.source == "sacct, which does not count GPUs here"


def test_gpus_that_were_given_count_and_not_those_that_were_asked_for(fake, paths):
    hour = {"start": "2026-01-01T00:00:00", "seconds": 3600}
    lines = [fake.accounted("77_0", "RUNNING", tres="gres/gpu=1", **hour)]
    lines += [fake.accounted("9", "RUNNING", tres="cpu=1", **hour)]  # by hand: nobody knows
    fake("sacct", fake.printed(*lines))
    jobs = SweepJobs([submission()])
    jobs.look_up({"by-hand": SlurmJob("9", "9")})
    usage = gpu_usage(paths, jobs)
    assert usage is not None
    assert (usage.gpu_hours, usage.source) == (1.0, "sacct")


def test_nothing_was_used_before_the_first_start(fake, paths):
    fake("sacct", "exit 0")
    usage = gpu_usage(paths, SweepJobs([submission()]))
    assert usage is not None
    assert (usage.gpu_hours, usage.wall_seconds, usage.source) == (0.0, 0.0, "sacct")


def test_without_accounting_the_records_of_the_attempts_count(fake, paths):
    attempt(paths, RUNS[0], 1, outcome="interrupted", ended_at="2026-01-01T01:00:00+00:00")
    attempt(paths, RUNS[0], 2, started_at="2026-01-01T02:00:00+00:00")
    attempt(paths, RUNS[1], 1, slurm_job_id=None, ended_at="2026-01-01T09:00:00+00:00")
    usage = gpu_usage(paths, SweepJobs([submission()]))
    assert usage is not None
    assert (usage.gpu_hours, usage.wall_seconds) == (2.0, 2 * 3600)
    assert usage.source == "the runs' own records"


def test_a_run_whose_folder_cannot_be_read_does_not_hide_the_hours_of_others(paths):
    attempt(paths, RUNS[1], outcome="done", ended_at="2026-01-01T01:00:00+00:00")
    unreadable = paths.run(RUNS[0]).root
    unreadable.symlink_to(unreadable)
    usage = gpu_usage(paths, SweepJobs([submission()]))
    assert usage is not None
    assert usage.gpu_hours == 2.0


def test_runs_that_share_a_gpu_at_the_same_time_share_its_hours(fake, paths):
    for run_id in RUNS:
        attempt(paths, run_id, outcome="done", ended_at="2026-01-01T01:00:00+00:00")
    together = submission(runs_per_job=2, side_by_side=True)
    usage = gpu_usage(paths, SweepJobs([together]))
    assert usage is not None
    assert (usage.gpu_hours, usage.wall_seconds) == (2.0, 3600)


def test_an_attempt_that_was_killed_counts_to_the_last_line_of_its_log(fake, paths):
    attempt(paths, RUNS[0])
    log = paths.run(RUNS[0]).attempt(1).stderr
    log.touch()
    began = 1767225600  # 2026-01-01T00:00:00 UTC
    os.utime(log, (began + 900, began + 900))
    usage = gpu_usage(paths, SweepJobs([submission()]))
    assert usage is not None
    assert usage.gpu_hours == 0.5
    os.utime(log, (began - 900, began - 900))  # by another clock
    usage = gpu_usage(paths, SweepJobs([submission()]))
    assert usage is not None
    assert usage.gpu_hours == 0.0
