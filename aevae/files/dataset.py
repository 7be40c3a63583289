"""The `dataset.h5` of a sweep: the images, labels and source rows of every split."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aevae.config import DataConfig
from aevae.datasets import BUILT_IN
from aevae.errors import InputError
from aevae.files.fields import dataset_fields
from aevae.files.filesystem import retried
from aevae.files.hdf5 import (
    Array,
    CheckedFile,
    Header,
    InvalidFile,
    Schema,
    check_layout,
    open_checked,
    write_file,
)
from aevae.files.sandbox import examine

NAME = "aevae-dataset"
# Version 1 has built-in datasets only, and does not store how the images were split.
VERSION = 2


@dataclass(frozen=True)
class CheckedDataset:
    """Description of a dataset and its split, read from a valid `dataset.h5`.

    Parameters
    ----------
    header
        Layout and attributes of the file.
    data
        The dataset and the settings of its split.
    splits_known
        False for a file of version 1, which does not store the settings of the split.
    """

    header: Header
    data: DataConfig
    splits_known: bool


def write_dataset(
    path: Path,
    arrays: Mapping[str, Array],
    data: DataConfig,
    *,
    source: str,
    sha256: Mapping[str, str],
) -> None:
    """Publish the `dataset.h5` of a sweep; `sha256` maps each source file to its digest."""
    attributes = {
        # All runs of a sweep share this file, also those that are trained on a subset.
        "data": data.canonical_json("train_images"),
        "source": source,
        "sha256": json.dumps(sha256, sort_keys=True),
    }
    fields = dataset_fields(data.image_shape, data.classes)
    write_file(path, Schema(NAME, VERSION, fields), arrays, attributes)


def check_dataset(path: Path) -> CheckedDataset:
    """Validate the `dataset.h5` of a sweep.

    Raises
    ------
    NewerFile
        A newer release wrote the file.
    InvalidFile
        The file breaks the contract; the message names file, dataset and problem.
    """
    header = examine(path)
    try:
        header.check(NAME, VERSION, oldest=1)
        data = _data(header)
        check_layout(header.layout, dataset_fields(data.image_shape, data.classes))
    except InvalidFile as error:
        raise type(error)(f"{path}: {error}") from None
    return CheckedDataset(header, data, header.attribute("schema_version") != 1)


def _data(header: Header) -> DataConfig:
    if header.attribute("schema_version") == 1:
        name = str(header.attribute("name"))
        if name not in BUILT_IN:
            raise InvalidFile(f"attribute 'name': {name!r} is none of {', '.join(BUILT_IN)}")
        return DataConfig(dataset=name)
    try:
        return DataConfig.from_json(str(header.attribute("data")), "attribute 'data'")
    except InputError as error:
        raise InvalidFile(str(error)) from None


@contextmanager
def open_dataset(path: Path, checked: CheckedDataset | None = None) -> Iterator[CheckedFile]:
    """Open the `dataset.h5` of a sweep; the file is validated first unless `checked` is given."""
    with open_checked(path, (checked or check_dataset(path)).header) as file:
        yield file


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    return retried(lambda: _sha256(path), path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
