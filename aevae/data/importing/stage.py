"""Writing of a source as one staged file, unless the same dataset is already staged."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aevae.data.importing.prepare import Options, Prepared, prepare
from aevae.data.importing.source import Progress
from aevae.data.staged import staged_path
from aevae.errors import InputError
from aevae.files.filesystem import exists
from aevae.files.hdf5 import InvalidFile, NewerFile
from aevae.files.images import (
    CheckedImages,
    Description,
    check_images,
    fingerprint_of,
    write_images,
)


@dataclass(frozen=True)
class Outcome:
    """Result of an import.

    Parameters
    ----------
    path
        The staged file.
    description
        Description that the file holds.
    fingerprint
        SHA-256 of the images and labels, hexadecimal.
    written
        False if the same images and labels were already staged; then the file did not change.
    renamed
        Whether the file that was already staged has other names of classes, or another noun.
    """

    path: Path
    description: Description
    fingerprint: str
    written: bool
    renamed: bool = False


def add(paths: Sequence[Path], options: Options, data_dir: Path, progress: Progress) -> Outcome:
    """Stage a dataset.

    Parameters
    ----------
    paths
        Files or folder to import; see `aevae.data.importing.detect.open_source`.
    options
        Options of the user.
    data_dir
        Data folder; it is created if it is missing.
    progress
        Function that is called after every block. If it raises an exception, the import stops and
        leaves no file behind.

    Raises
    ------
    InputError
        The source is not valid, another dataset has the name, or the folder cannot be written.
    """
    path = staged_path(data_dir, options.name)
    if not options.noun.strip() or not options.noun.isprintable():
        raise InputError(f"--noun takes a word such as letter, got {options.noun!r}")
    there = _staged(path, replace=options.replace)
    with warnings.catch_warnings():
        # Warnings of libraries about a user's files would break the progress bar.
        warnings.simplefilter("ignore")
        return _add(path, there, prepare(paths, options, progress), options)


def _add(path: Path, there: CheckedImages | None, prepared: Prepared, options: Options) -> Outcome:
    if there is not None:
        _compare(path, there, fingerprint_of(prepared.splits))
        names = (there.class_names, there.noun)
        renamed = names != (prepared.class_names, options.noun)
        return Outcome(path, there, there.fingerprint, written=False, renamed=renamed)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fingerprint = write_images(path, prepared.splits, lambda: _describe(prepared, options))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    return Outcome(path, _describe(prepared, options), fingerprint, written=True)


def _staged(path: Path, *, replace: bool) -> CheckedImages | None:
    """Return the staged dataset with this name that must be kept; None if there is none."""
    try:
        if not exists(path):
            return None
        found = check_images(path)
    except NewerFile:
        raise
    except (InvalidFile, OSError) as error:
        if replace:
            return None
        raise InputError(f"{error}; --replace writes it again") from None
    return None if replace else found


def _compare(path: Path, there: CheckedImages, fingerprint: str) -> None:
    if there.fingerprint != fingerprint:
        raise InputError(
            f"{path} holds other images: its fingerprint is {there.fingerprint}, "
            f"that of the new ones {fingerprint}; choose another --name, or --replace it"
        )


def _describe(prepared: Prepared, options: Options) -> Description:
    return Description(
        name=options.name,
        source=prepared.source.title,
        class_names=prepared.class_names,
        noun=options.noun,
        remarks=prepared.source.remarks.texts(),
    )
