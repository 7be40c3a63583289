"""What kills or holds up a reader of HDF5 is another process's end, and one line about the file."""

import fcntl
import os
import signal
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from aevae.files.hdf5 import Field, InvalidFile, Schema, open_checked, write_file
from aevae.files.sandbox import _idle, examine

SCHEMA = Schema("x", 1, [Field("a", (20, 3), "f4")])
ATTRIBUTES = {"schema": "x", "schema_version": 1, "complete": 1}


@pytest.fixture
def path(weird):
    file = weird / "file.h5"
    write_file(file, SCHEMA, {"a": np.arange(60, dtype="f4").reshape(20, 3)}, {})
    return file


def reader_of(path):
    """Examine a file; return the process that read it, which will read the next one too."""
    examine(path)
    idle = [_idle.get() for _ in range(_idle.qsize())]
    for process in reversed(idle):
        _idle.put(process)
    return psutil.Process(idle[-1].process.pid)


def examine_while(path, number):
    """Examine a file with a reader that gets a signal before it has read it."""
    reader = reader_of(path)
    reader.suspend()
    while reader.status() != psutil.STATUS_STOPPED:  # else it may still take the request
        time.sleep(0.01)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(examine, path)
        wait_for_a_request(reader)
        reader.send_signal(number)
        if number != signal.SIGKILL:  # which needs no resumption
            reader.resume()
        return answer.result(timeout=60)


def wait_for_a_request(reader):
    waiting = bytearray(4)
    with open(f"/proc/{reader.pid}/fd/0", "rb", buffering=0) as pipe:  # noqa: PTH123 - no file
        while not any(waiting):
            fcntl.ioctl(pipe, termios.FIONREAD, waiting)
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGSEGV, "ends in a crash, SIGSEGV"), (signal.SIGXCPU, "not read in 30 s")],
)
def test_a_crash_and_a_hang_are_damage(path, number, reason):
    with pytest.raises(InvalidFile, match=f"file.h5: damaged .*{reason}"):
        examine_while(path, number)
    assert examine(path).layout["a"] == ((20, 3), np.dtype("f4"))


def test_one_wrong_byte_that_crashes_hdf5_is_damage(weird):
    path = weird / "x.h5"
    fields = [Field(f"g{i}/a{j}", (20, 3), "f4") for i in range(4) for j in range(4)]
    values = np.arange(60, dtype="f4").reshape(20, 3)
    write_file(path, Schema("x", 1, fields), {f.path: values for f in fields}, {})
    content = bytearray(path.read_bytes())
    content[13168] = 0  # HDF5 2.0 ends by SIGSEGV; another version may only refuse it
    path.write_bytes(content)
    with pytest.raises(InvalidFile, match=r"x.h5: .*damaged"):
        examine(path)


def test_a_job_that_is_told_to_stop_takes_no_file_for_damaged(path):
    assert examine_while(path, signal.SIGTERM).attributes == ATTRIBUTES
    assert examine_while(path, signal.SIGUSR2).attributes == ATTRIBUTES
    with pytest.raises(ChildProcessError, match="the process that read it was ended"):
        examine_while(path, signal.SIGKILL)


def test_a_reader_finds_a_file_from_wherever_we_are(path, monkeypatch):
    examine(path)
    monkeypatch.chdir(path.parent)
    assert examine(Path(path.name)).layout.keys() == {"a"}
    with pytest.raises(FileNotFoundError, match=r"'nowhere.h5'"):
        examine(Path("nowhere.h5"))


def test_a_reader_that_cannot_start_says_why(path, monkeypatch):
    with pytest.raises(ChildProcessError, match="was ended"):
        examine_while(path, signal.SIGKILL)  # the next one is new
    (path.parent / "h5py.py").write_text("raise ImportError('libhdf5.so is missing')")
    monkeypatch.setenv("PYTHONPATH", str(path.parent))
    with pytest.raises(ChildProcessError, match=r"file.h5: .*exit code 1: .*libhdf5.so is missing"):
        examine(path)


def test_readers_have_limits(path):
    reader = reader_of(path)
    assert reader.rlimit(psutil.RLIMIT_AS)[0] == 4 << 30
    assert reader.rlimit(psutil.RLIMIT_CORE)[0] == 0
    assert 0 < reader.rlimit(psutil.RLIMIT_CPU)[0] < 100


def test_a_file_that_took_the_place_of_the_examined_one_is_refused(path):
    header = examine(path)
    with h5py.File(path, "a") as file:
        file["a"][0] = 7
    with (
        pytest.raises(InvalidFile, match="another file than the one that was checked"),
        open_checked(path, header),
    ):
        pass


def test_names_that_are_no_text_are_refused(path):
    content = path.read_bytes()
    assert content.count(b"a\0\0\0\0\0\0\0") == 1  # the one name, in its heap
    path.write_bytes(content.replace(b"a\0\0\0\0\0\0\0", b"\xff\0\0\0\0\0\0\0"))
    with pytest.raises(InvalidFile, match="not a name"):
        examine(path)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused_and_not_waited_for(weird, kind):
    path = weird / "x.h5"
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(InvalidFile, match="not a re"):
        examine(path)
