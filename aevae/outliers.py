"""Outliers made from the images of a dataset: evaluation and analysis make the same ones."""

import numpy as np
from numpy.typing import NDArray

OUTLIER_SEED = 0  # the same for every run, so that runs are comparable
# Any other name of a set of outliers is that of a dataset.
MADE_OUTLIERS = ("noise", "shuffled", "inverted", "rotated")

Images = NDArray[np.uint8]


def outliers_from(name: str, images: Images) -> Images:
    """Make one set of outliers from images.

    Parameters
    ----------
    name
        ``noise`` (as many images of uniformly random pixels), ``shuffled`` (each image's values in
        a random order), ``inverted`` (255 minus each value) or ``rotated`` (by 90 degrees; images
        that are not square are mirrored top to bottom).
    images
        Shape (N, *image_shape).

    Returns
    -------
    ndarray
        Shape (N, *image_shape).
    """
    rng = np.random.default_rng(OUTLIER_SEED)
    if name == "noise":
        return rng.integers(0, 256, images.shape, dtype=np.uint8)
    if name == "shuffled":
        flat = images.reshape(len(images), -1)
        return rng.permuted(flat, axis=1).reshape(images.shape)
    if name == "inverted":
        return 255 - images
    assert name == "rotated", name
    height, width = images.shape[1:3]
    turned = np.rot90(images, axes=(1, 2)) if height == width else images[:, ::-1]
    return np.ascontiguousarray(turned)
