"""Outliers: images unlike those of the dataset, which an anomaly detector should recognise."""

from pathlib import Path

from aevae.data.source_images import Images, Labels
from aevae.data.sources import Split, load_source
from aevae.errors import InputError
from aevae.outliers import MADE_OUTLIERS, outliers_from


def make_outliers(name: str, test: Split, data_dir: Path) -> tuple[Images, Labels]:
    """Make one set of outliers.

    Parameters
    ----------
    name
        One of those that are made from the test images (`aevae.outliers`), or the name of another
        dataset (its test images).
    test
        The test images.
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
    if name in MADE_OUTLIERS:
        return outliers_from(name, test.images), test.labels
    other = load_source(name, data_dir)
    wanted = test.images.shape[1:]
    if other.test_images.shape[1:] != wanted:
        raise InputError(other_shape(name, other.facts.image_shape, wanted))
    return other.test_images, other.test_labels


def other_shape(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Return the message that a dataset cannot serve as outliers, as its images differ in shape."""
    return f"{name} cannot serve as outliers: its image shape is {found}, not {wanted}"
