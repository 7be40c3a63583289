"""`cancel` reaches the processes of a sweep, whatever else fails, and no other process."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from aevae.files.attempt import Attempt
from aevae.files.layout import RunPaths
from jobs.launch.signals import stop_and_wait


@pytest.fixture
def process():
    """A process that ends by TERM."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def attempt_by(folder, child, **changes):
    """Claim an attempt, and record `child` as its process."""
    attempt = Attempt.claim(RunPaths(folder))
    stat = Path(f"/proc/{child.pid}/stat").read_text()
    started = {"process_started": psutil.Process(child.pid).create_time()}
    ticks = {"start_ticks": int(stat.rpartition(")")[2].split()[19])}
    record = {**vars(attempt.record), "pid": child.pid, **started, **ticks, **changes}
    attempt.paths.record.write_text(json.dumps(record))
    return RunPaths(folder)


def test_a_folder_that_cannot_be_read_keeps_no_other_run_alive(weird, process):
    first = attempt_by(weird / "first", process)
    unreadable = weird / "unreadable"
    unreadable.symlink_to(unreadable)
    with pytest.raises(OSError, match=r"one run may still be alive \(stopped: first\)"):
        stop_and_wait([RunPaths(unreadable), first], 60, print)
    assert process.wait(60) == -signal.SIGTERM


def test_a_clock_that_was_set_hides_no_process_from_cancel(weird, process):
    run = attempt_by(weird / "run", process, process_started=0.0)
    assert stop_and_wait([run], 60, print) == ["run"]
    assert process.wait(60) == -signal.SIGTERM


@pytest.mark.parametrize(
    "other",
    [
        {"start_ticks": 1},
        {"boot_id": "before"},
        {"boot_id": "there", "host": "node9"},
        {"pid_namespace": "pid:[1]"},
    ],
)
def test_a_process_that_only_has_the_number_of_an_attempt_is_spared(weird, process, other):
    run = attempt_by(weird / "run", process, **other)
    assert stop_and_wait([run], 0, print) == []
    assert process.poll() is None
