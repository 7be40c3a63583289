"""Outliers: images unlike those of the dataset, which an anomaly detector should recognise."""

from pathlib import Path

import numpy as np

from aevae.data.source_images import Images, Labels
from aevae.data.sources import Split, load_source
from aevae.errors import InputError

OUTLIER_SEED = 0  # the same for every run, so that runs are comparable


def make_outliers(name: str, test: Split, data_dir: Path) -> tuple[Images, Labels]:
    """Make one set of outliers.

    Parameters
    ----------
    name
        ``noise`` (uniformly random pixels), ``shuffled`` (each image's values in a random order),
        ``inverted`` (255 minus each value), ``rotated`` (by 90 degrees; images
        that are not square are mirrored top to bottom), or the name of another dataset (its test
        images).
    test
        The test images, from which ``shuffled``, ``inverted`` and ``rotated`` are made. ``noise``
        has the same number of images.
    data_dir
        The data folder, from which another dataset is read.

    Returns
    -------
    images : (N, *image_shape) uint8
    labels : (N,) integers
        The labels that a conditional model gets: those of `test`, or of the other dataset.

    Raises
    ------
    InputError
        A file of the other dataset is missing or damaged, or its images have another shape.
    """
    rng = np.random.default_rng(OUTLIER_SEED)
    images = test.images
    if name == "noise":
        return rng.integers(0, 256, images.shape, dtype=np.uint8), test.labels
    if name == "shuffled":
        flat = images.reshape(len(images), -1)
        return rng.permuted(flat, axis=1).reshape(images.shape), test.labels
    if name == "inverted":
        return 255 - images, test.labels
    if name == "rotated":
        height, width = images.shape[1:3]
        turned = np.rot90(images, axes=(1, 2)) if height == width else images[:, ::-1]
        return np.ascontiguousarray(turned), test.labels
    other = load_source(name, data_dir)
    if other.test_images.shape[1:] != images.shape[1:]:
        raise InputError(other_shape(name, other.facts.image_shape, images.shape[1:]))
    return other.test_images, other.test_labels


def other_shape(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Return the message that a dataset cannot serve as outliers, as its images differ in shape."""
    return f"{name} cannot serve as outliers: its image shape is {found}, not {wanted}"
