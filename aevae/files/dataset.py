"""The `dataset.h5` of a sweep: the images, labels and source rows of every split."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aevae.files.fields import DATASET_FIELDS
from aevae.files.filesystem import retried
from aevae.files.hdf5 import Array, CheckedFile, Header, Schema, open_checked, write_file
from aevae.files.sandbox import examine_as

DATASET = Schema("aevae-dataset", 1, DATASET_FIELDS)


def write_dataset(
    path: Path, arrays: Mapping[str, Array], *, name: str, source: str, sha256: Mapping[str, str]
) -> None:
    """Publish the `dataset.h5` of a sweep; `sha256` maps each source file to its digest."""
    digests = json.dumps(sha256, sort_keys=True)
    write_file(path, DATASET, arrays, {"name": name, "source": source, "sha256": digests})


def check_dataset(path: Path) -> Header:
    """Validate the `dataset.h5` of a sweep.

    Raises
    ------
    NewerFile
        A newer release wrote the file.
    InvalidFile
        The file breaks the contract; the message names file, dataset and problem.
    """
    return examine_as(path, DATASET)


@contextmanager
def open_dataset(path: Path, checked: Header | None = None) -> Iterator[CheckedFile]:
    """Open the `dataset.h5` of a sweep, which is validated first unless that has been done."""
    with open_checked(path, checked or check_dataset(path)) as file:
        yield file


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    return retried(lambda: _sha256(path), path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
