"""A dataset as its source has it, and what tells it from others."""

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
    """SHA-256 of the images and labels of a dataset, whatever container they came in."""
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
