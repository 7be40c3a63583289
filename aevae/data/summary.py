"""Summaries of datasets, built in or staged, for the commands that list and describe them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevae.data.sources import load_source
from aevae.data.staged import existing_path, staged_names, staged_path
from aevae.datasets import BUILT_IN
from aevae.errors import InputError, RunFailed
from aevae.files.hdf5 import InvalidFile
from aevae.files.images import SPLITS, CheckedImages, check_images, open_images

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Summary:
    """Summary of a dataset for a user.

    Parameters
    ----------
    name, source, noun, remarks, fingerprint
        See `aevae.files.images.CheckedImages`.
    image_shape
        (H, W) of grey images, (H, W, 3) of RGB ones.
    class_names
        Empty if the images have no labels.
    labels
        Labels of each split, (N,); empty if the images have no labels.
    counts
        Number of images of each split.
    training_images
        Function that reads the training images of some rows, given in ascending order.
    """

    name: str
    source: str
    fingerprint: str
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    noun: str
    remarks: tuple[str, ...]
    labels: Mapping[str, NDArray[Any]]
    counts: Mapping[str, int]
    training_images: Callable[[Rows], NDArray[np.uint8]]

    def class_counts(self) -> Iterator[tuple[str, dict[str, int]]]:
        """Yield each class with the number of its images in each split."""
        counts = {
            split: np.bincount(labels, minlength=len(self.class_names))
            for split, labels in self.labels.items()
        }
        for i, name in enumerate(self.class_names):
            yield name, {split: int(number[i]) for split, number in counts.items()}


@dataclass(frozen=True)
class Listed:
    """A line in the list of datasets; the fields of a missing dataset are empty texts."""

    name: str
    shape: str
    classes: str
    images: str
    state: str


def summarise(name: str, data_dir: Path) -> Summary:
    """Return the summary of a dataset.

    Raises
    ------
    InputError
        There is no such dataset, or its files are missing or damaged.
    """
    if name in BUILT_IN:
        return _built_in(name, data_dir)
    path = existing_path(data_dir, name)
    try:
        return _staged(path)
    except InvalidFile as error:
        raise InputError(str(error)) from None


def _built_in(name: str, data_dir: Path) -> Summary:
    source = load_source(name, data_dir)
    images, labels = source.train_images, {"train": source.train_labels, "test": source.test_labels}
    return Summary(
        name=name,
        source=source.source,
        fingerprint=source.facts.fingerprint,
        image_shape=source.facts.image_shape,
        class_names=source.facts.class_names,
        noun=source.facts.noun,
        remarks=(),
        labels=labels,
        counts={split: len(rows) for split, rows in labels.items()},
        training_images=lambda rows: images[rows],
    )


def _staged(path: Path) -> Summary:
    checked = check_images(path)

    def training_images(rows: Rows) -> NDArray[np.uint8]:
        with open_images(path, checked) as file:
            return file.rows("train/image", rows)

    with open_images(path, checked) as file:
        labelled = SPLITS if checked.class_names else ()
        labels = {split: file.array(f"{split}/label") for split in labelled}
    return Summary(
        name=checked.name,
        source=checked.source,
        fingerprint=checked.fingerprint,
        image_shape=checked.image_shape,
        class_names=checked.class_names,
        noun=checked.noun,
        remarks=checked.remarks,
        labels=labels,
        counts=checked.counts,
        training_images=training_images,
    )


def list_all(data_dir: Path) -> Iterator[Listed]:
    """Yield a line for every built-in and staged dataset; a line tells what is wrong with it."""
    for name in BUILT_IN:
        yield _line(name, partial(_built_in, name, data_dir))
    for name in staged_names(data_dir):
        yield _line(name, partial(check_images, staged_path(data_dir, name)))


def describe_shape(image_shape: tuple[int, ...]) -> str:
    """Describe the shape of images in words, for example ``32 x 32 RGB``."""
    height, width, *channels = image_shape
    return f"{height} x {width} {'RGB' if channels else 'grey'}"


def _line(name: str, look: Callable[[], Summary | CheckedImages]) -> Listed:
    try:
        found = look()
    except FileNotFoundError:
        return Listed(name, "", "", "", "missing")
    except (InputError, InvalidFile, OSError, RunFailed, ImportError) as error:
        return Listed(name, "", "", "", str(error))
    return Listed(
        name,
        describe_shape(found.image_shape),
        f"{len(found.class_names):,}" if found.class_names else "none",
        f"{found.counts['train']:,} + {found.counts['test']:,}",
        "there",
    )
