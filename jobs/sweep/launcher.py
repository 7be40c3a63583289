"""The one launcher that may work on a sweep at a time, and how it is asked to stop."""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from aevae.errors import InputError
from aevae.files.layout import SweepPaths


@contextmanager
def launcher_lock(paths: SweepPaths) -> Iterator[None]:
    """Be the only launcher on this machine that works on a sweep.

    Raises
    ------
    InputError
        Another one is at work.
    """
    with paths.launcher_lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise InputError(
                f"another launcher (process {holder}) is at work on {paths.root}; "
                "it was left alone and nothing was started"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        file.truncate(0)


def stop_launcher(paths: SweepPaths) -> bool:
    """Ask the launcher at work on a sweep to stop; return whether there was one."""
    try:
        with launcher_lock(paths):
            return False
    except InputError:
        text = paths.launcher_lock.read_text(encoding="utf-8").strip()
    if not text.isdigit():
        return False
    os.kill(int(text), signal.SIGTERM)
    return True
