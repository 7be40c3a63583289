"""The lock by which only one launcher at a time works on a sweep, and how to stop this launcher.

A launcher claims a sweep in this way: it writes its record (host and process) into a new folder and
renames this folder to `SweepPaths.launcher`. Of several processes, on whatever hosts, only one
succeeds. A launcher that is killed leaves its claim behind, and the next launcher of the same host
renames this claim and then removes it. Meanwhile, a lock on a file keeps out other launchers of
this host. Some file systems have no locks. Therefore the launcher reads the renamed claim again,
and if it is not the claim of the killed launcher, renames it back.
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
    """Work on a sweep as its only launcher.

    Raises
    ------
    InputError
        Another launcher is at work. One that was killed on another host counts as at work,
        because its process cannot be looked up from here.
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
        The launcher runs on another host, or its record cannot be read.
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
    # These folders were left behind by launchers that were killed.
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
    """Rename the claim of a launcher that was killed, so that `_claim` removes it."""
    earlier = _read(paths)
    if earlier is None and not exists(paths.launcher):
        return
    if earlier is None or earlier.alive is not False:
        raise _busy(paths)
    aside = paths.root / f".launcher-{uuid.uuid4().hex[:8]}"
    try:
        paths.launcher.rename(aside)
        if _read_record(aside) != earlier:
            # Another launcher was faster: it removed the old claim, and this is its own claim.
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
    """Warn that the file system has no locks, once for each sweep."""
    log.warning("files cannot be locked here: only %s keeps other launchers out", launcher)


def _read(paths: SweepPaths) -> ProcessIdentity | None:
    """Read the record of the launcher; None if it is missing or cannot be read."""
    return _read_record(paths.launcher)


def _read_record(claim: Path) -> ProcessIdentity | None:
    try:
        return _IDENTITY.validate_json(read_bytes(claim / RECORD))
    except (OSError, ValidationError):
        return None
