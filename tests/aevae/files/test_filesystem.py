"""What one file system lacks or refuses for a moment keeps nobody from working on it."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aevae.files import filesystem
from aevae.files.filesystem import (
    as_given,
    exists,
    make_scratch,
    names_in,
    read_bytes,
    retried,
    sync_folder,
    try_lock,
)
from aevae.files.hdf5 import Field, Schema, open_checked, read_header, write_file
from aevae.files.sandbox import examine


@pytest.fixture
def python(weird, shim, command_environment):
    """A function that runs a line of Python in an empty folder of a file system that fails."""

    def run(line, **settings):
        shim(**settings)
        return subprocess.run(
            [sys.executable, "-c", line],
            cwd=weird,
            env=command_environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


PUBLISH = "from aevae.files.atomic import *; publish_text(Path('file'), 'text')"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_where_folders_cannot_be_flushed_files_are_published_all_the_same(python, weird, number):
    published = python(PUBLISH, fsync=number)
    assert published.returncode == 0, published.stderr
    assert [path.name for path in weird.iterdir()] == ["file"]


def test_a_disk_that_fails_while_a_folder_is_flushed_is_named(python):
    failed = python(PUBLISH, fsync=errno.EIO)
    assert "[Errno 5] Input/output error: '.'" in failed.stderr


def refusing(number):
    """A call of the system that fails with an error that names no file."""

    def refuse(*_arguments):
        raise OSError(number, os.strerror(number))

    return refuse


def test_an_error_that_a_system_lacks_is_left_out():
    assert filesystem._numbers("EIO", "ENOSUCH", "ESTALE") == {errno.EIO, errno.ESTALE}


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_folder_is_flushed_unless_its_file_system_cannot(weird, monkeypatch, number):
    descriptors = os.listdir("/proc/self/fd")  # noqa: PTH208 - no files of ours
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda d: flushed.append(os.fstat(d).st_ino))
    sync_folder(weird)
    assert flushed == [weird.stat().st_ino]
    monkeypatch.setattr(os, "fsync", refusing(number))
    if number == errno.EIO:
        with pytest.raises(OSError, match="Input/output error") as caught:
            sync_folder(weird)
        assert (caught.value.errno, caught.value.filename) == (number, str(weird))
    else:
        sync_folder(weird)
    assert os.listdir("/proc/self/fd") == descriptors  # noqa: PTH208


def test_a_lock_is_held_until_the_file_is_closed(weird):
    path = weird / "lock"
    with path.open("w") as first, path.open("w") as second:
        assert try_lock(first) is True
        with pytest.raises(BlockingIOError) as caught:
            try_lock(second)
        assert caught.value.filename == str(path)
        first.close()
        assert try_lock(second) is True


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EIO])
def test_where_there_are_no_locks_that_is_said(weird, monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    with (weird / "lock").open("w") as file:
        if number == errno.EIO:
            with pytest.raises(OSError, match="Input/output error"):
                try_lock(file)
        else:
            assert try_lock(file) is False


def test_folders_made_at_once_have_names_of_their_own_and_the_usual_mode(weird):
    umask = os.umask(0o027)
    try:
        first, second = (make_scratch(weird, ".half-") for _ in range(2))
    finally:
        os.umask(umask)
    assert first != second
    assert {path.name[:6] for path in weird.iterdir()} == {".half-"}
    assert stat.S_IMODE(first.stat().st_mode) == 0o750


@pytest.fixture
def failing(weird):
    """A file that can be opened, but whose bytes the kernel refuses with EIO."""
    path = weird / "file.h5"
    path.symlink_to("/proc/self/mem")
    return path


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between the tries, which take no time here."""
    made = []
    monkeypatch.setattr(filesystem.time, "sleep", made.append)
    return made


def test_an_error_that_passes_is_waited_for(failing, monkeypatch):
    def mend(_seconds):
        failing.unlink()
        failing.write_bytes(b"good")

    monkeypatch.setattr(filesystem.time, "sleep", mend)
    assert read_bytes(failing) == b"good"


def test_an_error_that_stays_is_raised_and_names_the_file(failing, pauses):
    with pytest.raises(OSError, match="Input/output error") as caught:
        read_bytes(failing)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(failing))
    assert pauses == [0.1, 0.5]


def test_an_error_without_a_number_is_raised_as_it_is(failing, pauses):
    error = OSError("odd")

    def fail():
        raise error

    with pytest.raises(OSError, match=r"^odd$") as caught:
        retried(fail, failing)
    assert caught.value is error


def test_what_is_not_there_is_not_waited_for(weird, pauses):
    (weird / "file").touch()
    for missing in (weird / "nothing", weird / "file" / "below"):
        assert not exists(missing)
        assert names_in(missing) == []
    assert exists(weird / "file")
    assert names_in(weird) == ["file"]
    with pytest.raises(FileNotFoundError):
        read_bytes(weird / "nothing")
    assert pauses == []


def test_a_look_that_fails_does_not_say_that_nothing_is_there(weird):
    loop = weird / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="Too many levels"):
        exists(loop / "file")
    with pytest.raises(OSError, match="Too many levels"):
        names_in(loop)


def test_a_disk_that_fails_is_no_damage(failing):
    with pytest.raises(OSError, match=r"Input/output error: .*file.h5"):
        examine(failing)


def test_a_disk_that_fails_while_a_checked_file_is_read_is_no_damage(weird, pauses):
    path = weird / "file.h5"
    write_file(path, Schema("x", 1, [Field("a", (2000,), "f8")]), {"a": np.arange(2000.0)}, {})
    with (
        open_checked(path, read_header(path)) as file,
        open("/proc/self/mem", "rb") as memory,  # noqa: PTH123 - no file of ours
    ):
        os.dup2(memory.fileno(), file._file.id.get_vfd_handle())
        with pytest.raises(OSError, match=r"Input/output error: .*file.h5"):
            file.array("a")
    assert pauses == [0.1, 0.5]


def test_paths_keep_the_names_that_the_user_gave(weird, monkeypatch):
    """On a compute node, /scratch may be no link, and what it leads to here may be missing."""
    (weird / "login1" / "me").mkdir(parents=True)
    (weird / "scratch").symlink_to(weird / "login1")
    entered = weird / "scratch" / "me"
    monkeypatch.chdir(entered)
    monkeypatch.setenv("PWD", str(entered))  # as a shell does
    assert as_given(Path("runs/s")) == entered / "runs" / "s"
    assert as_given(entered / "s") == entered / "s"
    # The parent of the working folder is login1, by whatever name it was entered.
    (weird / "login1" / "s").mkdir()
    assert as_given(Path("../s")).samefile("../s")
    for other in ("", str(weird), str(weird / "nothing")):  # of a process that changed its folder
        monkeypatch.setenv("PWD", other)
        assert as_given(Path("s")) == weird / "login1" / "me" / "s"
    monkeypatch.delenv("PWD")
    assert as_given(Path("s")) == weird / "login1" / "me" / "s"
