"""Arrays that are written block by block to one .npz or .h5 file, whatever their length."""

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from aevae.errors import InputError
from aevae.files.atomic import publish
from aevae.files.hdf5 import Array, Field, Schema, rows_per_chunk
from aevae.files.stream import write_streamed

NAME = "aevae-arrays"
VERSION = 1
SUFFIXES = (".npz", ".h5")


@dataclass
class _Column:
    """The rows of one array so far, as raw bytes in a file of their own."""

    path: Path
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    count: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count, *self.row_shape)

    def append(self, rows: Array) -> None:
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
        self.count += len(rows)

    def blocks(self) -> Iterator[Array]:
        step = rows_per_chunk(self.shape, self.dtype)
        size = step * int(np.prod(self.row_shape, dtype=int))
        with self.path.open("rb") as file:
            for _ in range(0, self.count, max(1, step)):
                values = np.fromfile(file, self.dtype, size)
                yield values.reshape(-1, *self.row_shape)


@dataclass
class ArrayWriter:
    """Collects the blocks of several arrays in temporary files.

    The arrays grow side by side, but a .npz file has one after the other. So each is kept in a
    temporary file beside the final one until the last block has come.
    """

    folder: Path
    columns: dict[str, _Column] = field(default_factory=dict)

    def add(self, arrays: Mapping[str, Array | None]) -> None:
        """Append rows to arrays; those that are None are left out."""
        for name, rows in arrays.items():
            if rows is None:
                continue
            if name not in self.columns:
                path = self.folder / str(len(self.columns))
                self.columns[name] = _Column(path, rows.shape[1:], rows.dtype)
            self.columns[name].append(rows)

    def publish(self, path: Path, attributes: Mapping[str, str]) -> None:
        """Write the file in one step."""
        if path.suffix == ".npz":
            publish(path, self._write_npz)
            return
        layout = {name: (column.shape, column.dtype) for name, column in self.columns.items()}
        fields = [Field(name, shape, dtype.str) for name, (shape, dtype) in layout.items()]
        blocks = {name: column.blocks() for name, column in self.columns.items()}
        schema = Schema(NAME, VERSION, fields)
        write_streamed(path, schema, layout, blocks, lambda: attributes)

    def _write_npz(self, stream: IO[bytes]) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for name, column in self.columns.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    header = {
                        "descr": npy.dtype_to_descr(column.dtype),
                        "fortran_order": False,
                        "shape": column.shape,
                    }
                    npy.write_array_header_1_0(file, header)
                    with column.path.open("rb") as rows:
                        shutil.copyfileobj(rows, file, 1 << 20)


@contextmanager
def array_writer(path: Path, attributes: Mapping[str, str]) -> Iterator[Callable[..., None]]:
    """Give a function that appends blocks of arrays, and publish the file at the end.

    Parameters
    ----------
    path
        Final file; its suffix is one of `SUFFIXES`.
    attributes
        Texts that an .h5 file stores besides the arrays.

    Raises
    ------
    InputError
        The folder is missing or cannot be written.
    """
    with folder_beside(path) as folder:
        writer = ArrayWriter(folder)
        yield partial(_add, writer)
        writer.publish(path, attributes)


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Give a temporary folder on the disk of a file that will be written.

    Raises
    ------
    InputError
        The folder of the file is missing or cannot be written.
    """
    try:
        temporary = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    with temporary as folder:
        yield Path(folder)


def _add(writer: ArrayWriter, **arrays: Array | None) -> None:
    writer.add(arrays)
