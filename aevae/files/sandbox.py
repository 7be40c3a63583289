"""HDF5 files are read in another process first, so that it and not we die of a damaged one.

A few wrong bits make the HDF5 library crash its process, or keep it busy for ever. So each file is
read once to its last byte by a process with limits on its time and memory; what that one found lets
this one open the file. It is kept for the next file, and ends when its input does.
"""

import atexit
import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from aevae.files.hdf5 import Header, InvalidFile, Schema, check_layout, read_header

# Of the processor: a file system that stalls is no damage.
READ_LIMIT_S = 30
MEMORY_LIMIT_BYTES = 4 << 30
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)

_idle: SimpleQueue["subprocess.Popen[str]"] = SimpleQueue()


def examine(path: Path) -> Header:
    """Have a file read to its last byte; threads that call this at once have a process each.

    Raises
    ------
    InvalidFile
        The file is damaged, or not to be trusted.
    ChildProcessError
        The process ended for another reason.
    """
    reader = _take_reader()
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(json.dumps(str(path.absolute())) + "\n")
    reader.stdin.flush()
    line = reader.stdout.readline()
    if not line.endswith("\n"):
        raise _why_it_ended(reader, path)
    _idle.put(reader)
    answer = json.loads(line)
    if "invalid" in answer:
        raise InvalidFile(f"{path}: {answer['invalid']}")
    return _from_json(answer)


def examine_as(path: Path, schema: Schema) -> Header:
    """Have a file read, and make sure that it is complete and what a schema declares.

    Raises
    ------
    InvalidFile
        As `examine`, or it is another thing; the message names file and problem.
    ChildProcessError
        As `examine`.
    """
    header = examine(path)
    try:
        header.check(schema.name, schema.version)
        check_layout(header.layout, schema.fields)
    except InvalidFile as error:
        raise type(error)(f"{path}: {error}") from None
    return header


def _take_reader() -> "subprocess.Popen[str]":
    with suppress(Empty):
        reader = _idle.get_nowait()
        if reader.poll() is None:
            return reader
        reader.communicate()  # closes what it left
    return subprocess.Popen(
        # Not from the working folder, which may hold anything.
        [sys.executable, "-P", "-m", "aevae.files.sandbox"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="ascii",
    )


def _why_it_ended(reader: "subprocess.Popen[str]", path: Path) -> Exception:
    with reader:
        code = reader.wait()
    if -code in CRASHES:
        name = signal.Signals(-code).name
        return InvalidFile(f"{path}: damaged (reading it ends in a crash, {name})")
    if -code == signal.SIGXCPU:
        return InvalidFile(f"{path}: damaged (not read in {READ_LIMIT_S} s of processor time)")
    return ChildProcessError(f"{path}: the process that read it was ended (exit code {code})")


@atexit.register
def _dismiss() -> None:
    with suppress(Empty):
        while True:
            with _idle.get_nowait():
                pass


def _from_json(answer: dict[str, Any]) -> Header:
    layout = {
        name: (tuple(shape), np.dtype(dtype)) for name, (shape, dtype) in answer["layout"].items()
    }
    return Header(layout, answer["attributes"], tuple(answer["identity"]))


def _to_json(header: Header) -> dict[str, Any]:
    layout = {name: (shape, dtype.str) for name, (shape, dtype) in header.layout.items()}
    return {"layout": layout, "attributes": header.attributes, "identity": header.identity}


def main() -> None:
    """Answer each path on the input with a line; for `examine`."""
    # A job's signals are meant for who asks; our input ends when that one does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, MEMORY_LIMIT_BYTES)
    for line in sys.stdin:
        _limit(resource.RLIMIT_CPU, math.ceil(time.process_time()) + READ_LIMIT_S)
        try:
            answer = _to_json(read_header(Path(json.loads(line))))
        except InvalidFile as error:
            answer = {"invalid": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _limit(what: int, value: int) -> None:
    _, most = resource.getrlimit(what)
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    # Not every system has every limit.
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (value, most))


if __name__ == "__main__":
    main()
