"""The one launcher that may work on a sweep at a time, and how it is asked to stop.

A launcher claims a folder with its record, by a rename that only one process of all hosts can do.
A folder that a killed launcher of this host left behind is replaced. While one launcher does so, a
lock on a file keeps out the others of the same host. Some file systems have no locks, so a launcher
also looks whether what it moved aside is what it had judged, and puts it back if not.
"""

import errno
import json
import logging
import shutil
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from aevae.errors import InputError
from aevae.files.atomic import publish_text
from aevae.files.filesystem import exists, make_scratch, read_bytes, try_lock
from aevae.files.layout import SweepPaths
from aevae.files.process import ProcessIdentity

RECORD = "process.json"
log = logging.getLogger(__name__)
_IDENTITY = TypeAdapter(ProcessIdentity)


@contextmanager
def launcher_lock(paths: SweepPaths) -> Iterator[None]:
    """Be the only launcher that works on a sweep.

    Raises
    ------
    InputError
        Another one is at work, or was killed on another host, where this one cannot look.
    """
    with paths.launcher_lock.open("a+") as file:
        try:
            locked = try_lock(file)
        except BlockingIOError:
            raise _busy(paths) from None
        if not locked:
            _warn_of_no_locks(paths.launcher)
        _claim(paths)
        try:
            yield
        finally:
            shutil.rmtree(paths.launcher, ignore_errors=True)


def stop_launcher(paths: SweepPaths) -> bool:
    """Ask the launcher at work on a sweep to stop; return whether there was one.

    Raises
    ------
    InputError
        It cannot be seen from here, or its record cannot be read.
    """
    launcher = _read(paths)
    if launcher is None and not exists(paths.launcher):
        return False
    alive = launcher.alive if launcher is not None else None
    if launcher is None or alive is None:
        raise InputError(
            f"the launcher at work on {paths.root} is {_named(launcher)}: "
            f"cancel there, or name the runs to stop; if it has ended, remove {paths.launcher}"
        )
    if not alive:
        return False
    return launcher.send(signal.SIGTERM)


def _claim(paths: SweepPaths) -> None:
    """Put the record of this process in place."""
    _move_dead_aside(paths)
    # Of launchers that were killed, just now or before.
    for scratch in paths.root.glob(".launcher-*"):
        shutil.rmtree(scratch, ignore_errors=True)
    scratch = make_scratch(paths.root, ".launcher-")
    try:
        record = vars(ProcessIdentity.of_this_process())
        publish_text(scratch / RECORD, json.dumps(record) + "\n")
        scratch.rename(paths.launcher)
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT):
            raise
        raise _busy(paths) from None


def _move_dead_aside(paths: SweepPaths) -> None:
    """Give the claim of a launcher that was killed a name under which it will be removed."""
    earlier = _read(paths)
    if earlier is None and not exists(paths.launcher):
        return
    if earlier is None or earlier.alive is not False:
        raise _busy(paths)
    aside = paths.root / f".launcher-{uuid.uuid4().hex[:8]}"
    try:
        paths.launcher.rename(aside)
        if _read_record(aside) != earlier:
            # Another launcher has removed the dead claim first, and this is its own claim.
            aside.rename(paths.launcher)
            raise _busy(paths)
    except FileNotFoundError:
        raise _busy(paths) from None


def _busy(paths: SweepPaths) -> InputError:
    launcher = _read(paths)
    hint = ""
    if launcher is None or launcher.alive is None:
        hint = f"; if it has ended, remove {paths.launcher}"
    return InputError(
        f"another launcher ({_named(launcher)}) is at work on {paths.root}; "
        f"nothing was started{hint}"
    )


def _named(launcher: ProcessIdentity | None) -> str:
    return f"process {launcher.pid} on {launcher.host}" if launcher else "an unknown process"


@cache
def _warn_of_no_locks(launcher: Path) -> None:
    """Say once for each sweep what takes the place of locks."""
    log.warning("files cannot be locked here: only %s keeps other launchers out", launcher)


def _read(paths: SweepPaths) -> ProcessIdentity | None:
    """Read the record of the launcher; None if there is none, or none that can be read."""
    return _read_record(paths.launcher)


def _read_record(claim: Path) -> ProcessIdentity | None:
    try:
        return _IDENTITY.validate_json(read_bytes(claim / RECORD))
    except (OSError, ValidationError):
        return None
