"""The folder that results of the analysis are written to."""

from pathlib import Path

from aevae.errors import InputError
from aevae.files.filesystem import as_given


def prepare_folder(folder: Path) -> Path:
    """Make an output folder absolute and make sure that it exists.

    Raises
    ------
    InputError
        It cannot be created, or is no folder.
    """
    try:
        folder = as_given(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise InputError(f"--to: cannot create the folder {folder}: {reason}") from None
    return folder
