"""Two processes never train the same run, and a dead one never blocks it."""

import json
import multiprocessing
import os
import shutil
import stat
import subprocess
import sys

import pytest

from aevae.errors import InputError, Interrupted
from aevae.files.attempt import Attempt, read_record
from aevae.files.layout import RunPaths, SweepPaths


def edit(paths, **values):
    record = json.loads(paths.record.read_text())
    paths.record.write_text(json.dumps({**record, **values}))


def race(root, barrier, won):
    barrier.wait()
    try:
        Attempt.claim(RunPaths(root))
    except InputError:
        won.put(0)
    else:
        won.put(1)
    barrier.wait()  # Nobody ends, and so frees the run, before all have tried.


def test_a_second_claim_names_the_living_process(weird):
    first = Attempt.claim(RunPaths(weird))
    with pytest.raises(InputError, match=f"is being run by process {first.record.pid} on"):
        Attempt.claim(RunPaths(weird))


def test_a_dead_or_reused_process_number_does_not_block(weird):
    run = RunPaths(weird)
    first = Attempt.claim(run)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    edit(first.paths, pid=ended.pid)
    (weird / "attempts" / ".claim-half").mkdir()  # of one that was killed while it claimed
    second = Attempt.claim(run)
    assert second.record.number == 2
    assert {p.name for p in (weird / "attempts").iterdir()} == {"1", "2"}
    edit(second.paths, start_ticks=second.record.start_ticks - 1)
    assert read_record(second.paths).alive is False
    assert Attempt.claim(run).record.number == 3
    with pytest.raises(Interrupted, match="attempt 3 has taken over from 1"):
        first.check_current()


def test_a_record_of_the_first_release_is_judged_by_what_it_holds(weird):
    first = Attempt.claim(RunPaths(weird))
    values = json.loads(first.paths.record.read_text())
    for name in ("boot_id", "pid_namespace", "start_ticks"):
        del values[name]
    first.paths.record.write_text(json.dumps(values))
    assert read_record(first.paths).alive is True
    edit(first.paths, process_started=values["process_started"] - 100)
    assert read_record(first.paths).alive is False


def test_of_six_racing_processes_exactly_one_wins(weird):
    context = multiprocessing.get_context("spawn")
    barrier, won = context.Barrier(6), context.Queue()
    racers = [context.Process(target=race, args=(weird, barrier, won)) for _ in range(6)]
    for process in racers:
        process.start()
    assert sum(won.get(timeout=60) for _ in racers) == 1
    for process in racers:
        process.join(30)
    assert len(RunPaths(weird).attempts()) == 1


@pytest.mark.parametrize("content", [b"\xff", b"", b"[]", b'{"pid": 1}', b'{"number": "x"}'])
def test_a_record_that_cannot_be_read_blocks_nothing(weird, content):
    first = Attempt.claim(RunPaths(weird))
    first.paths.record.write_bytes(content)
    assert read_record(first.paths) is None
    assert Attempt.claim(RunPaths(weird)).record.number == 2


def test_a_group_may_read_an_attempt_where_the_umask_lets_it(weird):
    weird.chmod(0o2775)
    umask = os.umask(0o002)
    try:
        first = Attempt.claim(RunPaths(weird))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(first.paths.root.stat().st_mode) == 0o2775
    assert stat.S_IMODE(first.paths.record.stat().st_mode) == 0o664


def test_a_record_that_the_file_system_does_not_give_blocks(weird):
    """It may be that of a live process; a colleague's that we may not read gives an error, too."""
    first = Attempt.claim(RunPaths(weird))
    first.paths.record.unlink()
    first.paths.record.symlink_to(first.paths.record)
    with pytest.raises(OSError, match="so another process may be at"):
        Attempt.claim(RunPaths(weird))


def test_an_attempt_whose_folder_was_purged_is_still_the_newest(weird):
    first = Attempt.claim(RunPaths(weird))
    shutil.rmtree(weird / "attempts")
    first.check_current()


def test_what_people_leave_beside_the_attempts_is_no_attempt(weird):
    first = Attempt.claim(RunPaths(weird))
    for name in ("1.bak", "2 (copy)", "03", "\u0664"):
        (weird / "attempts" / name).mkdir()
    assert [attempt.number for attempt in RunPaths(weird).attempts()] == [1]
    first.check_current()


def test_what_people_leave_beside_the_submissions_is_no_submission(weird):
    sweep = SweepPaths(weird)
    sweep.submission_records.mkdir()
    for name in ("10.json", "2.json", "2.bak.json", "1_0.json"):
        (sweep.submission_records / name).touch()
    assert sweep.submissions() == [sweep.submission(2), sweep.submission(10)]
