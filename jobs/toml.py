"""Reading a TOML file that a user wrote; each fault of the file is an error of one line."""

import tomllib
from pathlib import Path
from typing import Any

from aevae.errors import InputError
from aevae.files.filesystem import PASSING, retried

MAX_BYTES = 1 << 20


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        The file cannot be read, is too large, is not UTF-8 or is not TOML.
    OSError
        The file system failed for a reason that may be temporary.
    """
    return _parse(_read(path), str(path))


def _read(path: Path) -> str:
    try:
        content = retried(lambda: _first_bytes(path), path)
        if len(content) > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES} bytes: no settings file")
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}: line {line} is not UTF-8") from None
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) in PASSING:
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {path}: {reason}") from None


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and an integer of thousands of digits
        raise InputError(f"{source} is not TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{source} is not TOML: nested too deeply") from None
