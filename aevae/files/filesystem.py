"""What file systems lack or fail to do, and what then happens: each decision in one place.

An error is no answer. Only FileNotFoundError says that something is not there; after any other
error of the file system nothing is known, and the error is raised. `docs/reliability.md` lists what
is done in each case.
"""

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeVar

T = TypeVar("T")


def _numbers(*names: str) -> frozenset[int]:
    """Return the error numbers of these names; not every system has each."""
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


UNSUPPORTED = _numbers("ENOSYS", "ENOTSUP", "EOPNOTSUPP")
# A server that restarts, or a network that is cut, gives these for a while, also for good files.
PASSING = _numbers(
    *("EIO", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EREMOTEIO", "ESHUTDOWN", "ECONNRESET"),
    *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"),
)
PAUSES_S = (0.1, 0.5)


def retried(read: Callable[[], T], path: Path) -> T:
    """Return what `read` returns; if it fails by an error that may pass, try twice more.

    Raises
    ------
    OSError
        The last error, which names `path` if it names no other file.
    """
    for pause in PAUSES_S:
        try:
            return _named(read, path)
        except OSError as error:
            if error.errno not in PASSING:
                raise
        time.sleep(pause)
    return _named(read, path)


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; unlike `Path.exists`, False always means no."""
    try:
        retried(path.stat, path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def as_given(path: Path) -> Path:
    """Make a path absolute by the names that the user knows.

    Links are not followed: ``/scratch`` may be a link on the login node, to a place that a compute
    node does not have. So a relative path begins with the name by which the shell entered its
    folder, where Python would take what the links lead to. ``..`` stays, because the parent of a
    link's target is not that of the link.
    """
    shell = Path(os.environ.get("PWD", ""))
    with suppress(OSError):
        if shell.is_absolute() and shell.samefile(Path()):
            return shell / path
    return path.absolute()


def read_bytes(path: Path) -> bytes:
    """Read a file as a whole."""
    return retried(path.read_bytes, path)


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, sorted; none if there is no such folder."""
    try:
        return retried(lambda: sorted(path.name for path in folder.iterdir()), folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def make_scratch(parent: Path, prefix: str) -> Path:
    """Make a folder with a name of its own, which is renamed once it is complete.

    Its mode follows the umask. `tempfile` would make it private, and it would stay so under its
    final name, where the group of a shared folder must read it.
    """
    folder = parent / f"{prefix}{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    return folder


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed; return False where the file system has no locks.

    Lustre has none unless it is mounted with the option flock, and NFS needs a daemon for them.

    Raises
    ------
    BlockingIOError
        Another process holds the lock.
    """
    try:
        _named(lambda: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB), Path(file.name))
    except OSError as error:
        if error.errno in UNSUPPORTED | {errno.ENOLCK}:
            return False
        raise
    return True


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that the names in it survive a power cut.

    CIFS, some FUSE and shared folders of virtual machines cannot do that for a folder; then nothing
    is done. What they hold is as durable as they make it.

    Raises
    ------
    OSError
        The flush failed, for example because of the disk (EIO).
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED | {errno.EINVAL}:
            raise OSError(error.errno, error.strerror, str(folder)) from error
    finally:
        os.close(descriptor)


def _named(read: Callable[[], T], path: Path) -> T:
    """Call `read`; an error that names no file, as that of a read, is made to name `path`."""
    try:
        return read()
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
