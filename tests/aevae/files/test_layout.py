"""Every file of a sweep is found where any release put it, and nothing outside is touched."""

import re

import pytest

from aevae.errors import InputError
from aevae.files.layout import RunPaths, SweepPaths

RUN = "vae-z020-s0-b4107d13fb"


def test_each_file_has_the_place_that_is_documented(weird):
    sweep = SweepPaths(weird)
    run = sweep.run(RUN)
    places = {
        run.checkpoint(7): f"runs/{RUN}/checkpoint-000007.pt",
        run.attempt(3).record: f"runs/{RUN}/attempts/3/attempt.json",
        sweep.submission(4): "submissions/4.json",
        sweep.code("d1"): "submissions/code/d1",
        sweep.job_log("123_4"): "submitit/123_4_0_log.err",
        sweep.failed_start(RUN): f"submitit/{RUN}.json",
    }
    assert {path: str(path.relative_to(weird)) for path in places} == places
    assert run.sweep == sweep


def test_checkpoints_are_found_newest_first(weird):
    run = RunPaths(weird)
    for name in ("checkpoint-000009.pt", "checkpoint-000010.pt", "checkpoint-000002.pt"):
        (weird / name).touch()
    for name in ("checkpoint-3.pt", ".checkpoint-000011.pt.12.tmp", "checkpoint-000012.pt.bak"):
        (weird / name).touch()
    assert run.checkpoints() == [run.checkpoint(10), run.checkpoint(9), run.checkpoint(2)]


def test_numbers_are_ordered_as_numbers(weird):
    run, sweep = RunPaths(weird), SweepPaths(weird)
    for number in (10, 2, 123_456_789):
        run.attempt(number).root.mkdir(parents=True)
        sweep.submission_records.mkdir(exist_ok=True)
        sweep.submission(number).touch()
    (weird / "attempts" / "1234567890").mkdir()
    numbers = [2, 10, 123_456_789]
    assert [attempt.number for attempt in run.attempts()] == numbers
    assert sweep.submissions() == [sweep.submission(number) for number in numbers]


@pytest.mark.parametrize("run_id", ["../other", "vae-z020-s0", f"{RUN}/..", "", f"{RUN}0"])
def test_what_is_no_run_id_is_refused(weird, run_id):
    message = f"^{re.escape(repr(run_id))} is not a run id \\(such as {RUN}\\)$"
    with pytest.raises(InputError, match=message):
        SweepPaths(weird).run(run_id)


def test_planned_runs_have_a_configuration_or_a_folder_that_cannot_be_read(weird):
    sweep = SweepPaths(weird)
    assert sweep.planned() == []
    with_config, without, unreadable = (sweep.run(f"ae-z002-s{n}-5941e35d") for n in (1, 2, 3))
    for run in (with_config, without):
        run.root.mkdir(parents=True)
    with_config.config.touch()
    unreadable.root.symlink_to(unreadable.root)  # as a disk that fails: it gives ELOOP
    other = weird / "runs" / "backup"
    other.mkdir()
    (other / "config.json").touch()
    assert sweep.planned() == [with_config, unreadable]


@pytest.mark.parametrize("link", ["dataset.h5", f"runs/{RUN}", f"runs/{RUN}/trained.h5"])
def test_a_link_that_leads_out_of_the_sweep_is_refused_and_another_is_not(weird, link):
    root, outside = weird / "sweep", weird / "sweep, but another"
    outside.mkdir()
    run = SweepPaths(root).run(RUN)
    path = root / link
    path.parent.mkdir(parents=True)
    path.symlink_to(outside)
    expected = re.escape(f"{path} leads out of the sweep, to {outside}")
    with pytest.raises(InputError, match=f"^{expected}$"):
        SweepPaths(root).check_contained(run)
    path.unlink()
    path.symlink_to(path.parent / "elsewhere within")
    SweepPaths(root).check_contained(run)
    (weird / "name").symlink_to(root)
    through = SweepPaths(weird / "name")
    through.check_contained(through.run(RUN))
