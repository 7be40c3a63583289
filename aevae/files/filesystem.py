"""What file systems lack, and what is done without it: each decision in one place.

`docs/reliability.md` lists them.
"""

import errno
import os
from pathlib import Path


def _numbers(*names: str) -> frozenset[int]:
    """Return the error numbers of these names; not every system has each."""
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


UNSUPPORTED = _numbers("ENOSYS", "ENOTSUP", "EOPNOTSUPP")


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
