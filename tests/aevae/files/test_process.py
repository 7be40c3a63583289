"""A live process is never taken for dead, nor another one for it, whatever clocks and names do."""

import os
import subprocess
import sys
from dataclasses import replace

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
    process.wait()


def test_a_process_that_proc_hides_is_unknown_until_its_number_is_free(
    here, ended, tmp_path, monkeypatch
):
    """Mounted with hidepid, /proc has no folder for the processes of other users."""
    boot = tmp_path / "sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text(f"{here.boot_id}\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to(here.pid_namespace)
    monkeypatch.setattr(aevae.files.process, "PROC", tmp_path)
    assert here.alive is None
    assert replace(here, pid=ended).alive is False


def test_records_of_the_first_release_are_judged_by_wall_time(first_release, ended):
    assert first_release.alive is True
    assert replace(first_release, started=first_release.started - 100).alive is False
    assert replace(first_release, host="node9").alive is None
    assert replace(first_release, pid=ended).alive is False


def test_where_there_is_no_proc_wall_time_names_a_process(tmp_path, monkeypatch):
    monkeypatch.setattr(aevae.files.process, "PROC", tmp_path)
    here = ProcessIdentity.of_this_process()
    assert (here.boot_id, here.pid_namespace, here.start_ticks) == (None, None, None)
    assert (here.pid, here.alive) == (os.getpid(), True)
