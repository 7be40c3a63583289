"""Images that are not digits of the dataset, which an anomaly detector should recognise."""

from pathlib import Path

import numpy as np

from aevae.data.sources import Images, Labels, Split, load_source

OUTLIER_SEED = 0  # every run gets the same sets, so that runs are comparable


def make_outliers(name: str, test: Split, data_dir: Path) -> tuple[Images, Labels]:
    """Make one set of outliers.

    Parameters
    ----------
    name
        ``noise`` (uniformly random pixels), ``shuffled`` (each image's pixels in a random order),
        ``inverted`` (255 minus each pixel), ``rotated`` (by 90 degrees), or ``fashion-mnist`` (its
        test images).
    test
        The test images, from which ``shuffled``, ``inverted`` and ``rotated`` are made; ``noise``
        has as many images.
    data_dir
        The data folder, from which Fashion-MNIST is read.

    Returns
    -------
    images : (N, 28, 28) uint8
    labels : (N,) uint8
        The labels that a conditional model gets: those of `test` or, for ``fashion-mnist``, the
        labels of Fashion-MNIST.

    Raises
    ------
    InputError
        A file of Fashion-MNIST is missing or has a wrong checksum.
    ValueError
        No set has this name.
    """
    rng = np.random.default_rng(OUTLIER_SEED)
    images = test.images
    if name == "fashion-mnist":
        fashion = load_source(name, data_dir)
        return fashion.test_images, fashion.test_labels
    if name == "noise":
        return rng.integers(0, 256, images.shape, dtype=np.uint8), test.labels
    if name == "shuffled":
        flat = images.reshape(len(images), -1)
        return rng.permuted(flat, axis=1).reshape(images.shape), test.labels
    if name == "inverted":
        return 255 - images, test.labels
    if name == "rotated":
        return np.ascontiguousarray(np.rot90(images, axes=(1, 2))), test.labels
    raise ValueError(f"no outlier set is called {name!r}")
