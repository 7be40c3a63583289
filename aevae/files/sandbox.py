"""Checks of HDF5 files in another process, so that a damaged file crashes only that process.

A few wrong bits can make the HDF5 library crash its process or keep it busy for ever. So a
reader, a process with limits on its time and memory, reads all bytes of a file first. This process
opens the file only after the reader succeeded. The reader then waits for the next file. It ends
when its input is closed.
"""

import atexit
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

import numpy as np

from aevae.files.hdf5 import Header, InvalidFile, Layout, Schema, check_layout, read_header
from aevae.imports import python_path

# The limits count processor time, because a stalled file system does not mean a damaged file.
READ_LIMIT_S = 30  # a large file gets additional time, at the following speed
SLOWEST_BYTES_PER_S = 20_000_000
MEMORY_LIMIT_BYTES = 4 << 30
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)


@dataclass(frozen=True)
class _Reader:
    """A process that reads files, and the file of its standard error."""

    process: "subprocess.Popen[str]"
    errors: IO[bytes]

    def ask(self, path: Path) -> str:
        """Send a path to the process; return the answer, which is cut off if the process ended."""
        assert self.process.stdin is not None
        # If the process has ended, the caller finds out why from its exit code.
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(str(path.absolute())) + "\n")
            self.process.stdin.flush()
        return self.next_line()

    def next_line(self) -> str:
        """Return its next answer, or what there is of one if it ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> tuple[int, str]:
        """Close the input and wait; return the exit code and the last line of standard error."""
        with self.process, self.errors:
            self.process.communicate()
            self.errors.seek(0)
            lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return self.process.returncode, lines[-1] if lines else ""


_idle: SimpleQueue[_Reader] = SimpleQueue()
_layouts: dict[tuple[object, ...], Layout] = {}


def examine(path: Path) -> Header:
    """Check all bytes of a file in another process; each calling thread has its own process.

    Raises
    ------
    InvalidFile
        The file is damaged, or `read_header` refuses it.
    ChildProcessError
        The process ended for another reason.
    OSError
        The file system failed to read the file.
    """
    reader = _take_reader()
    line = reader.ask(path)
    if not line.endswith("\n"):
        raise _why_it_ended(reader, path)
    _idle.put(reader)
    answer = json.loads(line)
    if "invalid" in answer:
        raise InvalidFile(f"{path}: {answer['invalid']}")
    if "errno" in answer:
        raise OSError(answer["errno"], os.strerror(answer["errno"]), str(path))
    return _from_json(answer)


def examine_as(path: Path, schema: Schema) -> Header:
    """Check a file with `examine`, and that it is complete and matches a schema.

    Raises
    ------
    InvalidFile
        The file is damaged, incomplete or of another schema; the message names file and problem.
    OSError
        See `examine`.
    """
    header = examine(path)
    try:
        header.check(schema.name, schema.version)
        check_layout(header.layout, schema.fields)
    except InvalidFile as error:
        raise type(error)(f"{path}: {error}") from None
    return header


def follow(
    path: Path, module: str, arguments: Sequence[str], progress: Callable[[int, int], object]
) -> None:
    """Have a file read in a process of its own, and wait until it has been read.

    Parameters
    ----------
    path
        The file.
    module, arguments
        What reads it, and its command line. Its main program calls `serve` with a function that
        yields ``done`` and ``total`` after each step, and nothing, ``{}``, at the end.
    progress
        Called with these two. What it raises ends the process.

    Raises
    ------
    InvalidFile
        The process crashed, or took too long between two steps.
    ChildProcessError
        The process ended for another reason.
    """
    reader = _start_reader(module, *arguments)
    try:
        line = reader.ask(path)
        while line.endswith("\n") and (answer := json.loads(line)):
            progress(answer["done"], answer["total"])
            line = reader.next_line()
    except BaseException:
        reader.process.kill()
        reader.end()
        raise
    if not line:
        raise _why_it_ended(reader, path)
    reader.end()


def _take_reader() -> _Reader:
    with suppress(Empty):
        reader = _idle.get_nowait()
        if reader.process.poll() is None:
            return reader
        reader.end()
    return _start_reader("aevae.files.sandbox")


def _start_reader(module: str, *arguments: str) -> _Reader:
    # Standard error is a file: a pipe that nobody reads would fill up and block the process.
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process ends
    process = subprocess.Popen(
        # -P: Python must not import from the working folder, which may hold files named like ours.
        [sys.executable, "-P", "-m", module, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **python_path()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        encoding="ascii",
    )
    return _Reader(process, errors)


def _why_it_ended(reader: _Reader, path: Path) -> Exception:
    code, said = reader.end()
    if -code in CRASHES:
        name = signal.Signals(-code).name
        return InvalidFile(f"{path}: damaged (reading it ends in a crash, {name})")
    if -code == signal.SIGXCPU:
        return InvalidFile(f"{path}: damaged (not read in {_seconds(path)} s of processor time)")
    why = f"exit code {code}: {said}" if said else f"exit code {code}"
    return ChildProcessError(f"{path}: the process that read it was ended ({why})")


@atexit.register
def _dismiss() -> None:
    with suppress(Empty):
        while True:
            _idle.get_nowait().end()


def _from_json(answer: dict[str, Any]) -> Header:
    layout = {
        name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in answer["layout"].items()
    }
    # Thousands of runs may have few layouts; each is kept once.
    shared = _layouts.setdefault(tuple(layout.items()), layout)
    return Header(shared, answer["attributes"], tuple(answer["identity"]))


def _to_json(header: Header) -> dict[str, Any]:
    layout = {name: (shape, dtype.str) for name, (shape, dtype) in header.layout.items()}
    return {"layout": layout, "attributes": header.attributes, "identity": header.identity}


def main() -> None:
    """Answer each path on the input with the header of its file; `examine` starts this."""
    serve(_headers)


def serve(read: Callable[[Path], Iterable[dict[str, Any]]]) -> None:
    """Answer each path on the input with lines of JSON.

    Parameters
    ----------
    read
        Reads a file, and yields the answers. The limit on its time begins anew with each.
    """
    # Signals to a job reach all its processes, but are meant for the process that asks. When that
    # process ends, the input of this one is closed, so this one ends too.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, MEMORY_LIMIT_BYTES)
    for line in sys.stdin:
        path = Path(json.loads(line))
        _allow_time(path)
        for answer in read(path):
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
            _allow_time(path)


def _headers(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the header of a file of ours, or why it has none."""
    try:
        yield _to_json(read_header(path))
    except InvalidFile as error:
        yield {"invalid": str(error)}
    except OSError as error:
        yield {"errno": error.errno}


def _allow_time(path: Path) -> None:
    _limit(resource.RLIMIT_CPU, math.ceil(time.process_time()) + _seconds(path))


def _seconds(path: Path) -> int:
    """Return the limit of processor time for reading a file, in seconds."""
    with suppress(OSError):
        return READ_LIMIT_S + path.stat().st_size // SLOWEST_BYTES_PER_S
    return READ_LIMIT_S


def _limit(what: int, value: int) -> None:
    _, most = resource.getrlimit(what)
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    # Not every system has every limit.
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (value, most))


if __name__ == "__main__":
    main()
