"""HDF5 files with a declared schema: written atomically, and checked before they are read.

The same `Schema` checks a file when it is written and when it is read. Files are built in memory
and published by one rename, for two reasons: on a full disk HDF5 would crash the process, and an
incomplete file of a killed writer could be opened without an error. A damaged file may crash its
reader too, so `aevae.files.sandbox` calls `read_header` in another process.
"""

import math
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aevae.errors import NewerVersion
from aevae.files.atomic import publish
from aevae.files.filesystem import retried

Array = NDArray[Any]
Layout = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]

CHUNK_BYTES = 1024 * 1024
MAX_DATASET_BYTES = 1 << 31  # a manipulated file of 1 KB can declare terabytes
MAX_DATASETS = 1000
MAX_ATTRIBUTES = 100


class InvalidFile(Exception):
    """A file breaks its schema or is damaged; the message names file, dataset and problem."""


class NewerFile(InvalidFile, NewerVersion):
    """A newer aevae wrote the file: it is not damaged, and must be neither replaced nor renamed."""


class ReplacedFile(InvalidFile):
    """A file was replaced by another one after it had been checked."""


@dataclass(frozen=True)
class Field:
    """One HDF5 dataset of a schema.

    Parameters
    ----------
    path
        Path in the file; ``*`` as the last part stands for any name.
    dims
        Shape: numbers, or names of sizes. A name has the same size in all datasets of a file.
        None: any shape.
    dtype
        NumPy type code, for example ``f4``.
    """

    path: str
    dims: tuple[int | str, ...] | None
    dtype: str


@dataclass(frozen=True)
class Schema:
    """Content of one kind of file; the version changes when the content or its meaning changes."""

    name: str
    version: int
    fields: Sequence[Field]


def check_layout(layout: Layout, fields: Sequence[Field]) -> None:
    """Check shapes and types of `layout` against `fields`.

    Raises
    ------
    InvalidFile
        A dataset is missing, undeclared, too large, or of another shape or type.
    """
    declared = {field.path: field for field in fields}
    missing = dict(declared)
    sizes: dict[str, int] = {}
    for path, (shape, dtype) in layout.items():
        field = declared.get(path) or declared.get(_with_wildcard(path))
        if field is None:
            raise InvalidFile(f"{path}: not part of the schema")
        missing.pop(field.path, None)
        if dtype != np.dtype(field.dtype):
            raise InvalidFile(f"{path}: type {dtype} is not {np.dtype(field.dtype)}")
        _check_size(path, shape, dtype)
        if field.dims is not None:
            _check_shape(path, shape, field.dims, sizes)
    if missing:
        raise InvalidFile(f"{next(iter(missing))}: missing")


def check_sizes(fields: Sequence[Field], sizes: Mapping[str, int]) -> None:
    """Check that no declared dataset will be too large, before its values are computed.

    Parameters
    ----------
    fields
        Declared datasets. Those of any shape are not checked.
    sizes
        Values of the named sizes.

    Raises
    ------
    InvalidFile
        A dataset would be too large.
    """
    for field in fields:
        if field.dims is not None:
            shape = tuple(sizes[dim] if isinstance(dim, str) else dim for dim in field.dims)
            _check_size(field.path, shape, np.dtype(field.dtype))


def _check_size(path: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if math.prod(shape) * dtype.itemsize > MAX_DATASET_BYTES:
        raise InvalidFile(f"{path}: shape {shape} is larger than {MAX_DATASET_BYTES} bytes")


def _with_wildcard(path: str) -> str:
    return "/".join([*path.split("/")[:-1], "*"])


def _check_shape(
    path: str, shape: tuple[int, ...], dims: tuple[int | str, ...], sizes: dict[str, int]
) -> None:
    if len(shape) == len(dims):
        bound = [
            sizes.setdefault(dim, size) if isinstance(dim, str) else dim
            for dim, size in zip(dims, shape, strict=True)
        ]
        if list(shape) == bound:
            return
    declared = ", ".join(
        f"{dim}={sizes[dim]}" if isinstance(dim, str) and dim in sizes else str(dim) for dim in dims
    )
    raise InvalidFile(f"{path}: shape {shape} is not ({declared})")


def write_file(
    path: Path, schema: Schema, arrays: Mapping[str, Array], attributes: Mapping[str, str | int]
) -> None:
    """Check `arrays` against `schema` and publish them at `path` in one step.

    Identical input gives identical bytes. Every dataset, also a short one, is chunked by rows,
    shuffled, compressed and has checksums.

    Raises
    ------
    InvalidFile
        The arrays break the schema.
    OSError
        The disk is full or not writable; nothing is left behind.
    """
    check_layout({name: (a.shape, a.dtype) for name, a in arrays.items()}, schema.fields)
    with h5py.File.in_memory() as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **storage(array.shape, array.dtype))
        write_attributes(file, schema, attributes)
        file.flush()
        image = file.id.get_file_image()
    publish(path, lambda stream: stream.write(image))


