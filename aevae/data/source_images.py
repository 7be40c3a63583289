"""A dataset before its split into training and validation, and its fingerprint."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aevae.datasets import ImageSet

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8] | NDArray[np.uint16]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class SourceImages:
    """A dataset before validation images are split off its training images.

    Images are (N, *image_shape) uint8, labels (N,) uint8 or uint16, and an index is (N,) int64: the
    row of each image in the source. Images without labels all have the label 0.
    """

    facts: ImageSet
    source: str
    sha256: Mapping[str, str]
    train_images: Images
    train_labels: Labels
    train_index: Index
    test_images: Images
    test_labels: Labels
    test_index: Index


def fingerprint(source: SourceImages) -> str:
    """Return the SHA-256 of the images and labels of a dataset, hexadecimal.

    The same images and labels have the same fingerprint, whatever file they were read from.
    """
    digest = hashlib.sha256()
    labelled = bool(source.facts.class_names)
    for array, counts in (
        (source.train_images, True),
        (source.train_labels, labelled),
        (source.test_images, True),
        (source.test_labels, labelled),
    ):
        if not counts:
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
