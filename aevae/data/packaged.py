"""Datasets made from what comes with scikit-learn, which need no download.

``digits`` are its 1,797 real 8x8 digits, scaled to 28x28.
"""

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aevae.data.source_images import Images, SourceImages, fingerprint
from aevae.datasets import BUILT_IN


def _load_digits() -> SourceImages:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    labels = digits.target.astype(np.uint8)
    images = _enlarge(digits.images / 16)
    train, test = train_test_split(
        np.arange(len(labels)), test_size=0.2, random_state=0, stratify=labels
    )
    raw = SourceImages(
        BUILT_IN["digits"],
        "scikit-learn load_digits, scaled to 28x28",
        {"load_digits": hashlib.sha256(digits.data.astype("<f8").tobytes()).hexdigest()},
        images[train],
        labels[train],
        train,
        images[test],
        labels[test],
        test,
    )
    # Another version of scikit-learn could have other images.
    return replace(raw, facts=replace(raw.facts, fingerprint=fingerprint(raw)))


def _enlarge(images: NDArray[np.float64]) -> Images:
    """Scale (N, 8, 8) intensities in [0, 1] to (N, 28, 28) uint8 by bilinear interpolation."""
    size, target = images.shape[-1], 28
    centres = (np.arange(target) + 0.5) * size / target - 0.5
    weights = np.stack([np.interp(centres, np.arange(size), row) for row in np.eye(size)], axis=1)
    scaled = np.einsum("ij,njk,lk->nil", weights, images, weights)
    pixels: Images = np.rint(scaled * 255).astype(np.uint8)
    return pixels


PACKAGED = {"digits": _load_digits}
