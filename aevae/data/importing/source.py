"""The common form of all kinds of sources: images that are read in blocks, and labels."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike, fsencode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevae.errors import InputError

Array = NDArray[Any]
Index = NDArray[np.int64]
Size = tuple[int, int]
"""Height and width in pixels."""
Progress = Callable[[str, int, int], None]
"""Function that is called with a step, the number of images done, and the number of all images."""

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
"""Suffixes of picture files."""

BLOCK_BYTES = 16 << 20
MAX_LABEL_BYTES = 1 << 28

ARRAYS = (
    "x_train, y_train, x_test, y_test; or images, labels, of which a test share is taken; "
    "y_train and y_test, or labels, may be absent"
)


@dataclass(frozen=True)
class Images:
    """All images of one array, or of one folder.

    Parameters
    ----------
    title
        Name of the images in messages.
    shape
        Shape of all images in the source; the number of images comes first.
    dtype
        Type of the values in the source.
    blocks
        Function that yields the images of some rows, given in ascending order, in blocks of about
        16 MiB.
    pictures
        Whether the images come from picture files. Such images are uint8, (N, H, W) or
        (N, H, W, 3), and already scaled.
    names
        File of each image, relative to the folder; None for arrays.
    """

    title: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Callable[[Index], Iterator[Array]]
    pictures: bool = False
    names: Sequence[str] | None = None

    def all_rows(self) -> Index:
        """Return the numbers of all rows."""
        return np.arange(self.shape[0])


@dataclass(frozen=True)
class Labels:
    """Labels as they are in the source.

    Parameters
    ----------
    title
        Name of the labels in messages.
    values
        Label of each image; (N,), or another shape that `labels` converts.
    names
        Names of the classes; if given, `values` are (N,) indices of them.
    """

    title: str
    values: Array
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Part:
    """Images and labels of one split, or of a source that has no split yet."""

    images: Images
    labels: Labels | None


@dataclass
class Remarks:
    """Notes on the import for the user, each once, in the order in which they were first added."""

    lines: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, line: str, example: str = "") -> None:
        """Add a remark.

        Parameters
        ----------
        line
            Text; ``{count}`` is replaced by how often it was added, ``{example}`` by its first
            example.
        example
            File or class that the remark is about.
        """
        count, first = self.lines.get(line, (0, example))
        self.lines[line] = count + 1, first

    def texts(self) -> tuple[str, ...]:
        """Return the remarks with their counts and examples."""
        return tuple(
            line.replace("{count}", f"{count:,}").replace("{example}", first)
            for line, (count, first) in self.lines.items()
        )


@dataclass(frozen=True)
class Source:
    """Images and labels that a user imports.

    Parameters
    ----------
    title
        Description in one line.
    train, test
        Images of each split; `test` is None if the source has only one set of images.
    remarks
        Notes for the user; more are added while images are read.
    """

    title: str
    train: Part
    test: Part | None
    remarks: Remarks

    def parts(self) -> dict[str, Part]:
        """Return the parts of the source by the name of their split."""
        return {"train": self.train} | ({} if self.test is None else {"test": self.test})

    def part(self, split: str) -> Part:
        """Return the part that the images of a split are taken from."""
        return self.parts().get(split, self.train)


def source_of_arrays(
    title: str,
    names: Iterable[str],
    images: Callable[[str], Images],
    labels: Callable[[str], Labels],
) -> Source:
    """Choose the arrays of a container by their names.

    Raises
    ------
    InputError
        Names are missing, or belong to two different forms.
    """
    found = set(names)
    split, single = found & {"x_train", "x_test", "y_train", "y_test"}, found & {"images", "labels"}
    if split and single:
        raise InputError(f"{title} holds both {_listed(split)} and {_listed(single)}: keep one")
    used = _complete(title, found, split or single)
    remarks = Remarks()
    if found - used:
        remarks.add(f"left out of {title}: {_listed(found - used)}")

    def part(x: str, y: str) -> Part:
        return Part(images(x), labels(y) if y in used else None)

    said = f"{title}: {_listed(used)}"
    if split:
        return Source(said, part("x_train", "y_train"), part("x_test", "y_test"), remarks)
    return Source(said, part("images", "labels"), None, remarks)


def _complete(title: str, found: set[str], used: set[str]) -> set[str]:
    """Return `used` after a check that all needed names were found."""
    needed = (
        {"x_train", "x_test"} if used & {"x_train", "x_test", "y_train", "y_test"} else {"images"}
    )
    if used & {"y_train", "y_test"}:
        needed |= {"y_train", "y_test"}
    if needed - found:
        has = f"it holds {_listed(found)}" if found else "it is empty"
        alone = used in ({"x_train"}, {"x_train", "y_train"})
        advice = "; or rename x_train to images, and y_train to labels" if alone else ""
        raise InputError(
            f"{title}: {_listed(needed - found)} missing ({has}){advice}; needed are {ARRAYS}"
        )
    return used


def shown(path: str | PathLike[str]) -> str:
    """Return a path as printable, storable text; bytes that are not UTF-8 are escaped."""
    return fsencode(path).decode(errors="backslashreplace")


def _listed(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    return ", ".join(listed[:8]) + more


def rows_per_block(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return how many images are read at once."""
    return max(1, BLOCK_BYTES // max(1, math.prod(shape[1:]) * dtype.itemsize))


def chosen(blocks: Iterable[Array], rows: Index) -> Iterator[Array]:
    """Yield the requested rows from blocks of all rows; every block is read."""
    start = 0
    for block in blocks:
        first, last = np.searchsorted(rows, [start, start + len(block)])
        if last - first == len(block):
            yield block
        elif last > first:
            yield block[rows[first:last] - start]
        start += len(block)


def read_in_blocks(
    read: Callable[[int], bytes], title: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Iterator[Array]:
    """Yield the rows of an array in C order from a stream of its bytes.

    Raises
    ------
    InputError
        The stream ends early.
    """
    step = rows_per_block(shape, dtype)
    row_bytes = math.prod(shape[1:]) * dtype.itemsize
    for start in range(0, shape[0], step):
        count = min(step, shape[0] - start)
        content = read(count * row_bytes)
        if len(content) < count * row_bytes:
            raise InputError(f"{title} is cut off: it ends within {shape[0]:,} images")
        yield np.frombuffer(content, dtype).reshape(count, *shape[1:])


def check_label_bytes(title: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse labels that need too much memory.

    Raises
    ------
    InputError
        The labels have more than `MAX_LABEL_BYTES` bytes.
    """
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_LABEL_BYTES:
        raise InputError(f"{title}: labels of {size:,} bytes; the limit is {MAX_LABEL_BYTES:,}")


def check_plain(title: str, dtype: np.dtype[Any]) -> None:
    """Refuse types that are not plain values.

    Raises
    ------
    InputError
        The type is Python objects or records.
    """
    if dtype.hasobject:
        raise InputError(f"{title} holds Python objects (a pickle), which are never read")
    if dtype.names is not None or dtype.subdtype is not None:
        raise InputError(f"{title} holds records ({dtype}), not plain values")
