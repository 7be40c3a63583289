"""Detection of the kind of a source."""

from collections.abc import Sequence
from pathlib import Path

from aevae.data.importing import hdf5, idx, npz
from aevae.data.importing.source import PICTURES, Progress, Size, Source, shown
from aevae.data.importing.trial import check_hdf5
from aevae.errors import InputError, importing

VALID = (
    "valid are an .npz or .h5 file, IDX files, or a folder of IDX files or of PNG, JPEG, TIFF or "
    "BMP pictures"
)

ADVICE = {
    ".npy": ": numpy.savez('images.npz', images=...) makes a source of this array",
    **dict.fromkeys(PICTURES, ": give the folder that it is in"),
}


def open_source(paths: Sequence[Path], size: Size | None, progress: Progress) -> Source:
    """Detect the kind of the source `paths`, and return its images and labels.

    Parameters
    ----------
    paths
        One file or folder, or several IDX files.
    size
        Height and width in pixels that pictures are scaled to; arrays are scaled later.
    progress
        Function that is called while files are examined.

    Raises
    ------
    InputError
        A path is missing, or the paths are not a valid source.
    """
    for path in paths:
        _check_there(path)
    first = paths[0]
    if first.is_dir() and len(paths) == 1:
        files = idx.files_in(first)
        if files:
            return idx.open_idx(files)
        # Pillow is imported only here, so that other sources can be imported without it.
        with importing("train"):
            from aevae.data.importing.folder import open_folder
        return open_folder(first, size, progress)
    if all(path.is_file() and idx.is_idx(path) for path in paths):
        return idx.open_idx(paths)
    if len(paths) > 1:
        wrong = next(path for path in paths if not path.is_file() or not idx.is_idx(path))
        raise InputError(
            f"{shown(wrong)} is not an IDX file: only IDX files are given together; {VALID}"
        )
    if first.suffix.lower() == ".npz":
        return npz.open_npz(first)
    if first.suffix.lower() in (".h5", ".hdf5"):
        check_hdf5(first, size, progress)
        return hdf5.open_hdf5(first)
    advice = ADVICE.get(first.suffix.lower(), "")
    raise InputError(f"{shown(first)} is not a source of images{advice}; {VALID}")


def _check_there(path: Path) -> None:
    try:
        path.stat()
        if path.is_dir():
            next(iter(path.iterdir()), None)
        elif path.is_file():
            with path.open("rb"):
                pass
        else:
            raise InputError(f"{shown(path)} is neither a file nor a folder; {VALID}")
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror}") from None
