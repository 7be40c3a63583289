"""What a judge is trained on: images of the classes, and images that show none of them.

A classifier that knows ten digits only takes the mean of all digits for an 8, and uniform noise for
a 3, and is sure of both. So a judge has a further class, none, and is trained with blends of images
of several classes and with blots as examples of it. Blends and blots are soft and pale; images are
blurred and made pale too, so that softness does not tell the classes apart.
"""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array

from aevae.files.hdf5 import Array
from analysis.maths.metrics import Labels

BLENDED = (2, 3, 4, 5, 6, 7, 8)  # images in a blend
BLURS = (0.0, 0.5, 1.0, 1.5)  # standard deviations in pixels
TURN, STRETCH, SHIFT = np.radians(8), 0.08, 1 / 28  # most that an image is moved; of its side
MOVES, ALIKE = 100, 50  # different ones in an epoch at most; images moved alike at least
AUGMENTATION_VERSION = 1  # raised whenever a function here is changed so that it gives other images
LEAST_IMAGES = 4 * len(BLENDED)  # fewer give no blend of every size


def augment(
    rows: Array,
    labels: Labels,
    classes: int,
    image_shape: tuple[int, ...],
    rng: np.random.Generator,
) -> tuple[Array, Labels]:
    """Make the training set from images (N, V) in [0, 1] and their labels (N,).

    Half of the images are made blurred and paler. Blends of images of different classes and blots
    (blurred images whose values were shuffled) are added with the label of none, `classes`, and
    are varied in the same way. In colour, every channel is blurred by itself.
    """
    order = rng.permutation(len(rows))
    half, eighth = len(rows) // 2, len(rows) // 8
    known = rows.copy()
    known[order[:half]] = _vary(rows[order[:half]], rng, image_shape)
    blots = _blur(rng.permuted(rows[order[:eighth]], axis=1), BLURS[1], image_shape)
    others = _vary(np.concatenate([*_blends(rows, labels, rng), blots]), rng, image_shape)
    targets = np.append(labels.astype(np.intp), np.full(len(others), classes))
    return np.concatenate([known, others]), targets


def _blends(rows: Array, labels: Labels, rng: np.random.Generator) -> list[Array]:
    """Average several images, not all of one class: a quarter as many blends as images."""
    blends = []
    for count in BLENDED:
        members = rng.integers(len(rows), size=(len(rows) // (4 * len(BLENDED)), count))
        differ = (labels[members] != labels[members[:, :1]]).any(axis=1)
        blends.append(rows[members[differ]].mean(axis=1))
    return blends


def _vary(rows: Array, rng: np.random.Generator, image_shape: tuple[int, ...]) -> Array:
    """Blur images (N, V), each by one of `BLURS`, and scale their greatest intensity."""
    varied = np.empty_like(rows)
    kind = rng.integers(len(BLURS), size=len(rows))
    for place, sigma in enumerate(BLURS):
        varied[kind == place] = _blur(rows[kind == place], sigma, image_shape)
    peak = np.maximum(varied.max(axis=1, keepdims=True), 1e-6)
    varied *= rng.uniform(0.5, 1, peak.shape).astype(rows.dtype) / peak
    return varied


def _blur(rows: Array, sigma: float, image_shape: tuple[int, ...]) -> Array:
    images = rows.reshape(-1, *image_shape)
    sigmas = (0, sigma, sigma, 0)[: images.ndim]
    return gaussian_filter(images, sigmas).reshape(rows.shape)


def moved(rows: Array, image_shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Turn, stretch and shift images (N, V) a little, groups of them alike."""
    result = np.empty_like(rows)
    pixels = image_shape[0] * image_shape[1]
    groups = min(MOVES, max(len(rows) // ALIKE, 1))
    for part in np.array_split(rng.permutation(len(rows)), groups):
        by_pixel = rows[part].reshape(len(part), pixels, -1).swapaxes(0, 1)
        found = _move(image_shape, rng) @ by_pixel.reshape(pixels, -1)
        result[part] = found.reshape(by_pixel.shape).swapaxes(0, 1).reshape(len(part), -1)
    return result


def _move(image_shape: tuple[int, ...], rng: np.random.Generator) -> csr_array:
    """Draw a move of the H x W pixels of images: the matrix (HW, HW) of its interpolation."""
    size = np.array(image_shape[:2])
    angle, stretch = rng.uniform(-TURN, TURN), 1 + rng.uniform(-STRETCH, STRETCH, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * stretch
    centre, shift = (size - 1) / 2, rng.uniform(-SHIFT, SHIFT, 2) * size
    places = np.indices(image_shape[:2]).reshape(2, -1).T
    sources = (places - centre + shift) @ turn.T + centre
    corner = np.floor(sources).astype(np.intp)
    weights, rows, columns = [], [], []
    for step in np.ndindex(2, 2):
        near = corner + step
        inside = np.flatnonzero(((near >= 0) & (near < size)).all(axis=1))
        weights.append((1 - abs(sources - near)).prod(axis=1)[inside])
        rows.append(inside)
        columns.append(near[inside] @ (size[1], 1))
    entries = np.concatenate(weights).astype(np.float32)
    at = np.concatenate(rows), np.concatenate(columns)
    return csr_array((entries, at), shape=(len(sources), len(sources)))
