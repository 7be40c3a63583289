"""HDF5 files that are too large for memory: they are written in blocks, and atomically."""

import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

import h5py
import numpy as np

from aevae.files.atomic import TEMPORARY_SUFFIX, publish
from aevae.files.filesystem import try_lock
from aevae.files.hdf5 import (
    Array,
    Layout,
    Schema,
    check_layout,
    rows_per_chunk,
    storage,
    write_attributes,
)

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

T = TypeVar("T")


def write_streamed(
    path: Path,
    schema: Schema,
    layout: Layout,
    blocks: Mapping[str, Iterable[Array]],
    attributes: Callable[[], Mapping[str, str]],
) -> None:
    """Check `layout` against `schema` and publish a file in one step, written block by block.

    There are two differences to `aevae.files.hdf5.write_file`: the arrays are given in blocks, and
    the file is built on the disk. Files that killed writers left in the folder are removed first.

    Parameters
    ----------
    path, schema
        Final path, and schema of the file.
    layout
        Shape and type of every dataset.
    blocks
        Rows of each dataset, in blocks of any length. The datasets are read in this order.
    attributes
        Function that is called after all blocks were written.

    Raises
    ------
    InvalidFile
        The layout breaks the schema.
    BlockingIOError
        Another process is writing this file.
    OSError
        The disk is full or not writable; nothing is left behind.
    """
    check_layout(layout, schema.fields)
    _remove_orphans(path)

    def write(stream: IO[bytes]) -> None:
        # A file of a killed process has no lock, so other writers can recognise and remove it.
        try_lock(stream)
        with _Disk(stream) as disk:  # it is closed before the stream, which it flushes
            with h5py.File(disk, "w") as file:
                for name, arrays in blocks.items():
                    _write(file, disk, name, layout, arrays)
                write_attributes(file, schema, attributes())
            disk.check()

    publish(path, write)


def _write(
    file: h5py.File, disk: "_Disk", name: str, layout: Layout, blocks: Iterable[Array]
) -> None:
    shape, dtype = layout[name]
    dataset = file.create_dataset(name, shape=shape, dtype=dtype, **storage(shape, dtype))
    row = 0
    # Whole chunks are written, because a chunk that is written in two parts is compressed twice.
    for block in regrouped(blocks, rows_per_chunk(shape, dtype)):
        dataset[row : row + len(block)] = block
        row += len(block)
        disk.check()
    if row != shape[0]:
        raise ValueError(f"{name}: {row} rows came for a dataset of {shape[0]}")


def regrouped(blocks: Iterable[Array], rows: int) -> Iterator[Array]:
    """Yield the rows of `blocks` in blocks of exactly `rows` rows; the last may be shorter."""
    waiting: list[Array] = []
    count = 0
    for block in blocks:
        waiting.append(block)
        count += len(block)
        if count >= rows:
            joined = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
            whole = count - count % rows
            yield from (joined[start : start + rows] for start in range(0, whole, rows))
            waiting, count = [joined[whole:]], count - whole
    if count:
        yield np.concatenate(waiting)


def _remove_orphans(path: Path) -> None:
    """Remove files of killed writers in the folder; raise if this file is being written."""
    for orphan in path.parent.glob(f".*{path.suffix}.*{TEMPORARY_SUFFIX}"):
        with suppress(FileNotFoundError), orphan.open("rb") as file:
            try:
                if try_lock(file):
                    orphan.unlink()
            except BlockingIOError as error:
                if orphan.name.startswith(f".{path.name}."):
                    text = "another process is writing it"
                    raise BlockingIOError(error.errno, text, str(path)) from None


class _Disk(io.RawIOBase):
    """A file for HDF5 that hides errors of the disk, because HDF5 would end the process.

    `check` raises the first error. What HDF5 writes after this error is dropped.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._at = 0
        self._end = 0
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the first error of the disk, if there was one."""
        self._try(self._file.flush, None)
        if self._error is not None:
            raise self._error

    def _try(self, call: Callable[[], T], otherwise: T) -> T:
        if self._error is None:
            try:
                return call()
            except OSError as error:
                self._error = error
        return otherwise

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Store the offset; the file itself seeks when it is read or written."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Return the offset."""
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read as many bytes as `buffer` holds; after an error `buffer` does not change."""
        view = memoryview(buffer).cast("B")

        def read() -> int:
            self._file.seek(self._at)
            return self._file.readinto(view)  # type: ignore[attr-defined, no-any-return]  # IO lacks it

        count = self._try(read, len(view))
        self._at += count
        return count

    def write(self, data: "ReadableBuffer") -> int:
        """Write all of `data`."""
        view = memoryview(data).cast("B")

        def write() -> None:
            self._file.seek(self._at)
            self._file.write(view)

        self._try(write, None)
        self._at += len(view)
        self._end = max(self._end, self._at)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file."""
        self._end = self._at if size is None else size
        return self._try(lambda: self._file.truncate(self._end), self._end)

    def flush(self) -> None:
        """Pass written bytes to the operating system."""
        self._try(self._file.flush, None)
