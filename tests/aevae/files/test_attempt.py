"""Two processes never train the same run, and a dead one never blocks it."""

import errno
import json
import logging
import multiprocessing
import os
import re
import shutil
import stat
import subprocess
import sys

import pytest

from aevae.errors import InputError, Interrupted
from aevae.files import attempt
from aevae.files.attempt import Attempt, SlurmJob, amend_outcome, newest_record, read_record
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.process import ProcessIdentity


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
    message = f"{weird.name} is being run by process {os.getpid()} on {first.record.host}"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Attempt.claim(RunPaths(weird))


def test_what_is_claimed_is_recorded_for_people_and_programs(weird):
    job = SlurmJob("12_3", "14", "cluster", "name")
    first = Attempt.claim(RunPaths(weird / "runs" / "purged"), job)
    record = read_record(first.paths)
    assert record == first.record
    assert record.process == ProcessIdentity.of_this_process()
    assert (record.number, record.outcome, record.alive) == (1, None, True)
    assert (record.slurm_job_id, record.slurm_job) == ("14", job)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record.started_at)
    assert first.paths.record.read_text().startswith('{\n "number": 1,\n')
    assert first.paths.record.read_text().endswith("}\n")


@pytest.mark.parametrize(
    ("variables", "job"),
    [
        ({"JOB_ID": "12"}, SlurmJob("12", "12")),
        ({"JOB_ID": "12", "ARRAY_JOB_ID": "9"}, SlurmJob("12", "12")),
        (
            {
                "JOB_ID": "14",
                "ARRAY_JOB_ID": "12",
                "ARRAY_TASK_ID": "0",
                "CLUSTER_NAME": "c",
                "JOB_NAME": "n",
            },
            SlurmJob("12_0", "14", "c", "n"),
        ),
    ],
)
def test_a_job_is_named_as_the_scheduler_names_it(monkeypatch, variables, job):
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert SlurmJob.of_environment() == job


def test_how_an_attempt_ended_is_recorded(weird):
    run = RunPaths(weird)
    first = Attempt.claim(run)
    first.finish("interrupted", "SIGTERM after epoch 1")
    record = read_record(first.paths)
    assert record == first.record
    assert (record.outcome, record.reason) == ("interrupted", "SIGTERM after epoch 1")
    assert record.ended_at >= record.started_at
    assert (record.results_bytes, record.evaluation, record.alive) == (None, None, False)
    second = Attempt.claim(run)
    run.trained.write_bytes(b"1234")
    run.evaluation.write_bytes(b"12345")
    second.finish("done", evaluation="0a1b")
    record = newest_record(run.attempts())
    assert (record.number, record.outcome, record.reason) == (2, "done", None)
    assert (record.training_bytes, record.results_bytes) == (4, 5)
    assert record.evaluation == "0a1b"


def test_an_outcome_that_turned_out_to_be_wrong_is_replaced_and_nothing_else(weird):
    run = RunPaths(weird)
    amend_outcome(run.attempt(1), "failed", "no record")
    assert not run.attempt(1).record.exists()
    first = Attempt.claim(run)
    first.finish("interrupted", "by a signal")
    before = json.loads(first.paths.record.read_text())
    amend_outcome(first.paths, "failed", "out_of_memory")
    after = json.loads(first.paths.record.read_text())
    assert after == before | {"outcome": "failed", "reason": "out_of_memory"}
    assert first.paths.record.read_text() == json.dumps(after, indent=1) + "\n"


def test_a_run_without_attempts_has_no_record(weird):
    assert newest_record(RunPaths(weird).attempts()) is None


def test_the_log_of_an_attempt_is_kept_beside_its_record(weird):
    first = Attempt.claim(RunPaths(weird))
    before = list(logging.getLogger().handlers)
    first.keep_output(capture=False)
    (handler,) = set(logging.getLogger().handlers) - set(before)
    assert handler.encoding.lower() == "utf-8"  # whatever the locale
    try:
        logging.getLogger("x").warning("nöte")
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    (line,) = first.paths.stderr.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING nöte", line)
    assert not first.paths.stdout.exists()


def test_all_that_a_batch_job_prints_is_kept_what_libraries_print_included(weird):
    first = Attempt.claim(RunPaths(weird))
    first.paths.stdout.write_bytes(b"earlier ")
    before = list(logging.getLogger().handlers)
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    try:
        first.keep_output(capture=True)
        os.write(1, b"out")
        os.write(2, b"err")
    finally:
        for number, descriptor in enumerate(kept, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
    assert first.paths.stdout.read_bytes() == b"earlier out"
    assert first.paths.stderr.read_bytes() == b"err"
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize("tidied", [False, True])
def test_of_two_that_claim_at_once_the_slower_one_is_told(weird, monkeypatch, tidied):
    run = RunPaths(weird)
    make_scratch = attempt.make_scratch

    def be_overtaken(folder, prefix):
        (folder / "1").mkdir()
        (folder / "1" / "attempt.json").touch()
        ours = make_scratch(folder, prefix)
        (half,) = folder.glob(".claim-*")
        if tidied:
            half.rmdir()  # as the winner does
        return ours

    monkeypatch.setattr(attempt, "make_scratch", be_overtaken)
    message = f"^{re.escape(run.run_id)} was just taken by another process$"
    with pytest.raises(InputError, match=message):
        Attempt.claim(run)
    assert [path.name for path in (weird / "attempts").iterdir()] == ["1"]


def test_a_disk_that_is_full_is_said_and_nothing_is_claimed(weird, monkeypatch):
    def fail(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(attempt, "publish_text", fail)
    with pytest.raises(OSError, match="No space left"):
        Attempt.claim(RunPaths(weird))
    assert list((weird / "attempts").iterdir()) == []


def test_a_dead_or_reused_process_number_does_not_block(weird):
    run = RunPaths(weird)
    first = Attempt.claim(run)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    edit(first.paths, pid=ended.pid)
    (weird / "attempts" / ".claim-half").mkdir()  # of one that was killed while it claimed
    (weird / "attempts" / ".claim-note").touch()
    second = Attempt.claim(run)
    assert second.record.number == 2
    assert {p.name for p in (weird / "attempts").iterdir()} == {"1", "2", ".claim-note"}
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
    with pytest.raises(OSError, match="so another process may be executing") as caught:
        Attempt.claim(RunPaths(weird))
    assert (caught.value.errno, caught.value.filename) == (errno.ELOOP, str(first.paths.record))
    what = f"{os.strerror(errno.ELOOP)}, so another process may be executing {weird.name}"
    assert caught.value.strerror == what


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
