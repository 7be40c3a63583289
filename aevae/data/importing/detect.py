"""Which kind of source a user gave."""

from collections.abc import Sequence
from pathlib import Path

from aevae.data.importing import hdf5, npz
from aevae.data.importing.source import Progress, Size, Source
from aevae.errors import InputError

VALID = "valid are an .npz file and an .h5 file"


def open_source(paths: Sequence[Path], size: Size | None, progress: Progress) -> Source:
    """Find out what `paths` are, and return their images and labels.

    Raises
    ------
    InputError
        Nothing is there, or it is no valid source.
    """
    del size, progress
    for path in paths:
        _check_there(path)
    first = paths[0]
    if len(paths) > 1:
        raise InputError(f"{first} is no IDX file: only IDX files are given together; {VALID}")
    if len(paths) == 1 and first.suffix.lower() == ".npz":
        return npz.open_npz(first)
    if len(paths) == 1 and first.suffix.lower() in (".h5", ".hdf5"):
        return hdf5.open_hdf5(first)
    raise InputError(f"{first} is no source of images; {VALID}")


def _check_there(path: Path) -> None:
    try:
        path.stat()
        if path.is_dir():
            next(iter(path.iterdir()), None)
        elif path.is_file():
            with path.open("rb"):
                pass
        else:
            raise InputError(f"{path} is neither a file nor a folder; {VALID}")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
