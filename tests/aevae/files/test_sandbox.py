"""What kills or holds up a reader of HDF5 is another process's end, and one line about the file."""

import errno
import fcntl
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from aevae.files import sandbox
from aevae.files.hdf5 import Field, InvalidFile, Schema, open_checked, read_header, write_file
from aevae.files.sandbox import _idle, examine, examine_as

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
    with pytest.raises(FileNotFoundError) as caught:
        examine(Path("nowhere.h5"))
    assert caught.value.filename == "nowhere.h5"
    assert caught.value.strerror == os.strerror(errno.ENOENT)


def test_a_reader_that_cannot_start_says_why(path, monkeypatch):
    with pytest.raises(ChildProcessError, match="was ended"):
        examine_while(path, signal.SIGKILL)  # the next one is new
    (path.parent / "h5py.py").write_text("raise ImportError('libhdf5.so is missing')")
    monkeypatch.setenv("PYTHONPATH", str(path.parent))
    with pytest.raises(ChildProcessError, match=r"file.h5: .*exit code 1: .*libhdf5.so is missing"):
        examine(path)


@pytest.fixture
def restored():
    """Limits and signals of this process, which are as before once the test has ended."""
    limits = {what: resource.getrlimit(what) for what in LIMITS}
    handlers = {number: signal.getsignal(number) for number in MEANT_FOR_THE_JOB}
    yield
    for what, values in limits.items():
        resource.setrlimit(what, values)
    for number, handler in handlers.items():
        signal.signal(number, handler)


LIMITS = (resource.RLIMIT_CORE, resource.RLIMIT_AS, resource.RLIMIT_CPU)
MEANT_FOR_THE_JOB = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def test_a_reader_answers_each_path_and_limits_itself(path, weird, monkeypatch, restored):
    (weird / "damaged.h5").write_text("no HDF5")
    paths = [path, weird / "damaged.h5", weird / "nothing.h5", path]
    asked = io.StringIO("".join(json.dumps(str(name)) + "\n" for name in paths))
    monkeypatch.setattr(sys, "stdin", asked)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    # As low as for a reader, the limit might leave this process no memory.
    monkeypatch.setattr(sandbox, "MEMORY_LIMIT_BYTES", 1 << 50)
    spent = time.process_time()
    sandbox.main()
    first, damaged, nothing, last = map(json.loads, sys.stdout.getvalue().splitlines())
    assert first == last
    assert sandbox._from_json(first) == read_header(path)
    assert list(damaged) == ["invalid"]
    assert damaged["invalid"].startswith("not a readable HDF5 file")
    assert nothing == {"errno": 2}
    soft = [resource.getrlimit(what)[0] for what in LIMITS]
    assert soft[:2] == [0, 1 << 50]
    assert spent + 30 <= soft[2] <= time.process_time() + 31
    assert [signal.getsignal(number) for number in MEANT_FOR_THE_JOB] == 4 * [signal.SIG_IGN]


def test_a_limit_is_no_higher_than_the_system_allows(restored, monkeypatch):
    sandbox._limit(resource.RLIMIT_CORE, 5)
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    assert resource.getrlimit(resource.RLIMIT_CORE) == (5, most)
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (3, 4))
    given = []
    monkeypatch.setattr(resource, "setrlimit", lambda *values: given.append(values))
    sandbox._limit(resource.RLIMIT_CORE, 5)
    sandbox._limit(resource.RLIMIT_CORE, 2)
    assert given == [(resource.RLIMIT_CORE, (4, 4)), (resource.RLIMIT_CORE, (2, 4))]

    for error in (ValueError("not allowed to raise maximum limit"), OSError("no such limit")):

        def refuse(*_values, error=error):
            raise error

        monkeypatch.setattr(resource, "setrlimit", refuse)
        sandbox._limit(resource.RLIMIT_CORE, 5)


ENDINGS = {
    "os.kill(os.getpid(), 11)": (InvalidFile, "damaged (reading it ends in a crash, SIGSEGV)"),
    "os.kill(os.getpid(), 24)": (InvalidFile, "damaged (not read in 30 s of processor time)"),
    "os.kill(os.getpid(), 9)": (
        ChildProcessError,
        "the process that read it was ended (exit code -9)",
    ),
    "os.write(2, b'why'); os._exit(3)": (
        ChildProcessError,
        "the process that read it was ended (exit code 3: why)",
    ),
    "os.write(2, b'one\\n\\xfftwo\\n\\n'); os._exit(3)": (
        ChildProcessError,
        "the process that read it was ended (exit code 3: \ufffdtwo)",
    ),
}


@pytest.fixture
def reader():
    """A function that starts a program, which is the next reader."""

    def start(program):
        while _idle.qsize():
            _idle.get().end()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process ends
        process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", f"import os, sys; {program}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="ascii",
        )
        found = sandbox._Reader(process, errors)
        _idle.put(found)
        return found

    return start


@pytest.mark.parametrize("program", ENDINGS)
def test_why_a_reader_ended_is_said(path, reader, program):
    kind, message = ENDINGS[program]
    started = reader(f"sys.stdin.readline(); {program}")
    with pytest.raises(kind) as caught:
        examine(path)
    assert (type(caught.value), str(caught.value)) == (kind, f"{path}: {message}")
    assert started.errors.closed


def test_a_reader_that_ends_in_the_moment_it_is_asked_is_told_from_a_damaged_file(path, reader):
    started = reader("")
    started.process.wait(30)
    assert started.ask(path) == ""
    assert started.end() == (0, "")
    _idle.get()


def test_a_reader_has_one_thread_and_imports_nothing_from_the_working_folder(path, monkeypatch):
    while _idle.qsize():  # the next reader is new
        _idle.get().end()
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("KEPT", "x")
    reader = reader_of(path)
    assert "-P" in reader.cmdline()
    found = reader.environ()
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "KEPT")
    assert [found[name] for name in names] == ["1", "1", "x"]


def test_a_reader_that_ended_between_two_files_is_replaced(path):
    reader = reader_of(path)
    reader.kill()
    reader.wait(30)
    assert reader_of(path).pid != reader.pid


def test_another_schema_is_refused_by_the_name_of_the_file(path):
    assert examine_as(path, SCHEMA).attributes == ATTRIBUTES
    other = Schema("x", 1, [Field("b", (20, 3), "f4")])
    for schema, message in (
        (Schema("y", 1, SCHEMA.fields), "schema 'x' is not 'y'"),
        (Schema("x", 2, SCHEMA.fields), "schema version 1 is not 2"),
        (other, "a: not part of the schema"),
    ):
        with pytest.raises(InvalidFile, match=f"^{re.escape(f'{path}: {message}')}$"):
            examine_as(path, schema)


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
