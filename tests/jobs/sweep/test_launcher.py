"""One launcher works on a sweep, and cancel reaches that process and no other."""

import errno
import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from aevae.errors import InputError
from aevae.files.layout import SweepPaths
from aevae.files.process import ProcessIdentity
from jobs.sweep import launcher
from jobs.sweep.launcher import launcher_lock, stop_launcher


@pytest.fixture
def sweep(weird):
    return SweepPaths(weird)


@pytest.fixture
def bystander():
    """A process that has nothing to do with the sweep."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        assert process.poll() is None
        process.communicate(b"\n")


def leave(sweep, host, pid, started, **rest):
    """Leave the record of a launcher, as a killed one does, and what earlier versions wrote."""
    sweep.launcher.mkdir()
    record = {"host": host, "pid": pid, "started": started, **rest}
    (sweep.launcher / "process.json").write_text(json.dumps(record))
    sweep.launcher_lock.write_text(f"{pid}\n")


@contextmanager
def locked(sweep):
    """Hold the lock, as a launcher on any host does where the file system shares locks."""
    with sweep.launcher_lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("release", ["first", "this"])
def test_cancel_spares_a_process_that_was_given_the_number_of_a_dead_launcher(
    sweep, bystander, release
):
    started = psutil.Process(bystander.pid).create_time()
    here = ProcessIdentity.of_this_process()
    if release == "first":
        leave(sweep, here.host, bystander.pid, started - 100)
    else:
        # The clock may have been set since: the wall time says nothing.
        leave(sweep, **{**vars(here), "pid": bystander.pid, "started": started, "start_ticks": 1})
    with locked(sweep):
        assert stop_launcher(sweep) is False
    with launcher_lock(sweep):  # the next launcher takes over
        assert json.loads((sweep.launcher / "process.json").read_text())["pid"] == os.getpid()
    assert stop_launcher(sweep) is False


def test_a_launcher_on_another_host_is_named_and_left_alone(sweep, bystander):
    leave(sweep, "login2", bystander.pid, psutil.Process(bystander.pid).create_time())
    named = rf"process {bystander.pid} on login2.* remove .*launcher"
    with locked(sweep), pytest.raises(InputError, match=named):
        stop_launcher(sweep)
    with pytest.raises(InputError, match=named), launcher_lock(sweep):
        pass
    assert sweep.launcher.exists()


def test_a_launcher_that_has_just_ended_is_none(sweep):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    leave(sweep, ProcessIdentity.of_this_process().host, ended.pid, 0.0)
    with locked(sweep):
        assert stop_launcher(sweep) is False


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[]", b'{"host": 1, "pid": null}'])
def test_a_record_that_cannot_be_read_is_not_guessed(sweep, content):
    sweep.launcher.mkdir()
    if content is not None:
        (sweep.launcher / "process.json").write_bytes(content)
    with pytest.raises(InputError, match=r"unknown process.* remove"):
        stop_launcher(sweep)
    with pytest.raises(InputError, match=r"unknown process.* remove"), launcher_lock(sweep):
        pass


def test_a_group_may_read_who_launches_where_the_umask_lets_it(sweep):
    umask = os.umask(0o027)
    try:
        with launcher_lock(sweep):
            assert stat.S_IMODE(sweep.launcher.stat().st_mode) == 0o750
    finally:
        os.umask(umask)


def test_what_killed_launchers_left_is_removed(sweep):
    (sweep.root / ".launcher-half").mkdir()
    with launcher_lock(sweep):
        names = {path.name for path in sweep.root.iterdir()}
        assert names == {"launcher", "launcher.lock"}
    assert [path.name for path in sweep.root.iterdir()] == ["launcher.lock"]


def test_what_cannot_be_removed_stops_no_launcher(sweep):
    (sweep.root / ".launcher-file").touch()  # as if another launcher were removing it
    with launcher_lock(sweep):
        assert sweep.launcher.exists()


def test_a_launcher_on_a_file_system_that_locks_each_host_alone_loses_against_a_claim(
    sweep, monkeypatch
):
    rename = type(sweep.root).rename

    def lose(scratch, target):
        """Claim on another host between the look at the folder and the rename."""
        leave(sweep, "login2", 1, 1.0)
        return rename(scratch, target)

    monkeypatch.setattr(type(sweep.root), "rename", lose)
    with pytest.raises(InputError, match="process 1 on login2"), launcher_lock(sweep):
        pass
    assert not list(sweep.root.glob(".launcher-*"))


def refused(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)


def launch(sweep):
    with launcher_lock(sweep):
        pytest.fail("two launchers at once")


def test_a_launcher_at_work_is_named_and_its_folder_is_not_to_be_removed(sweep):
    here = ProcessIdentity.of_this_process()
    with launcher_lock(sweep):
        text = (sweep.launcher / "process.json").read_text()
        assert json.loads(text) == vars(here)
        assert text.endswith("}\n")
        assert refused(launch, sweep) == (
            f"another launcher (process {here.pid} on {here.host}) is at work on {sweep.root}; "
            "nothing was started"
        )
    with pytest.raises(KeyError), launcher_lock(sweep):
        raise KeyError
    assert not sweep.launcher.exists()


def test_a_launcher_that_holds_the_lock_has_no_name_until_it_has_claimed(sweep):
    with locked(sweep):
        assert stop_launcher(sweep) is False
        assert refused(launch, sweep) == (
            f"another launcher (an unknown process) is at work on {sweep.root}; nothing was "
            f"started; if it has ended, remove {sweep.launcher}"
        )


def test_a_launcher_that_cannot_be_seen_is_stopped_where_it_is(sweep):
    leave(sweep, "login2", 1, 1.0)
    assert refused(stop_launcher, sweep) == (
        f"the launcher at work on {sweep.root} is process 1 on login2: cancel there, or name the "
        f"runs to stop; if it has ended, remove {sweep.launcher}"
    )
    assert refused(launch, sweep) == (
        f"another launcher (process 1 on login2) is at work on {sweep.root}; nothing was started; "
        f"if it has ended, remove {sweep.launcher}"
    )


def test_a_launcher_that_is_stopped_is_sent_a_sigterm(sweep):
    with subprocess.Popen(["sleep", "100"]) as process:
        started = psutil.Process(process.pid).create_time()
        leave(sweep, ProcessIdentity.of_this_process().host, process.pid, started)
        try:
            assert stop_launcher(sweep) is True
            assert process.wait(10) == -signal.SIGTERM
        finally:
            process.kill()


def test_without_locks_the_claim_keeps_out_a_second_launcher(sweep, monkeypatch, caplog):
    monkeypatch.setattr(launcher, "try_lock", lambda file: False)
    launcher._warn_of_no_locks.cache_clear()
    for _ in range(2):
        with launcher_lock(sweep):
            assert "nothing was started" in refused(launch, sweep)
    said = f"files cannot be locked here: only {sweep.launcher} keeps other launchers out"
    assert caplog.messages == [said]


@pytest.mark.parametrize("number", [errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT, errno.ENOSPC])
def test_a_claim_that_fails_leaves_nothing_and_only_a_lost_one_means_another_launcher(
    sweep, monkeypatch, number
):
    def fail(scratch, target):
        # The next launcher finds it by this name if we are killed here.
        assert scratch.name.startswith(".launcher-")
        if number == errno.ENOENT:
            shutil.rmtree(scratch)
        raise OSError(number, "no", str(target))

    monkeypatch.setattr(type(sweep.root), "rename", fail)
    if number == errno.ENOSPC:
        with pytest.raises(OSError, match="no"):
            launch(sweep)
    else:
        assert "another launcher (an unknown process)" in refused(launch, sweep)
    assert [path.name for path in sweep.root.iterdir()] == ["launcher.lock"]


def test_a_dead_claim_that_another_launcher_removes_first_means_that_launcher(sweep, monkeypatch):
    rename = type(sweep.root).rename
    leave(sweep, ProcessIdentity.of_this_process().host, 2**22 - 1, 0.0)

    def be_late(claim, target):
        shutil.rmtree(claim)
        return rename(claim, target)

    monkeypatch.setattr(type(sweep.root), "rename", be_late)
    assert "another launcher (an unknown process)" in refused(launch, sweep)
    assert [path.name for path in sweep.root.iterdir()] == ["launcher.lock"]


WITHOUT_LOCKS = """
from pathlib import Path
from aevae.errors import InputError
from aevae.files.layout import SweepPaths
from jobs.sweep.launcher import launcher_lock
for _ in range(2):
    with launcher_lock(SweepPaths(Path())):
        try:
            with launcher_lock(SweepPaths(Path())):
                print("two at once")
        except InputError as error:
            print(error)
