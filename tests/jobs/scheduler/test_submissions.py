"""The record of a submission says all that a later launcher must know."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from aevae.errors import InputError
from aevae.files.git import git_identity
from aevae.files.layout import SweepPaths
from jobs.scheduler.profile import ClusterProfile
from jobs.scheduler.submissions import (
    job_name,
    new_submission,
    read_submissions,
    write_submission,
)

RUNS = ("ae-z002-s0-0000000000", "ae-z005-s0-0000000000", "vae-z002-s0-0000000000")


def test_a_submission_holds_what_was_asked_for(tmp_path):
    profile = ClusterProfile(gres="gpu:v100:2", mem_gb=3, timeout_min=7, max_num_timeout=5)
    paths = SweepPaths(tmp_path)
    made = new_submission(paths, 4, RUNS, profile, "abcdef", "alpha")
    commit, dirty = git_identity()
    assert made.model_dump(exclude={"submitted_at"}) == {
        "number": 4,
        "job_name": job_name(paths, 4),
        "run_ids": RUNS,
        "runs_per_job": 1,
        "side_by_side": False,
        "gpus": 2,
        "mem_gb": 3,
        "timeout_min": 7,
        "max_num_timeout": 5,
        "git_commit": commit,
        "git_dirty": dirty,
        "code": "abcdef",
        "version": version("aevae"),
        "cluster": "alpha",
        "cancelled": (),
        "job_id": None,
    }
    together = ClusterProfile(runs_per_job=2, side_by_side=True)
    made = new_submission(paths, 1, RUNS, together, None)
    assert (made.runs_per_job, made.side_by_side, made.gpus_per_run) == (2, True, 0)
    assert made.tasks == [RUNS[:2], RUNS[2:]]
    assert [made.key(task, "77") for task in range(2)] == ["77_0", "77_1"]


def test_one_job_is_no_array(tmp_path):
    together = ClusterProfile(runs_per_job=3)
    assert new_submission(SweepPaths(tmp_path), 1, RUNS, together, None).key(0, "77") == "77"


def test_the_name_of_a_job_is_that_of_one_sweep_folder():
    name = job_name(SweepPaths(Path("/scratch/a b%")), 3)
    assert name == "aevae-c7b31f-3"
    assert job_name(SweepPaths(Path("/scratch/other")), 3) != name


def test_records_are_read_in_order_as_they_were_written(tmp_path):
    paths = SweepPaths(tmp_path)
    made = [new_submission(paths, n, RUNS, ClusterProfile(), None) for n in (10, 2)]
    for submission in made:
        write_submission(paths, submission)
    assert read_submissions(paths) == made[::-1]
    assert paths.submission(2).read_text().count("\n") > 10  # for people, too


def test_a_damaged_record_is_named(tmp_path):
    paths = SweepPaths(tmp_path)
    write_submission(paths, new_submission(paths, 1, RUNS, ClusterProfile(), None))
    values = json.loads(paths.submission(1).read_text())
    paths.submission(1).write_text(json.dumps(values | {"gpus": "many"}))
    with pytest.raises(InputError, match=f"^gpus: .*got 'many' in {paths.submission(1)}$"):
        read_submissions(paths)
