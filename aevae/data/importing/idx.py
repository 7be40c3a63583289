"""IDX files, gzipped or not, under the names of MNIST, KMNIST, EMNIST and QMNIST.

Format: two zero bytes, the type, the number of dimensions, the big-endian sizes, and the values in
C order.
"""

import gzip
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from aevae.data.importing.source import (
    Array,
    Images,
    Index,
    Labels,
    Part,
    Remarks,
    Source,
    check_label_bytes,
    chosen,
    read_in_blocks,
    shown,
)
from aevae.errors import InputError

TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
GZIP = b"\x1f\x8b"
NAME = re.compile(
    r"(?P<prefix>.*?)(?P<split>train|test|t10k)[-._](?P<kind>images|labels)[-._]idx\d.*", re.I
)
QMNIST_COLUMNS = 8  # columns of its labels; the first is the class
VALID = (
    "valid are the files of images and labels, or those of training and of testing, whose names "
    "contain train and test (or t10k)"
)


@dataclass(frozen=True)
class _File:
    """An IDX file whose header has been read."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def title(self) -> str:
        return shown(self.path.name)

    @property
    def is_labels(self) -> bool:
        return len(self.shape) < 3

    @property
    def is_test(self) -> bool:
        return re.search("test|t10k", self.title.lower()) is not None


def is_idx(path: Path) -> bool:
    """Return whether a file, gzipped or not, has the name or the first bytes of an IDX file."""
    if re.search(r"idx\d", path.name, re.I):
        return True  # `open_idx` reports if the file is damaged
    try:
        with _stream(path) as stream:
            magic = stream.read(4)
    except InputError:
        return False
    return len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in TYPES


def files_in(folder: Path) -> list[Path]:
    """Return the files in a folder whose names are those of IDX files.

    If a file is there plain and gzipped, the plain one is returned.

    Raises
    ------
    InputError
        The files belong to several datasets.
    """
    found: dict[tuple[str, ...], Path] = {}
    for path in sorted(folder.iterdir(), reverse=True):  # x comes after x.gz and replaces it
        match = NAME.fullmatch(path.name)
        if match is not None and path.is_file():
            split = "train" if match["split"].lower() == "train" else "test"
            found[match["prefix"], split, match["kind"].lower()] = path
    prefixes = sorted({prefix for prefix, *_ in found})
    if len(prefixes) > 1:
        listed = ", ".join(repr(prefix) for prefix in prefixes)
        raise InputError(f"{folder} holds several datasets ({listed}): give the files of one")
    return [found[key] for key in sorted(found)]


def open_idx(paths: Iterable[Path]) -> Source:
    """Return the images and labels of one, two or four IDX files, in any order.

    Raises
    ------
    InputError
        A file is damaged, or the files do not belong together.
    """
    files = [_read_header(path) for path in paths]
    remarks = Remarks()
    title = "IDX files " + ", ".join(sorted(file.title for file in files))
    if len(files) <= 2 and sum(file.is_labels for file in files) == len(files) - 1:
        return Source(title, _part(files, "images", remarks), None, remarks)
    train = [file for file in files if not file.is_test]
    test = [file for file in files if file.is_test]
    if len(train) == len(test):
        return Source(title, _part(train, "train", remarks), _part(test, "test", remarks), remarks)
    raise InputError(f"{_names(files)} do not make a dataset: {VALID}")


def _part(files: Sequence[_File], which: str, remarks: Remarks) -> Part:
    images = [file for file in files if not file.is_labels]
    labels = [file for file in files if file.is_labels]
    if len(images) != 1 or len(labels) > 1:
        raise InputError(f"{_names(files)} are not one file of {which} images and one of labels")
    return Part(_images(images[0]), _labels(labels[0], remarks) if labels else None)


def _names(files: Sequence[_File]) -> str:
    return ", ".join(file.title for file in files) or "no files"


def _images(file: _File) -> Images:
    def blocks(rows: Index) -> Iterator[Array]:
        with _values(file) as stream:
            yield from chosen(read_in_blocks(stream.read, file.title, file.shape, file.dtype), rows)

    return Images(file.title, file.shape, file.dtype, blocks)


def _labels(file: _File, remarks: Remarks) -> Labels:
    check_label_bytes(file.title, file.shape, file.dtype)
    with _values(file) as stream:
        size = math.prod(file.shape) * file.dtype.itemsize
        content = stream.read(size)
        if len(content) < size:
            raise InputError(f"{file.title} is cut off: it ends within {file.shape[0]} labels")
        values = np.frombuffer(content, file.dtype).reshape(file.shape)
    if file.shape[1:] == (QMNIST_COLUMNS,) and "qmnist" in file.title.lower():
        remarks.add(f"{file.title}: the first of 8 columns is the class")
        values = values[:, 0]
    return Labels(file.title, values)


@contextmanager
def _values(file: _File) -> Iterator[IO[bytes]]:
    """Open a file at its values; after they were read, check that the file ends there."""
    with _stream(file.path) as stream:
        stream.read(4 + 4 * len(file.shape))
        yield stream
        if stream.read(1):
            raise InputError(f"{file.title} holds more bytes than its shape {file.shape}")


def _read_header(path: Path) -> _File:
    with _stream(path) as stream:
        magic = stream.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or magic[3] == 0:
            begin = magic.hex(" ")
            raise InputError(f"{shown(path.name)} is not an IDX file: it begins with {begin}")
        sizes = stream.read(4 * magic[3])
        if len(sizes) < 4 * magic[3]:
            raise InputError(f"{shown(path.name)} is cut off: it ends within its header")
        shape = tuple(np.frombuffer(sizes, ">u4").tolist())
        return _File(path, shape, np.dtype(TYPES[magic[2]]))


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, through gzip if it is gzipped; an error is one line that names the file."""
    try:
        with path.open("rb") as plain:
            gzipped = plain.read(2) == GZIP
            plain.seek(0)
            if not gzipped:
                yield plain
                return
            with gzip.open(plain) as stream:
                yield cast("IO[bytes]", stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{shown(path.name)}: damaged gzip file ({error})") from None
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}") from None
