"""Datasets made from the images in scikit-learn, which need no download.

``digits`` has 1,797 handwritten digits of 8x8 pixels, scaled to 28x28. ``sample-patches`` has
squares of 32x32 pixels in colour from two photographs, of a temple and of a flower.
"""

import hashlib
from collections.abc import Sequence
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
    # The fingerprint is computed, because another version of scikit-learn may have other images.
    return replace(raw, facts=replace(raw.facts, fingerprint=fingerprint(raw)))


def _enlarge(images: NDArray[np.float64]) -> Images:
    """Scale (N, 8, 8) intensities in [0, 1] to (N, 28, 28) uint8 by bilinear interpolation."""
    size, target = images.shape[-1], 28
    centres = (np.arange(target) + 0.5) * size / target - 0.5
    weights = np.stack([np.interp(centres, np.arange(size), row) for row in np.eye(size)], axis=1)
    scaled = np.einsum("ij,njk,lk->nil", weights, images, weights)
    pixels: Images = np.rint(scaled * 255).astype(np.uint8)
    return pixels


PATCH, STEP = 32, 8
TEST_WIDTH = 160  # pixels at the right edge of each photograph, used for test images only


def _load_patches() -> SourceImages:
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    train, test = [], []
    for photograph in photographs:
        width = photograph.shape[1] - TEST_WIDTH
        train.append(_patches(photograph[:, :width]))
        test.append(_patches(photograph[:, width:]))
    raw = SourceImages(
        BUILT_IN["sample-patches"],
        f"squares of {PATCH} pixels from scikit-learn load_sample_images",
        {"load_sample_images": hashlib.sha256(np.stack(photographs).tobytes()).hexdigest()},
        np.concatenate(train),
        _labels(train),
        _rows(train),
        np.concatenate(test),
        _labels(test),
        _rows(test),
    )
    return replace(raw, facts=replace(raw.facts, fingerprint=fingerprint(raw)))


def _patches(photograph: Images) -> Images:
    """Cut a photograph (H, W, 3) into overlapping squares, (N, 32, 32, 3), row by row."""
    squares = np.lib.stride_tricks.sliding_window_view(photograph, (PATCH, PATCH), axis=(0, 1))
    chosen = squares[::STEP, ::STEP].reshape(-1, 3, PATCH, PATCH)
    return np.ascontiguousarray(chosen.transpose(0, 2, 3, 1))


def _labels(parts: Sequence[Images]) -> NDArray[np.uint8]:
    """Return the number of the photograph that each square comes from."""
    return np.repeat(np.arange(len(parts), dtype=np.uint8), [len(part) for part in parts])


def _rows(parts: Sequence[Images]) -> NDArray[np.int64]:
    """Return the number of each square within its photograph, from 0."""
    return np.concatenate([np.arange(len(part)) for part in parts])


PACKAGED = {"digits": _load_digits, "sample-patches": _load_patches}
