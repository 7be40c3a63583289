"""Images that a user gives to a trained model: a dataset by name, or files of the user's own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aevae.config import DataConfig
from aevae.data.importing.detect import open_source
from aevae.data.importing.labels import found_labels
from aevae.data.importing.shapes import arranged
from aevae.data.importing.source import Array, Part, Progress, Remarks, Source, shown
from aevae.data.importing.values import conversion
from aevae.data.sources import load_source
from aevae.data.staged import describe_staged, existing_path
from aevae.datasets import BUILT_IN
from aevae.errors import InputError, importing
from aevae.files import names
from aevae.files.images import open_images
from aevae.files.stream import regrouped
from aevae.use.checks import listed

ROWS = 16_384  # images in a block
SPLITS = ("train", "test")

Blocks = Callable[[], Iterator[NDArray[np.uint8]]]


@dataclass(frozen=True)
class GivenImages:
    """Images of the shape that a model takes; they are read in blocks.

    Parameters
    ----------
    title
        Description in one line.
    count
        Number of images.
    blocks
        Function that yields all images in order, in blocks of at most `ROWS`, (n, *image_shape).
    labels
        Class of each image, (N,), as a number of the model; None if the images have no labels, or
        others than the dataset of the model.
    files
        File of each image; None for arrays.
    remarks
        Notes for the user; more are added while images are read.
    """

    title: str
    count: int
    blocks: Blocks
    labels: NDArray[np.int64] | None
    files: Sequence[str] | None
    remarks: Remarks

    def rows(self, wanted: Sequence[int]) -> NDArray[np.uint8]:
        """Read some images, given by their numbers from 0.

        Raises
        ------
        InputError
            There is no such image.
        """
        for row in wanted:
            if not 0 <= row < self.count:
                raise InputError(f"{self.title} has the images 0 to {self.count - 1}, not {row}")
        found, start = {}, 0
        for block in self.blocks():
            for row in wanted:
                if start <= row < start + len(block):
                    found[row] = block[row - start].copy()
            start += len(block)
        return np.stack([found[row] for row in wanted])


def given_images(
    given: Sequence[str],
    data: DataConfig,
    data_dir: Path,
    progress: Progress,
    *,
    split: str | None = None,
    resize: bool = False,
) -> GivenImages:
    """Open images for a model.

    Parameters
    ----------
    given
        The name of a dataset, built in or staged; or what `aevae data add` takes: a file, a folder
        of pictures, or IDX files. A path that exists is taken before a name.
    data
        Dataset that the model was trained on.
    data_dir
        Data folder, in which datasets are looked up.
    progress
        Function that is called while files are examined.
    split
        ``train`` or ``test``; None: the test images where there are some, otherwise all.
    resize
        Whether images of another height and width are scaled.

    Raises
    ------
    InputError
        There are no such images, or they have another shape, or their values are no intensities.
    """
    if split not in (None, *SPLITS):
        raise InputError(f"--split takes train or test, got {split!r}")
    if len(given) == 1 and not Path(given[0]).exists() and _is_dataset(given[0]):
        if resize:
            raise InputError("--resize is for files: a dataset is scaled when it is added")
        return _of_dataset(given[0], data, data_dir, split or "test")
    size = (data.image_shape[0], data.image_shape[1]) if resize else None
    source = open_source([Path(path) for path in given], size, progress)
    return _of_source(source, data, progress, split, size)


def _is_dataset(name: str) -> bool:
    """Whether this is no path: a name that is staged, or one that no file could have."""
    return name in BUILT_IN or not ("/" in name or Path(name).suffix)


def _of_dataset(name: str, data: DataConfig, data_dir: Path, split: str) -> GivenImages:
    if name in BUILT_IN:
        raw = load_source(name, data_dir)
        images, labels = {
            "train": (raw.train_images, raw.train_labels),
            "test": (raw.test_images, raw.test_labels),
        }[split]
        blocks: Blocks = partial(regrouped, [images], ROWS)
        facts = raw.facts
    else:
        facts, labels = describe_staged(data_dir, name), None
        path = existing_path(data_dir, name)
        if facts.class_names:
            with open_images(path) as file:
                labels = file.array(names.of_split(split, names.LABEL))
        blocks = partial(_staged_blocks, path, split)
    counts = {"train": facts.train_images, "test": facts.test_images}
    title = f"{name}, {split} images"
    _check_shape(title, facts.image_shape, data.image_shape, "")
    classes = None if labels is None else _as_classes(np.array(facts.class_names), labels, data)
    return GivenImages(title, counts[split], blocks, classes, None, Remarks())


def _staged_blocks(path: Path, split: str) -> Iterator[NDArray[np.uint8]]:
    with open_images(path) as file:
        yield from regrouped(file.blocks(names.of_split(split, names.IMAGE)), ROWS)


def _of_source(
    source: Source,
    data: DataConfig,
    progress: Progress,
    split: str | None,
    size: tuple[int, int] | None,
) -> GivenImages:
    found, shape = arranged(source, size)
    parts = source.parts()
    if split == "test" and source.test is None:
        raise InputError(f"{source.title} has no test images of its own: remove --split")
    if split is None and source.test is not None:
        other = parts["train"].images.shape[0]
        source.remarks.add(f"only test images are read; --split train reads the other {other:,}")
    key = split or ("test" if source.test is not None else "train")
    part = parts[key]
    _check_shape(source.title, shape, data.image_shape, "; --resize scales them")
    rule = conversion(part.images, progress)
    if rule.remark is not None:
        source.remarks.add(rule.remark)

    def converted() -> Iterator[NDArray[np.uint8]]:
        for block in part.images.blocks(part.images.all_rows()):
            pixels = rule.apply(found[key].apply(block))
            yield pixels if size is None or part.images.pictures else _scaled(pixels, size)

    labels = _labels(part, source.remarks, data)
    return GivenImages(
        source.title,
        part.images.shape[0],
        lambda: regrouped(converted(), ROWS),
        labels,
        part.images.names,
        source.remarks,
    )


def _scaled(pixels: Array, size: tuple[int, int]) -> Array:
    with importing("train"):
        from aevae.data.importing.pictures import resized
    return resized(pixels, size)


def _labels(part: Part, remarks: Remarks, data: DataConfig) -> NDArray[np.int64] | None:
    if part.labels is None:
        return None
    different, which = found_labels(part, remarks)
    classes = _as_classes(different, which, data)
    if classes is None:
        known = listed(data.class_names) or "none"
        remarks.add(f"labels were left out, because the classes of the model are {known}")
    return classes


def _as_classes(different: Array, which: Array, data: DataConfig) -> NDArray[np.int64] | None:
    """Return the classes that labels mean; None if a label means no class of the model.

    Labels are the names of classes, or their numbers from 0, as `generate` writes them.
    """
    labels = different.tolist()
    if all(str(label) in data.class_names for label in labels):
        classes = [data.class_names.index(str(label)) for label in labels]
    elif all(str(label).isdecimal() and int(label) < data.classes for label in labels):
        classes = [int(label) for label in labels]
    else:
        return None
    return np.array(classes, dtype=np.int64)[which]


def _check_shape(title: str, shape: tuple[int, ...], wanted: tuple[int, ...], advice: str) -> None:
    if shape == wanted:
        return
    fits = "" if shape[2:] != wanted[2:] else advice
    raise InputError(
        f"{title}: images of {_pixels(shape)}; the model takes {_pixels(wanted)}{fits}"
    )


def _pixels(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]} {'RGB' if len(shape) == 3 else 'grey'} pixels"


def picture(path: Path, data: DataConfig, *, resize: bool = False) -> NDArray[np.uint8]:
    """Read one picture file as an image for a model.

    Raises
    ------
    InputError
        The file is no picture, or has another size, or is in colour and the model is not.
    """
    with importing("train"):
        from aevae.data.importing.pictures import decode, look
    height, width = data.image_shape[:2]
    looks, colour = look(path), len(data.image_shape) == 3
    if looks.colour and not colour:
        raise InputError(
            f"{shown(path)} is in colour or has a palette, and the model takes grey images; "
            "convert it to grey first"
        )
    if not resize:
        shape = (*looks.size, *data.image_shape[2:])
        _check_shape(shown(path), shape, data.image_shape, "; --resize scales them")
    pixels, _ = decode(path, (height, width), colour=colour)
    return np.asarray(pixels)
