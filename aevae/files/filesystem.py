"""How failing file systems, and those that lack a feature, are handled.

Only FileNotFoundError means that a file is missing. After any other error of the file system it is
unknown whether the file exists, so the error is raised. `docs/reliability.md` lists all cases.
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
    """Return the error numbers with these names, without those that this system lacks."""
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


UNSUPPORTED = _numbers("ENOSYS", "ENOTSUP", "EOPNOTSUPP")
# While a server restarts or a network is down, these errors occur for intact files too.
PASSING = _numbers(
    *("EIO", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EREMOTEIO", "ESHUTDOWN", "ECONNRESET"),
    *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"),
)
PAUSES_S = (0.1, 0.5)


def retried(read: Callable[[], T], path: Path) -> T:
    """Call `read` and return its result; after a temporary error, try twice more.

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
    """Return whether a path exists; unlike `Path.exists`, False is never due to an error."""
    try:
        retried(path.stat, path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def as_given(path: Path) -> Path:
    """Make a path absolute without following links.

    ``/scratch`` may be a link on the login node whose target does not exist on a compute node. So a
    relative path is appended to PWD, in which the shell keeps the links; Python would follow them.
    ``..`` is kept, because the parent of a link's target is not the parent of the link.
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
    """Make a folder with a unique name; the caller renames it when it is complete.

    The permissions follow the umask. `tempfile` would make the folder private, and it would stay
    private under its final name, although the group of a shared folder must be able to read it.
    """
    folder = parent / f"{prefix}{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    return folder


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed; return False if the file system has no locks.

    Lustre has no locks unless it is mounted with the option flock, and NFS needs a daemon for them.

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

    CIFS, some FUSE file systems and shared folders of virtual machines cannot flush a folder. Then
    nothing is done, and the names may not survive a power cut.

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
    """Call `read`; if its error names no file, raise it with `path`."""
    try:
        return read()
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
