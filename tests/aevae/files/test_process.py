"""A live process is never taken for dead, nor another one for it, whatever clocks and names do."""

import errno
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import aevae.files.process
from aevae.files.process import ProcessIdentity


@pytest.fixture
def here():
    return ProcessIdentity.of_this_process()


@pytest.fixture
def first_release(here):
    """What the first release recorded: a host, a number and a wall time."""
    return ProcessIdentity(here.host, here.pid, here.started)


@pytest.fixture
def ended():
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_a_process_is_named_by_boot_namespace_number_and_start(here):
    fields = Path("/proc/self/stat").read_text().split(") ")[1].split()
    assert (here.host, here.pid) == (socket.gethostname(), os.getpid())
    assert here.started == psutil.Process().create_time()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    assert f"{here.boot_id}\n" == boot
    assert here.pid_namespace == os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - as text
    assert here.start_ticks == int(fields[19])


def test_a_program_may_have_any_name(tmp_path):
    program = tmp_path / "a (b) S 1"
    program.symlink_to(sys.executable)
    command = [program, "-S", "-E", "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            state, ticks = aevae.files.process._state_and_start(process.pid)
            started = psutil.Process(process.pid).create_time()
            assert state in "RSD"
            booted = psutil.boot_time()
            assert abs(ticks / os.sysconf("SC_CLK_TCK") + booted - started) < 2
        finally:
            process.communicate()


def test_a_signal_reaches_a_process_and_one_that_ended_is_told(here, ended):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert replace(here, pid=process.pid).send(signal.SIGTERM) is True
        assert process.wait(30) == -signal.SIGTERM
    assert replace(here, pid=ended).send(signal.SIGTERM) is False


def test_the_process_of_another_user_is_not_signalled_and_lives(here, tmp_path, monkeypatch):
    def refuse(_pid, _number):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "kill", refuse)
    message = f"process {here.pid} belongs to another user, and only that user can stop it"
    with pytest.raises(PermissionError, match=f"{message}$") as caught:
        here.send(signal.SIGTERM)
    assert (caught.value.errno, caught.value.strerror) == (errno.EPERM, message)
    hide_processes(here, tmp_path, monkeypatch)
    assert here.alive is None


def test_a_process_whose_state_is_refused_is_unknown(here, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert here.alive is None


def test_a_clock_that_is_set_does_not_end_a_process(here):
    # All wall times of a machine move with its clock, those of its processes included.
    assert replace(here, started=here.started + 30).alive is True


def test_a_container_with_a_new_host_name_sees_its_processes(here):
    assert replace(here, host="0123456789ab").alive is True


def test_a_later_process_of_the_same_number_is_another(here, ended):
    assert replace(here, start_ticks=here.start_ticks - 1).alive is False
    assert replace(here, pid=ended).alive is False


def test_a_reboot_ends_every_process_and_another_host_is_unknown(here):
    assert replace(here, boot_id="before").alive is False
    assert replace(here, boot_id="there", host="node9").alive is None
    assert replace(here, pid_namespace="pid:[1]").alive is None


def test_a_zombie_runs_no_more(here):
    process = subprocess.Popen([sys.executable, "-c", ""])
    zombie = psutil.Process(process.pid)
    while zombie.status() != psutil.STATUS_ZOMBIE:
        pass
    _, start_ticks = aevae.files.process._state_and_start(process.pid)
    assert replace(here, pid=process.pid, start_ticks=start_ticks).alive is False
    by_wall_time = ProcessIdentity(here.host, process.pid, zombie.create_time())
    assert by_wall_time.alive is False
    process.wait()


def hide_processes(here, folder, monkeypatch):
    """Let /proc be mounted with hidepid: it has no folder for the processes of other users."""
    boot = folder / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text(f"{here.boot_id}\n")
    (folder / "self/ns").mkdir(parents=True)
    (folder / "self/ns/pid").symlink_to(here.pid_namespace)
    monkeypatch.setattr(aevae.files.process, "PROC", folder)


def test_a_process_that_proc_hides_is_unknown_until_its_number_is_free(
    here, ended, tmp_path, monkeypatch
):
    hide_processes(here, tmp_path, monkeypatch)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    for hidden in (here, ProcessIdentity(here.host, here.pid, here.started)):
        assert hidden.alive is None
        assert replace(hidden, pid=ended).alive is False


def test_records_of_the_first_release_are_judged_by_wall_time(first_release, ended):
    assert first_release.alive is True
    for seconds, alive in ((0.5, True), (1, False), (-1.5, False)):
        moved = replace(first_release, started=first_release.started + seconds)
        assert moved.alive is alive
    assert replace(first_release, host="node9").alive is None
    assert replace(first_release, pid=ended).alive is False


def test_where_there_is_no_proc_wall_time_names_a_process(tmp_path, monkeypatch):
    monkeypatch.setattr(aevae.files.process, "PROC", tmp_path)
    here = ProcessIdentity.of_this_process()
    assert (here.boot_id, here.pid_namespace, here.start_ticks) == (None, None, None)
    assert (here.pid, here.alive) == (os.getpid(), True)
    boot = tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text("boot\n")  # the boot alone does not name a process
    assert ProcessIdentity.of_this_process().start_ticks is None
