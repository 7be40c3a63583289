"""A user's HDF5 files: arrays at the root of the file, read in slices."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from aevae.data.importing.source import (
    Array,
    Images,
    Index,
    Labels,
    Source,
    check_label_bytes,
    check_plain,
    rows_per_block,
    shown,
    source_of_arrays,
)
from aevae.errors import InputError


def open_hdf5(path: Path) -> Source:
    """Return the images and labels of an HDF5 file.

    Raises
    ------
    InputError
        The file is damaged, or its datasets have other names or are stored in other files.
    """
    with _open(path) as file:
        names = [str(name) for name in file]

    def images(name: str) -> Images:
        with _open(path) as file:
            dataset = _dataset(path, file, name)
            check_plain(_title(path, name), dataset.dtype)
            shape, dtype = dataset.shape, dataset.dtype
        return Images(_title(path, name), shape, dtype, lambda rows: _blocks(path, name, rows))

    return source_of_arrays(shown(path.name), names, images, lambda name: _labels(path, name))


def _title(path: Path, name: str) -> str:
    return f"{shown(path.name)}: {name}"


def _blocks(path: Path, name: str, rows: Index) -> Iterator[Array]:
    with _open(path) as file:
        dataset = _dataset(path, file, name)
        step = rows_per_block(dataset.shape, dataset.dtype)
        for start in range(0, len(dataset), step):
            wanted = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + step)]
            if len(wanted):
                block = dataset[start : start + step]
                yield block if len(wanted) == len(block) else block[wanted - start]


def _labels(path: Path, name: str) -> Labels:
    title = _title(path, name)
    with _open(path) as file:
        dataset = _dataset(path, file, name)
        check_label_bytes(title, dataset.shape, dataset.dtype)
        if h5py.check_string_dtype(dataset.dtype) is not None:
            return Labels(title, np.array(dataset.asstr()[()], dtype=str))
        check_plain(title, dataset.dtype)
        return Labels(title, np.asarray(dataset[()]))


def _dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """Return a dataset whose content is in this file."""
    title = _title(path, name)
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise InputError(f"{title} is a link, and links are not followed")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise InputError(f"{title} is not an array")
    if dataset.external or dataset.is_virtual:
        raise InputError(f"{title} lies in other files, which are not read")
    return dataset


@contextmanager
def _open(path: Path) -> Iterator[h5py.File]:
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - h5py may raise any error on damaged files
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{shown(path.name)}: cannot be read as HDF5 ({text})") from None