def storage(shape: tuple[int, ...], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return how a dataset is stored, as arguments of h5py's ``create_dataset``."""
    return {
        "chunks": (rows_per_chunk(shape, dtype), *shape[1:]),
        "compression": "gzip",
        "compression_opts": 4,
        "shuffle": True,
        "fletcher32": True,
    }


def rows_per_chunk(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return how many rows of a dataset are compressed together: about one MiB of them."""
    row_bytes = max(1, math.prod(shape[1:]) * dtype.itemsize)
    return min(shape[0], max(1, CHUNK_BYTES // row_bytes))


def write_attributes(file: h5py.File, schema: Schema, attributes: Mapping[str, str | int]) -> None:
    """Write the attributes of a file: schema, version, `attributes`, and that it is complete."""
    identity = {"schema": schema.name, "schema_version": schema.version, "complete": 1}
    for key, value in (identity | dict(attributes)).items():
        file.attrs[key] = value


@dataclass(frozen=True)
class Header:
    """Layout and attributes of a file, of which every byte was read and every checksum verified."""

    layout: Layout
    attributes: Mapping[str, str | int | float]
    identity: tuple[int, ...]
    """Device, inode, size and time of the file; they differ for a file that replaces it."""

    def check(self, name: str, version: int, oldest: int | None = None) -> None:
        """Make sure that the file is complete and of the named schema and version.

        Parameters
        ----------
        name, version
            Name and version of the schema.
        oldest
            First version that can be read; None if only `version` can be read.

        Raises
        ------
        NewerFile
            The schema of the file has a later version.
        InvalidFile
            The file is incomplete, or has another schema or version.
        """
        if self.attribute("schema") != name:
            raise InvalidFile(f"schema {self.attribute('schema')!r} is not {name!r}")
        found = self.attribute("schema_version")
        if isinstance(found, int) and found > version:
            what = f"schema version {found}; {_readable(version)}"
            raise NewerFile(f"written by a newer aevae: {what}")
        if found not in range(version if oldest is None else oldest, version + 1):
            raise InvalidFile(f"schema version {found} is not {version}")
        if self.attribute("complete") != 1:
            raise InvalidFile("not marked complete")

    def attribute(self, name: str) -> str | int | float:
        """Return a root attribute.

        Raises
        ------
        InvalidFile
            There is no such attribute.
        """
        if name not in self.attributes:
            raise InvalidFile(f"attribute {name!r}: missing")
        return self.attributes[name]


def read_header(path: Path) -> Header:
    """Read all bytes of a file; links, external and virtual storage are refused.

    A damaged file may crash this process or keep it busy for ever. So this function is called in
    another process, by `aevae.files.sandbox.examine`.

    Raises
    ------
    InvalidFile
        The file is not HDF5, is damaged, or has links or storage that are refused. The message does
        not name the file.
    OSError
        The file system failed, so it is unknown whether the content is valid.
    """
    return retried(lambda: _read_header(path), path)


def _read_header(path: Path) -> Header:
    try:
        identity = _identity(path)
        with _open(path) as file:
            datasets = _find_datasets(file)
            layout = {name: _plain(name, dataset) for name, dataset in datasets.items()}
            for name in datasets:
                _verify(datasets, name)
            return Header(layout, _read_attributes(file), identity)
    except InvalidFile:
        raise
    except Exception as error:  # h5py may raise any error on damaged files
        raise _judged(error, "damaged") from error


class CheckedFile:
    """An open file whose content has been checked; arrays are read when they are requested."""

    def __init__(self, path: Path, file: h5py.File, header: Header) -> None:
        self.path = path
        self._file = file
        self._header = header

    @property
    def layout(self) -> Layout:
        """Shape and type of every dataset."""
        return self._header.layout

    def attribute(self, name: str) -> str | int | float:
        """Return a root attribute; see `Header.attribute`."""
        return self._header.attribute(name)

    def array(self, name: str) -> Array:
        """Read one dataset and verify its checksums.

        Raises
        ------
        InvalidFile
            The file has no such dataset, or its bytes are damaged.
        OSError
            The file system failed to read the bytes.
        """
        return self._read(name, ())

    def _read(self, name: str, rows: slice | Array | tuple[()]) -> Array:
        if name not in self.layout:
            raise InvalidFile(f"{self.path}: {name}: missing")
        try:
            return retried(lambda: _read_array(self._file, name, rows), self.path)
        except InvalidFile as error:
            raise InvalidFile(f"{self.path}: {error}") from error.__cause__

    def rows(self, name: str, rows: Array) -> Array:
        """Read some rows of a dataset, given by sorted numbers; see `array` for the errors."""
        return self._read(name, rows)

    def blocks(self, name: str) -> Iterator[Array]:
        """Yield all rows of a dataset, about one MiB at a time; see `array` for the errors."""
        shape, dtype = self.layout[name]
        step = max(1, rows_per_chunk(shape, dtype))
        for start in range(0, shape[0], step):
            yield self._read(name, slice(start, start + step))

    def names(self, group: str) -> list[str]:
        """Return the sorted names directly below `group`; empty if there is no such group."""
        prefix = group + "/"
        return sorted({p[len(prefix) :].split("/")[0] for p in self.layout if p.startswith(prefix)})


@contextmanager
def open_checked(path: Path, header: Header) -> Iterator[CheckedFile]:
    """Open a file that has been checked.

    Raises
    ------
    ReplacedFile
        The file has been replaced by another one since then.
    OSError
        The file system failed to open the file.
    """
    try:
        file = retried(lambda: _open_again(path, header), path)
    except InvalidFile as error:
        raise type(error)(f"{path}: {error}") from error.__cause__
    with file:
        yield CheckedFile(path, file, header)


def _open_again(path: Path, header: Header) -> h5py.File:
    if _identity(path) != header.identity:
        raise ReplacedFile("another file than the one that was checked")
    return _open(path)


def _identity(path: Path) -> tuple[int, ...]:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise InvalidFile("not a regular file")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _open(path: Path) -> h5py.File:
    try:
        # Published files never change, so readers need no lock.
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise _judged(error, "not a readable HDF5 file") from error


def _judged(error: Exception, problem: str) -> Exception:
    """Return an OSError for an error of the file system, an InvalidFile for damaged content."""
    number = error.errno if isinstance(error, OSError) else None
    # HDF5 writes the number of a failed system call into its message, but h5py turns only some of
    # these messages into an OSError.
    if number is None and (written := re.search(r"\berrno = (\d+)", str(error))):
        number = int(written[1])
    if number is not None:
        return OSError(number, os.strerror(number))
    return InvalidFile(f"{problem} ({_first_line(error)})")


def _find_datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Find the datasets, depth first; refuse links and everything that is no dataset or group."""
    datasets: dict[str, h5py.Dataset] = {}
    pending = [("", file)]
    while pending:
        prefix, group = pending.pop()
        for name in group:
            if not isinstance(name, str):
                raise InvalidFile(f"{prefix}{name!r}: not a name")
            path = prefix + name
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise InvalidFile(f"{path}: links are refused")
            item = group[name]
            if isinstance(item, h5py.Group) and path.count("/") < 3:
                pending.append((path + "/", item))
            elif isinstance(item, h5py.Dataset):
                datasets[path] = item
            else:
                raise InvalidFile(f"{path}: not part of the schema")
            if len(datasets) + len(pending) > MAX_DATASETS:
                raise InvalidFile(f"more than {MAX_DATASETS} datasets")
    return datasets


def _plain(path: str, dataset: h5py.Dataset) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of a dataset; refuse everything but arrays of numbers in the file."""
    if dataset.external or dataset.is_virtual:
        raise InvalidFile(f"{path}: external and virtual storage are refused")
    if dataset.shape is None or dataset.dtype.kind not in "fiu":
        raise InvalidFile(f"{path}: only numbers are stored, not {dataset.dtype}")
    _check_size(path, dataset.shape, dataset.dtype)
    return dataset.shape, dataset.dtype


def _verify(datasets: Mapping[str, h5py.Dataset], name: str) -> None:
    """Read a dataset in slices, which takes little memory even if the dataset is large."""
    dataset = datasets[name]
    if not dataset.shape:
        _read_array(datasets, name)
        return
    rows = rows_per_chunk(dataset.shape, dataset.dtype)
    for start in range(0, len(dataset), max(1, rows)):
        _read_array(datasets, name, slice(start, start + rows))


def _read_array(
    datasets: Mapping[str, h5py.Dataset], name: str, rows: slice | Array | tuple[()] = ()
) -> Array:
    try:
        return np.asarray(datasets[name][rows])
    except Exception as error:  # as in `_read_header`
        raise _judged(error, f"{name}: damaged") from error


def _read_attributes(file: h5py.File) -> dict[str, str | int | float]:
    if len(file.attrs) > MAX_ATTRIBUTES:
        raise InvalidFile(f"more than {MAX_ATTRIBUTES} attributes")
    attributes = {}
    for name, value in file.attrs.items():
        plain = value.item() if isinstance(value, np.generic) else value
        if not isinstance(name, str) or not isinstance(plain, (str, int, float)):
            raise InvalidFile(f"attribute {name!r}: neither text nor a number")
        attributes[name] = plain
    return attributes


def _readable(version: int) -> str:
    """Return a text with the versions of a schema that this release reads: 1 to its own."""
    earlier = ", ".join(map(str, range(1, version)))
    return f"this aevae reads {earlier} and {version}" if earlier else f"this aevae reads {version}"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
