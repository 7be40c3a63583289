"""The one launcher that may work on a sweep at a time, and how it is asked to stop.

A lock on a file keeps out launchers of the same host. Some network file systems keep such a lock on
each host by itself, and some have no locks: so a launcher also claims a folder with its record, by
a rename that only one process of all hosts can do.
"""

import errno
import json
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import TypeAdapter, ValidationError

from aevae.errors import InputError
from aevae.files.atomic import new_folder, publish_text
from aevae.files.filesystem import try_lock
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
            # The claim still keeps launchers apart, except for the moment in which two of them
            # remove what a killed one left behind.
            log.warning(
                "%s cannot be locked: do not start two launchers of this sweep at the same moment",
                paths.launcher_lock,
            )
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
        It is on another host.
    """
    launcher = _read(paths)
    if launcher is None or launcher.alive is False:
        return False
    if launcher.alive is None:
        raise InputError(
            f"the launcher at work on {paths.root} is process {launcher.pid} on {launcher.host}: "
            f"cancel there, or name the runs to stop; if it has ended, remove {paths.launcher}"
        )
    try:
        os.kill(launcher.pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def _claim(paths: SweepPaths) -> None:
    """Put the record of this process in place; the lock of this host is held."""
    earlier = _read(paths)
    if paths.launcher.exists() and (earlier is None or earlier.alive is not False):
        raise _busy(paths)
    # What a killed launcher of this host left behind.
    shutil.rmtree(paths.launcher, ignore_errors=True)
    for scratch in paths.root.glob(".launcher-*"):
        shutil.rmtree(scratch, ignore_errors=True)
    scratch = new_folder(paths.root, ".launcher-")
    try:
        record = vars(ProcessIdentity.of_this_process())
        publish_text(scratch / RECORD, json.dumps(record) + "\n")
        scratch.rename(paths.launcher)
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT):
            raise
        raise _busy(paths) from None


def _busy(paths: SweepPaths) -> InputError:
    launcher = _read(paths)
    who = f"process {launcher.pid} on {launcher.host}" if launcher else "an unknown process"
    hint = ""
    if launcher is None or launcher.alive is None:
        hint = f"; if it has ended, remove {paths.launcher}"
    return InputError(
        f"another launcher ({who}) is at work on {paths.root}; nothing was started{hint}"
    )


def _read(paths: SweepPaths) -> ProcessIdentity | None:
    """Read the record of the launcher; None if there is none, or none that can be read."""
    try:
        return _IDENTITY.validate_json((paths.launcher / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
