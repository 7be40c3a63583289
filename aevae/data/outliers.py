"""Images that are no digits of the training set: what an anomaly detector should notice."""

from pathlib import Path

import numpy as np

from aevae.data.sources import Images, Labels, Split, load_source

OUTLIER_SEED = 0  # the same sets for every run, so that runs are comparable


def make_outliers(name: str, test: Split, data_dir: Path) -> tuple[Images, Labels]:
    """Make one set of outliers.

    Parameters
    ----------
    name
        ``noise`` (uniform pixels), ``shuffled`` (each image's pixels in a random order),
        ``inverted`` (white for black), ``rotated`` (by 90 degrees), ``fashion-mnist``.
    test
        The test images, from which most sets are made.
    data_dir
        Where Fashion-MNIST is staged.

    Returns
    -------
    images : (N, 28, 28) uint8
    labels : (N,) uint8
        What a conditional model is told: the label of the image it was made from.

    Raises
    ------
    InputError
        Fashion-MNIST is not staged.
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
