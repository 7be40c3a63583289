"""NumPy's .npz files: zip archives of arrays, which are read as streams."""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from aevae.data.importing.source import (
    Array,
    Images,
    Index,
    Labels,
    Source,
    check_label_bytes,
    check_plain,
    chosen,
    read_in_blocks,
    shown,
    source_of_arrays,
)
from aevae.errors import InputError


def open_npz(path: Path) -> Source:
    """Return the images and labels of an .npz file.

    Raises
    ------
    InputError
        The file is damaged, or its arrays have other names.
    """
    with _naming(shown(path.name)), zipfile.ZipFile(path) as archive:
        names = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]

    def images(name: str) -> Images:
        with _array(path, name) as (_, shape, dtype):
            pass
        return Images(_title(path, name), shape, dtype, lambda rows: _blocks(path, name, rows))

    return source_of_arrays(shown(path.name), names, images, lambda name: _labels(path, name))


def _title(path: Path, name: str) -> str:
    return f"{shown(path.name)}: {name}"


def _blocks(path: Path, name: str, rows: Index) -> Iterator[Array]:
    with _array(path, name) as (stream, shape, dtype):
        yield from chosen(read_in_blocks(stream.read, _title(path, name), shape, dtype), rows)
        if stream.read(1):
            raise InputError(f"{_title(path, name)} holds more bytes than its shape {shape}")


def _labels(path: Path, name: str) -> Labels:
    title = _title(path, name)
    with _array(path, name) as (stream, shape, dtype):
        check_label_bytes(title, shape, dtype)
        size = math.prod(shape) * dtype.itemsize
        content = stream.read(size)
        if len(content) < size:
            raise InputError(f"{title} is cut off")
        return Labels(title, np.frombuffer(content, dtype).reshape(shape))


@contextmanager
def _array(path: Path, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype[Any]]]:
    """Open an array of the archive; yield the stream of its values, its shape and its type."""
    title = _title(path, name)
    with _naming(title), zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
        shape, columns_first, dtype = _header(stream)
        check_plain(title, dtype)
        if columns_first and len(shape) > 1:
            raise InputError(
                f"{title} is stored in Fortran order, so its images cannot be read one after "
                "another; save it again with numpy.ascontiguousarray"
            )
        yield stream, shape, dtype


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"version {version} of NumPy's format")
    return readers[version](stream)


@contextmanager
def _naming(title: str) -> Iterator[None]:
    """Report every error that a library raises on a damaged file as one line with its name."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{title}: cannot be read ({error.strerror or error})") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        raise InputError(f"{title}: damaged ({error or type(error).__name__})") from None
    except RuntimeError as error:  # zipfile: the archive is encrypted
        raise InputError(f"{title}: cannot be read ({error})") from None
