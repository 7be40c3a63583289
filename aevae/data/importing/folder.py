"""Folders of pictures: a folder for each class, also below ``train`` and ``test``; or no class."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np

from aevae.data.importing.pictures import Looks, decode, look
from aevae.data.importing.source import (
    PICTURES,
    Array,
    Images,
    Index,
    Labels,
    Part,
    Progress,
    Remarks,
    Size,
    Source,
    shown,
)
from aevae.errors import InputError
from aevae.execution import available_cores

T = TypeVar("T")
AT_ONCE = 512  # pictures in a block; progress is reported after each block
MOST_THREADS = 4  # each thread may hold a picture of 100 MB
SPLITS = {"train", "test"}
OTHER_SPLITS = {"val", "valid", "validation", "dev"}
VALID = f"pictures are files that end in {', '.join(PICTURES)}"


@dataclass
class _Files:
    """Pictures below a folder, sorted by class and name.

    Names are stored as text and not as paths, to save memory if there are millions.
    """

    root: Path
    names: list[str] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    class_counts: list[int] = field(default_factory=list)

    def path(self, row: int) -> Path:
        return self.root / self.names[row]

    def labels(self) -> Labels | None:
        if not self.class_names:
            return None
        codes = np.repeat(np.arange(len(self.class_counts)), self.class_counts)
        return Labels(shown(self.root), codes, tuple(self.class_names))


@dataclass
class _Seen:
    """Sizes and colours in the headers of all pictures."""

    size: Size | None
    first: tuple[Path, Size] | None = None
    grey: int = 0
    colour: int = 0
    scaled: int = 0

    def add(self, path: Path, looks: Looks) -> None:
        if self.first is None:
            self.first = (path, looks.size)
        if self.size is None and looks.size != self.first[1]:
            raise InputError(
                f"{shown(self.first[0])} has {_pixels(self.first[1])} pixels, but {shown(path)} "
                f"{_pixels(looks.size)}; all must have one height and width; they are scaled "
                "by --size HxW (aevae data add) or --resize (commands with a trained model)"
            )
        self.grey += not looks.colour
        self.colour += looks.colour
        self.scaled += looks.size != (self.size or looks.size)

    def common_size(self) -> Size:
        assert self.first is not None
        return self.size or self.first[1]

    def remarks(self) -> Iterator[str]:
        if self.grey and self.colour:
            yield f"grey pictures became RGB, because others are RGB ({self.grey:,})"
        if self.scaled:
            size = _pixels(self.common_size())
            yield f"pictures were scaled to {size} pixels, bilinear ({self.scaled:,})"


def open_folder(root: Path, size: Size | None, progress: Progress) -> Source:
    """Return the pictures of a folder; headers are read now, the pictures themselves later.

    Parameters
    ----------
    root
        Path of the folder.
    size
        Height and width in pixels that pictures are scaled to; None: all pictures must have the
        same size.
    progress
        Function that is called while headers are read.

    Raises
    ------
    InputError
        The folder has no pictures or another structure, or a picture is damaged or has another
        size.
    """
    remarks = Remarks()
    files = {name: _gather(folder, remarks) for name, folder in _splits(root).items()}
    seen = _Seen(size)
    total = sum(len(found.names) for found in files.values())
    for found in files.values():
        _examine(found, seen, partial(progress, "examining"), total)
    for remark in seen.remarks():
        remarks.add(remark)
    parts = {
        name: Part(
            _images(found, seen.common_size(), remarks, colour=seen.colour > 0), found.labels()
        )
        for name, found in files.items()
    }
    title = f"pictures in {shown(root.absolute())}"
    return Source(title, parts["train"], parts.get("test"), remarks)


def _splits(root: Path) -> dict[str, Path]:
    """Return the folder of each split; only "train" if the folder has no splits."""
    names = {path.name for path in _entries(root) if path.is_dir()}
    if names == SPLITS:
        return {"train": root / "train", "test": root / "test"}
    if len(names) > 1 and names <= SPLITS | OTHER_SPLITS:
        raise InputError(
            f"{shown(root)} holds {', '.join(sorted(names))}: valid are train and test, because "
            "images for validation are drawn from those for training"
        )
    return {"train": root}


def _gather(root: Path, remarks: Remarks) -> _Files:
    """List the pictures in the folders of the classes, or in the folder itself without classes."""
    folders = sorted(path for path in _entries(root) if path.is_dir())
    files = _Files(root, _pictures(root, remarks))
    if not folders and not files.names:
        raise InputError(f"{shown(root)} holds no picture; {VALID}")
    if folders and files.names:
        raise InputError(
            f"{shown(root)} holds pictures ({shown(files.names[0])}) and folders "
            f"({shown(folders[0].name)}): valid are pictures, or one folder for each class"
        )
    for folder in folders:
        deeper = next((path for path in _entries(folder) if path.is_dir()), None)
        if deeper is not None:
            raise InputError(f"{shown(deeper)} is a folder in the folder of a class")
        names = _pictures(folder, remarks)
        if not names:
            line = "folders without a picture were left out ({count}, such as {example})"
            remarks.add(line, shown(folder.name))
            continue
        files.names += [f"{folder.name}/{name}" for name in names]
        files.class_names.append(shown(folder.name))
        files.class_counts.append(len(names))
    if not files.names:
        raise InputError(f"the folders in {shown(root)} hold no picture; {VALID}")
    return files


def _pictures(folder: Path, remarks: Remarks) -> list[str]:
    """Return the sorted names of the pictures in a folder; add remarks on all other files."""
    names = []
    for path in _entries(folder, hidden=True):
        if path.name.startswith("."):
            remarks.add("hidden files and folders were left out ({count})")
        elif path.suffix.lower() in PICTURES:
            names.append(path.name)
        elif not path.is_dir():
            line = "files that are not pictures were left out ({count}, such as {example})"
            remarks.add(line, shown(path.name))
    return sorted(names)


def _entries(folder: Path, *, hidden: bool = False) -> Iterator[Path]:
    try:
        for path in folder.iterdir():
            if hidden or not path.name.startswith("."):
                yield path
    except OSError as error:
        raise InputError(f"{shown(folder)}: {error.strerror}") from None


def _examine(files: _Files, seen: _Seen, progress: Callable[[int, int], None], total: int) -> None:
    rows = np.arange(len(files.names))
    for paths, looks in _in_threads(files, rows, look):
        for path, found in zip(paths, looks, strict=True):
            seen.add(path, found)
        progress(seen.grey + seen.colour, total)


def _images(files: _Files, size: Size, remarks: Remarks, *, colour: bool) -> Images:
    shape = (len(files.names), *size, *((3,) if colour else ()))

    def blocks(rows: Index) -> Iterator[Array]:
        for _, pictures in _in_threads(files, rows, partial(decode, size=size, colour=colour)):
            for note in chain.from_iterable(notes for _, notes in pictures):
                remarks.add(note)
            yield np.stack([pixels for pixels, _ in pictures])

    return Images(
        shown(files.root), shape, np.dtype("u1"), blocks, pictures=True, names=files.names
    )


def _in_threads(
    files: _Files, rows: Index, read: Callable[[Path], T]
) -> Iterator[tuple[Sequence[Path], list[T]]]:
    """Yield blocks of pictures in order; threads read the next block while one is used."""
    pool = ThreadPoolExecutor(min(MOST_THREADS, available_cores()))
    try:
        waiting = None
        for start in range(0, len(rows), AT_ONCE):
            paths = [files.path(row) for row in rows[start : start + AT_ONCE].tolist()]
            reading = paths, pool.map(read, paths)
            if waiting is not None:
                yield waiting[0], list(waiting[1])
            waiting = reading
        if waiting is not None:
            yield waiting[0], list(waiting[1])
    finally:
        pool.shutdown(cancel_futures=True)


def _pixels(size: Size) -> str:
    return f"{size[0]} x {size[1]}"
