"""Preparation of a source: its rows, shapes and values become two splits of uint8 images."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aevae.data.importing.detect import open_source
from aevae.data.importing.labels import Classes, classes, compare_splits, renamed
from aevae.data.importing.shapes import Arrangement, arranged, check_limits
from aevae.data.importing.source import Array, Images, Index, Progress, Size, Source
from aevae.data.importing.values import Conversion, conversion, same
from aevae.errors import InputError, importing
from aevae.files.images import ImageSplit
from aevae.words import counted

TEST_SHARE = 0.2


@dataclass(frozen=True)
class Options:
    """Options of the user.

    Parameters
    ----------
    name
        Name of the dataset.
    size
        Height and width in pixels that images are scaled to; None: images are not scaled.
    transpose
        Whether the rows and columns of images in arrays are exchanged.
    class_names
        Names of the classes in their order; None: the labels are the names.
    noun
        Word for a class in texts.
    test_share
        Share of the images that become test images where the source has no split; None: 0.2.
    seed
        Seed of the random choice of test images.
    replace
        Whether another dataset with this name may be replaced.
    """

    name: str
    size: Size | None = None
    transpose: bool = False
    class_names: tuple[str, ...] | None = None
    noun: str = "class"
    test_share: float | None = None
    seed: int = 0
    replace: bool = False


@dataclass(frozen=True)
class Prepared:
    """A dataset that has been checked; its images are read when they are needed.

    Parameters
    ----------
    source
        Source, whose remarks are complete after all images were read.
    class_names
        Names of the classes; empty if the images have no labels.
    splits
        The splits "train" and "test".
    """

    source: Source
    class_names: tuple[str, ...]
    splits: Mapping[str, ImageSplit]


def prepare(paths: Sequence[Path], options: Options, progress: Progress) -> Prepared:
    """Examine a source: shapes, labels, range of the values.

    Raises
    ------
    InputError
        The source is not valid, or it is too large.
    """
    source = open_source(paths, options.size, progress)
    found, shape = arranged(source, options.size, transpose=options.transpose)
    made = classes(source)
    if options.class_names is not None:
        made = renamed(made, options.class_names)
    rows = _rows(source, made, options)
    for name, chosen in rows.items():
        check_limits(source.part(name).images.title, len(chosen), shape)
    rules = {name: conversion(part.images, progress) for name, part in source.parts().items()}
    for remark in same(list(rules.values()), source):
        source.remarks.add(remark)
    reading = _Reading(progress, sum(map(len, rows.values())))
    splits = {}
    for name, chosen in rows.items():
        key = name if name in found else "train"
        steps = _Steps(source.part(name).images, found[key], rules[key], options.size, reading)
        labels = made.labels[key][chosen] if made else None
        splits[name] = ImageSplit(
            partial(steps.blocks, chosen), (len(chosen), *shape), labels, chosen
        )
    return Prepared(source, made.names if made else (), splits)


def _rows(source: Source, made: Classes | None, options: Options) -> dict[str, Index]:
    """Return the rows of each split in the source."""
    if source.test is None:
        share = TEST_SHARE if options.test_share is None else options.test_share
        count = source.train.images.shape[0]
        train, test = draw_test(count, made, share, options.seed)
        source.remarks.add(
            f"{len(test):,} of {count:,} images were drawn for testing (seed {options.seed})"
        )
        rows = {"train": train, "test": test}
        if made is not None:
            labels = made.labels["train"]
            compare_splits(made.names, labels[train], labels[test], source.remarks)
    elif options.test_share is not None:
        raise InputError(f"{source.title} has test images of its own: remove --test-share")
    else:
        rows = {name: part.images.all_rows() for name, part in source.parts().items()}
    return rows


def draw_test(count: int, made: Classes | None, share: float, seed: int) -> tuple[Index, Index]:
    """Draw rows for testing, the same share of every class; return training and test rows, sorted.

    Raises
    ------
    InputError
        The share is not between 0 and 1, or there are too few images for it.
    """
    if not 0 < share < 1:
        raise InputError(f"--test-share must be between 0 and 1, got {share:g}")
    labels = made.labels["train"] if made else None
    if made is not None:
        single = np.flatnonzero(np.bincount(made.labels["train"]) == 1)
        if len(single):
            raise InputError(
                f"class {made.names[single[0]]!r} has one image only: a class needs one for "
                "training and one for testing"
            )
    least = len(made.names) if made else 1
    tested = math.ceil(share * count)
    if min(tested, count - tested) < least:
        raise InputError(
            f"a test share of {share:g} cannot be drawn: of {counted(count, 'image')} it would "
            f"leave {count - tested} for training and {tested} for testing, and at least {least} "
            f"{'are' if least > 1 else 'is'} needed for each"
        )
    with importing("train"):
        from sklearn.model_selection import train_test_split
    train, test = train_test_split(
        np.arange(count), test_size=share, random_state=seed, stratify=labels
    )
    return np.sort(train), np.sort(test)


@dataclass
class _Reading:
    """Counter of the images that were read, over both splits."""

    progress: Progress
    total: int
    done: int = 0

    def count(self, images: int) -> None:
        self.done += images
        self.progress("reading", self.done, self.total)


@dataclass(frozen=True)
class _Steps:
    """The steps that turn the images of a source into uint8."""

    images: Images
    arranged: Arrangement
    rule: Conversion
    size: Size | None
    reading: _Reading

    def blocks(self, rows: Index) -> Iterator[NDArray[np.uint8]]:
        for block in self.images.blocks(rows):
            pixels = self.rule.apply(self.arranged.apply(block))
            if self.size is not None and not self.images.pictures:
                pixels = _resized(pixels, self.size)
            self.reading.count(len(pixels))
            yield pixels


def _resized(pixels: Array, size: Size) -> Array:
    # Pillow is imported only here, so that images can be imported without it if none is scaled.
    with importing("train"):
        from aevae.data.importing.pictures import resized
    return resized(pixels, size)
