"""The folder that results of the analysis are written to."""

from pathlib import Path

from aevae.errors import InputError


def prepare_folder(folder: Path) -> Path:
    """Resolve an output folder and make sure that it exists.

    Raises
    ------
    InputError
        It cannot be created, or is no folder.
    """
    try:
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise InputError(f"--to: cannot create the folder {folder}: {reason}") from None
    return folder
