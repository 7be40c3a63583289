"""Data sets of the user's own in the data folder: where they are, and what they may be called."""

from pathlib import Path

from aevae.data.sources import COUNTS
from aevae.errors import InputError
from aevae.files.filesystem import NAME, NAME_RULE, names_in

SUFFIX = ".h5"


def staged_path(data_dir: Path, name: str) -> Path:
    """Return the place of a staged set, which need not exist.

    Raises
    ------
    InputError
        No data set may have this name.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot be the name of a data set: {NAME_RULE}")
    if name.lower() in COUNTS:
        raise InputError(
            f"{name!r} cannot be the name of a data set: {', '.join(COUNTS)} are built in"
        )
    return data_dir / f"{name}{SUFFIX}"


def staged_names(data_dir: Path) -> list[str]:
    """Return the names of all staged sets, sorted; whether their files are valid is not known."""
    names = [name.removesuffix(SUFFIX) for name in names_in(data_dir) if name.endswith(SUFFIX)]
    return [name for name in names if NAME.fullmatch(name) and name.lower() not in COUNTS]
