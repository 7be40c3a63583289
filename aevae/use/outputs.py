"""Where images and rows of numbers go: the name of a path chooses the form."""

import csv
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import TextIOWrapper
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aevae.data.importing.source import shown
from aevae.errors import InputError, importing
from aevae.files.atomic import publish
from aevae.files.hdf5 import Array
from aevae.use.arrays import SUFFIXES, array_writer, folder_beside
from aevae.use.model import Model

Pixels = NDArray[np.uint8]
Write = Callable[..., None]


def attributes(model: Model) -> dict[str, str]:
    """Return what an .h5 file says of the model."""
    return {"run_id": model.run_id, "config": model.config.canonical_json()}


@contextmanager
def table_output(to: Path, header: Sequence[str]) -> Iterator[Callable[[Sequence[object]], object]]:
    """Give a function that writes a row of a CSV file, and publish the file at the end."""
    with folder_beside(to) as folder, (folder / "rows").open("w+b") as file:
        text = TextIOWrapper(file, "utf-8", newline="")
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(header)
        yield rows.writerow
        text.flush()
        file.seek(0)
        publish(to, partial(shutil.copyfileobj, file))


@contextmanager
def image_output(
    model: Model, to: Path, count: int, *, pairs: bool = False, columns: int | None = None
) -> Iterator[Write]:
    """Give a function that writes blocks of images, and finish the output at the end.

    The function takes uint8 images, their classes or None, the originals if there are `pairs`, and
    further arrays by name, which only an .npz or .h5 file holds.

    Parameters
    ----------
    model
        The model, whose classes and run are named.
    to
        A name that ends in .png (a sheet), .npz or .h5; or a folder that is new or empty.
    count
        Number of images.
    pairs
        Whether the images are reconstructions: a sheet has the originals above them.
    columns
        Images in a row of a sheet; None: those of a class, or about as many as there are rows.
    """
    if to.suffix in SUFFIXES:
        with array_writer(to, attributes(model)) as add:
            yield lambda images, labels, _=None, **more: add(images=images, labels=labels, **more)
        return
    with importing("train"):
        from aevae.use import pictures
    if to.suffix == "":
        folder = pictures.PictureFolder(to, count, model.class_names)
        yield lambda images, labels, *_, **__: folder.add(images, labels)
        return
    if to.suffix != ".png":
        raise InputError(
            f"--to takes a name that ends in .png, .npz or .h5, or a new folder, got {shown(to)}"
        )
    if count * (1 + pairs) > pictures.MOST_ON_SHEET:
        raise InputError(
            f"a sheet has up to {pictures.MOST_ON_SHEET // (1 + pairs):,} images, not {count:,}: "
            "--to takes a folder, .npz or .h5 for more"
        )
    sheet = _Sheet()
    yield sheet.add
    images, width, names = sheet.arranged(columns, model.class_names)
    pictures.write_sheet(to, images, width, names)


@dataclass
class _Sheet:
    """The images of a sheet, until all are there."""

    images: list[Pixels] = field(default_factory=list)
    classes: list[Array] = field(default_factory=list)
    originals: list[Pixels] = field(default_factory=list)

    def add(
        self,
        images: Pixels,
        labels: Array | None,
        originals: Pixels | None = None,
        **_: Array | None,
    ) -> None:
        """Keep a block of images."""
        self.images.append(images)
        if labels is not None:
            self.classes.append(labels)
        if originals is not None:
            self.originals.append(originals)

    def arranged(
        self, columns: int | None, names: Sequence[str]
    ) -> tuple[Pixels, int, Sequence[str]]:
        """Return the images in their order on the sheet, the columns, and the names of rows."""
        from aevae.use.pictures import columns_of

        images = np.concatenate(self.images)
        classes = np.concatenate(self.classes) if self.classes else np.empty(0, int)
        width = columns or columns_of(len(images), classes.tolist())
        if self.originals:
            return _interleaved(np.concatenate(self.originals), images, width), width, ()
        return images, width, () if columns else _row_names(classes, width, names)


def _row_names(classes: Array, width: int, names: Sequence[str]) -> list[str]:
    """Name the rows of a sheet by their classes, if each row shows one class and none has two."""
    if len(classes) == 0 or len(classes) % width:
        return []
    rows = classes.reshape(-1, width)
    first = rows[:, 0]
    one_each = len(np.unique(first)) == len(first) and np.all(rows == first[:, None])
    return [names[number] for number in first.tolist()] if one_each else []


def _interleaved(originals: Pixels, made: Pixels, columns: int) -> Pixels:
    """Put each row of originals above the row of what was made of them; the last row is filled."""
    filling = np.full((-len(made) % columns, *made.shape[1:]), 255, np.uint8)
    both = [np.concatenate([part, filling]) for part in (originals, made)]
    rows = [part.reshape(-1, columns, *made.shape[1:]) for part in both]
    return np.stack(rows, axis=1).reshape(-1, *made.shape[1:])
