"""The staged file of a user's own dataset: images, labels and names.

The file is one HDF5 file, ``<data-dir>/<name>.h5``. Its fingerprint is the SHA-256 of the images
and labels, so the same images and labels from another kind of file have the same fingerprint.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevae.files.hdf5 import (
    Array,
    CheckedFile,
    Field,
    Header,
    InvalidFile,
    Layout,
    NewerFile,
    Schema,
    check_layout,
    open_checked,
)
from aevae.files.sandbox import examine
from aevae.files.stream import write_streamed

NAME = "aevae-images"
VERSION = 1
SPLITS = ("train", "test")
MAX_SIDE = 256  # pixels
MAX_SPLIT_BYTES = 1 << 31
MAX_CLASSES = 1 << 16


@dataclass(frozen=True)
class ImageSplit:
    """The images of one split, which are read in blocks, with their labels and rows.

    Parameters
    ----------
    blocks
        Function that yields the images in order, in blocks of (n, H, W) or (n, H, W, 3) uint8.
    shape
        Shape of all images together, (N, H, W) or (N, H, W, 3).
    labels
        (N,) class of each image, from 0; None if the images have no labels.
    index
        (N,) row of each image in the source.
    """

    blocks: Callable[[], Iterable[NDArray[np.uint8]]]
    shape: tuple[int, ...]
    labels: NDArray[Any] | None
    index: NDArray[np.int64]


@dataclass(frozen=True)
class Description:
    """Description of a staged dataset.

    Parameters
    ----------
    name
        Name of the dataset in configurations.
    source
        Source of the images: one line for the user.
    class_names
        Name of each class, in the order of the labels; empty if the images have no labels.
    noun
        Word for a class in texts, for example "letter".
    remarks
        Notes for the user on how the import changed the images.
    """

    name: str
    source: str
    class_names: tuple[str, ...]
    noun: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class CheckedImages(Description):
    """Description of a staged dataset, read from a valid file.

    Parameters
    ----------
    fingerprint
        SHA-256 of images and labels, hexadecimal.
    image_shape
        (H, W) of grey images, (H, W, 3) of RGB ones.
    counts
        Number of images of each split.
    header
        Layout and attributes of the file; `open_images` needs it.
    """

    fingerprint: str
    image_shape: tuple[int, ...]
    counts: Mapping[str, int]
    header: Header


def label_dtype(classes: int) -> np.dtype[Any]:
    """Return the type of stored labels."""
    return np.dtype("u1" if classes <= 256 else "u2")


def images_schema(*, colour: bool, labelled: bool, classes: int) -> Schema:
    """Return the schema of a staged file."""
    channels = (3,) if colour else ()
    fields = [Field(f"{s}/image", (f"N_{s}", "H", "W", *channels), "u1") for s in SPLITS]
    if labelled:
        dtype = label_dtype(classes).str
        fields += [Field(f"{split}/label", (f"N_{split}",), dtype) for split in SPLITS]
    fields += [Field(f"{split}/index", (f"N_{split}",), "i8") for split in SPLITS]
    return Schema(NAME, VERSION, fields)


def write_images(
    path: Path, splits: Mapping[str, ImageSplit], describe: Callable[[], Description]
) -> str:
    """Publish a staged file and return its fingerprint; memory holds one block at a time.

    Parameters
    ----------
    path
        Final path; see `aevae.files.stream.write_streamed` for the guarantees.
    splits
        The splits "train" and "test".
    describe
        Function that is called after the last block, because some remarks are known only then.

    Raises
    ------
    InvalidFile
        The shapes or types of the splits do not match.
    OSError
        The disk is full or not writable.
    """
    digest = hashlib.sha256()
    blocks = dict(_hashed(splits, digest))
    blocks |= {f"{name}/index": iter([split.index]) for name, split in splits.items()}

    def attributes() -> dict[str, str]:
        said = describe()
        return {
            "name": said.name,
            "source": said.source,
            "class_names": json.dumps(said.class_names),
            "noun": said.noun,
            "remarks": json.dumps(said.remarks),
            "fingerprint": digest.hexdigest(),
        }

    train = splits["train"]
    labelled = train.labels is not None
    wide = train.labels is not None and train.labels.dtype != np.uint8
    schema = images_schema(
        colour=len(train.shape) == 4, labelled=labelled, classes=MAX_CLASSES if wide else 256
    )
    write_streamed(path, schema, _layout(splits), blocks, attributes)
    return digest.hexdigest()


def _layout(splits: Mapping[str, ImageSplit]) -> Layout:
    layout: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    for name, split in splits.items():
        layout[f"{name}/image"] = (split.shape, np.dtype("u1"))
        if split.labels is not None:
            layout[f"{name}/label"] = (split.labels.shape, split.labels.dtype)
        layout[f"{name}/index"] = (split.index.shape, split.index.dtype)
    return layout


def fingerprint_of(splits: Mapping[str, ImageSplit]) -> str:
    """Return the fingerprint that a file of these splits would have; nothing is written."""
    digest = hashlib.sha256()
    for _, blocks in _hashed(splits, digest):
        for _ in blocks:
            pass
    return digest.hexdigest()


def _hashed(
    splits: Mapping[str, ImageSplit], digest: "hashlib._Hash"
) -> Iterator[tuple[str, Iterator[Array]]]:
    """Yield the name and the blocks of each dataset of images or labels, and hash them.

    `digest` is updated when a block is read. After all blocks were read in order, it equals
    `aevae.data.source_images.fingerprint`.
    """
    for name in SPLITS:
        split = splits[name]
        yield f"{name}/image", _update(digest, split.shape, np.dtype("u1"), split.blocks)
        labels = split.labels
        if labels is not None:
            yield (
                f"{name}/label",
                _update(digest, labels.shape, labels.dtype, partial(iter, [labels])),
            )


def _update(
    digest: "hashlib._Hash",
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    blocks: Callable[[], Iterable[Array]],
) -> Iterator[Array]:
    digest.update(f"{dtype.str}{shape}".encode())
    for block in blocks():
        digest.update(np.ascontiguousarray(block).data)
        yield block


def check_images(path: Path) -> CheckedImages:
    """Validate a staged file: schema, version, shapes, types, every checksum.

    Raises
    ------
    NewerFile
        A newer release wrote the file.
    InvalidFile
        The file breaks the contract; the message names file, dataset and problem.
    OSError
        The file is missing, or the file system failed to read it.
    """
    header = examine(path)
    try:
        header.check(NAME, VERSION)
        return _checked(header)
    except NewerFile as error:
        raise NewerFile(f"{path}: {error}") from None
    except (InvalidFile, ValueError) as error:
        raise InvalidFile(f"{path}: {error}") from None


def _checked(header: Header) -> CheckedImages:
    class_names = _texts(header, "class_names")
    shape, _ = header.layout.get("train/image", ((), None))
    schema = images_schema(
        colour=len(shape) == 4, labelled=bool(class_names), classes=len(class_names)
    )
    check_layout(header.layout, schema.fields)
    return CheckedImages(
        name=str(header.attribute("name")),
        source=str(header.attribute("source")),
        class_names=class_names,
        noun=str(header.attribute("noun")),
        remarks=_texts(header, "remarks"),
        fingerprint=str(header.attribute("fingerprint")),
        image_shape=shape[1:],
        counts={split: header.layout[f"{split}/image"][0][0] for split in SPLITS},
        header=header,
    )


def _texts(header: Header, name: str) -> tuple[str, ...]:
    values: Sequence[object] = json.loads(str(header.attribute(name)))
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidFile(f"attribute {name!r}: not a list of texts")
    return tuple(map(str, values))


@contextmanager
def open_images(path: Path, checked: CheckedImages | None = None) -> Iterator[CheckedFile]:
    """Open a staged file; the file is validated first unless `checked` is given."""
    with open_checked(path, (checked or check_images(path)).header) as file:
        yield file
