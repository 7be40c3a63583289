"""HDF5 files that are too large for memory: written block by block, published like all others."""

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
    """Check `layout` against `schema` and publish a file in one step, holding a block at a time.

    Like `aevae.files.hdf5.write_file`, with two differences: the arrays come in blocks, and the
    file grows on the disk. What killed writers of this file left behind is removed first.

    Parameters
    ----------
    path, schema
        Final name, and what the file holds.
    layout
        Shape and type of every dataset.
    blocks
        For each dataset its rows, in blocks of any length. They are used up in this order.
    attributes
        Called when all blocks are written.

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
        # The lock tells a file that is being written from one that a killed process left.
        try_lock(stream)
        disk = _Disk(stream)
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
    # Whole chunks only: a chunk that is written in two parts would be compressed twice.
    for block in regrouped(blocks, rows_per_chunk(shape, dtype)):
        dataset[row : row + len(block)] = block
        row += len(block)
        disk.check()
    if row != shape[0]:
        raise ValueError(f"{name}: {row} rows came for a dataset of {shape[0]}")


def regrouped(blocks: Iterable[Array], rows: int) -> Iterator[Array]:
    """Yield the rows of `blocks` in order, in blocks of exactly `rows` rows but for the last."""
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
    """Remove what killed writers left; a file whose writer lives is an error."""
    for orphan in path.parent.glob(f".{path.name}.*{TEMPORARY_SUFFIX}"):
        with suppress(FileNotFoundError), orphan.open("rb") as file:
            try:
                free = try_lock(file)
            except BlockingIOError as error:
                text = "another process is writing it"
                raise BlockingIOError(error.errno, text, str(path)) from None
            if free:
                orphan.unlink()


class _Disk(io.RawIOBase):
    """A file on the disk, as HDF5 sees it: without errors, which would make HDF5 end the process.

    The first error is kept for `check`. What HDF5 writes after it is dropped.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._at = 0
        self._end = 0
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the first error that the disk gave."""
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
        """Move to an offset; the file itself is moved when it is read or written."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Return the offset."""
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read as many bytes as `buffer` has; after an error they are left as they are."""
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
        """Hand what was written to the operating system."""
        self._try(self._file.flush, None)