"""


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_files_cannot_be_locked_the_claim_keeps_out_a_second_launcher(
    sweep, shim, command_environment, number
):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    leave(sweep, ProcessIdentity.of_this_process().host, ended.pid, 0.0)
    shim(flock=number)
    command = [sys.executable, "-c", WITHOUT_LOCKS]
    said = subprocess.run(
        command, cwd=sweep.root, env=command_environment, capture_output=True, text=True, check=True
    )
    refused = said.stdout.splitlines()
    assert len(refused) == 2
    assert all(line.startswith("another launcher (process ") for line in refused)
    assert said.stderr == "files cannot be locked here: only launcher keeps other launchers out\n"
    assert [path.name for path in sweep.root.iterdir()] == ["launcher.lock"]


def test_a_claim_that_took_the_place_of_a_dead_one_is_put_back(sweep, bystander, monkeypatch):
    """Without locks, another launcher of this host may remove the dead claim first."""
    rename = type(sweep.root).rename
    here = ProcessIdentity.of_this_process()
    started = psutil.Process(bystander.pid).create_time()
    leave(sweep, here.host, bystander.pid, started - 100)

    def be_late(claim, target):
        if claim == sweep.launcher:
            (claim / "process.json").write_text(json.dumps(vars(here)))
        return rename(claim, target)

    monkeypatch.setattr(type(sweep.root), "rename", be_late)
    with pytest.raises(InputError, match=f"process {here.pid} on"), launcher_lock(sweep):
        pass
    assert json.loads((sweep.launcher / "process.json").read_text())["pid"] == here.pid
