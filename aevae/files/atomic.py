"""Atomic publication of files: a reader sees the old content, the new content, or nothing."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO

from aevae.files.filesystem import sync_folder

TEMPORARY_SUFFIX = ".tmp"


def publish(path: Path, write: Callable[[IO[bytes]], object], *, durable: bool = True) -> None:
    """Write a file under a temporary name and rename it to `path`.

    Parameters
    ----------
    path
        Final name; an existing file is replaced.
    write
        Function that is called with the open binary file.
    durable
        Whether to flush file and folder to disk, so that the file survives a power cut. Files of
        progress do not need this.

    Raises
    ------
    OSError
        The disk is full or not writable. `path` is untouched and nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("w+b") as file:
            write(file)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # The error of a failed write names no file. The message should name the final path.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


def publish_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write `text` as UTF-8 to `path`, atomically; see `publish`."""
    publish(path, lambda file: file.write(text.encode()), durable=durable)


def remove_orphans(folder: Path, name: str = "*") -> None:
    """Remove temporary files that killed writers of the file `name` left in `folder`."""
    for path in folder.glob(f".{name}.*{TEMPORARY_SUFFIX}"):
        path.unlink(missing_ok=True)
