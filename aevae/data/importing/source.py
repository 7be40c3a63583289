"""What every kind of source gives: images that are read in blocks, and labels."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevae.errors import InputError

Array = NDArray[Any]
Index = NDArray[np.int64]
Size = tuple[int, int]
"""Height and width in pixels."""
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many images are done, and of how many."""

BLOCK_BYTES = 32 << 20
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
        Names them in messages.
    shape
        As in the source; the number of images first.
    dtype
        As in the source.
    blocks
        Yield the images of some rows, given in ascending order, in blocks of about 32 MiB.
    pictures
        Whether they come from picture files: then they are uint8, (N, H, W) or (N, H, W, 3), and
        have been scaled.
    """

    title: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Callable[[Index], Iterator[Array]]
    pictures: bool = False

    def all_rows(self) -> Index:
        """Return the number of every row."""
        return np.arange(self.shape[0])


@dataclass(frozen=True)
class Labels:
    """Labels as they are in the source, and how messages name them.

    Parameters
    ----------
    title
        Names them in messages.
    values
        One per image.
    names
        If they are given, `values` are places in them.
    """

    title: str
    values: Array
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Part:
    """Images that belong to one split, or that are still to be split."""

    images: Images
    labels: Labels | None


@dataclass
class Remarks:
    """What a user must be told about the import, each once, in the order of its first mention."""

    lines: dict[str, int] = field(default_factory=dict)

    def add(self, line: str) -> None:
        """Add a remark; ``{count}`` in it stands for how often it was added."""
        self.lines[line] = self.lines.get(line, 0) + 1

    def texts(self) -> tuple[str, ...]:
        """Return the remarks."""
        return tuple(line.replace("{count}", f"{n:,}") for line, n in self.lines.items())


@dataclass(frozen=True)
class Source:
    """What a user gave.

    Parameters
    ----------
    title
        One readable line.
    train, test
        Images of each split; `test` is None if the source has only one set of images.
    remarks
        Grows while images are read.
    """

    title: str
    train: Part
    test: Part | None
    remarks: Remarks

    def parts(self) -> dict[str, Part]:
        """Return the sets of images that there are, by the name of their split."""
        return {"train": self.train} | ({} if self.test is None else {"test": self.test})

    def part(self, split: str) -> Part:
        """Return the set that the images of a split are taken from."""
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
        Names are missing, or contradict each other.
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
    """Return the names that are used, all of which are there."""
    needed = (
        {"x_train", "x_test"} if used & {"x_train", "x_test", "y_train", "y_test"} else {"images"}
    )
    if used & {"y_train", "y_test"}:
        needed |= {"y_train", "y_test"}
    if needed - found:
        has = f"it holds {_listed(found)}" if found else "it is empty"
        raise InputError(f"{title}: {_listed(needed - found)} missing ({has}); needed are {ARRAYS}")
    return used


def _listed(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
    return ", ".join(listed[:8]) + more


def rows_per_block(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return how many images are read at once."""
    return max(1, BLOCK_BYTES // max(1, int(np.prod(shape[1:], dtype=object)) * dtype.itemsize))


def chosen(blocks: Iterable[Array], rows: Index) -> Iterator[Array]:
    """Yield the rows that were asked for out of blocks of all rows; all blocks are used up."""
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
    row_bytes = int(np.prod(shape[1:], dtype=object)) * dtype.itemsize
    for start in range(0, shape[0], step):
        count = min(step, shape[0] - start)
        content = read(count * row_bytes)
        if len(content) < count * row_bytes:
            raise InputError(f"{title} is cut off: it ends within {shape[0]:,} images")
        yield np.frombuffer(content, dtype).reshape(count, *shape[1:])


def check_label_bytes(title: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse labels that would fill the memory.

    Raises
    ------
    InputError
        There are too many.
    """
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size > MAX_LABEL_BYTES:
        raise InputError(f"{title}: labels of {size:,} bytes; {MAX_LABEL_BYTES:,} are possible")


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
