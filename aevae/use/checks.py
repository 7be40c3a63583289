"""Checks of the arrays that a user passes to a model; each error is one line."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aevae.config import RunConfig
from aevae.errors import InputError
from aevae.models.plain import Floats

Labels = int | str | Sequence[int] | Sequence[str] | NDArray[np.integer]
"""One class for all images, or the class of each: a number from 0, or a name."""

SLACK = 1e-6  # intensities may be below 0 or above 1 by this much, because of rounding
MOST_NAMES = 10  # of classes in a message


def intensities(images: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return images as (N, V) intensities in [0, 1].

    Parameters
    ----------
    images
        (N, *shape): uint8 from 0 to 255, or floating-point numbers from 0 to 1.
    shape
        Shape of an image.

    Raises
    ------
    InputError
        The shape, type or range is another.
    """
    given = as_array(images, "images")
    if given.ndim == 0 or given.shape[1:] != shape:
        wanted = ", ".join(map(str, ("N", *shape)))
        raise InputError(f"images have the shape {given.shape}; the model takes ({wanted})")
    flat: Floats = given.reshape(len(given), math.prod(shape))
    if given.dtype == np.uint8:
        return flat.astype(np.float32) / np.float32(255)
    if given.dtype.kind != "f":
        raise InputError(
            f"images have the type {given.dtype}; valid are uint8 (0 to 255) and floats (0 to 1)"
        )
    if flat.size and not (flat.min() >= -SLACK and flat.max() <= 1 + SLACK):
        raise InputError(
            f"images have values from {flat.min():g} to {flat.max():g}; floats must be from 0 to 1"
        )
    clipped: Floats = np.clip(flat, 0, 1).astype(np.float32)
    return clipped


def codes(z: ArrayLike, latent_size: int) -> Floats:
    """Return codes as (N, d) float32.

    Raises
    ------
    InputError
        The shape or type is another, or a number is not finite.
    """
    given = as_array(z, "z")
    if given.ndim != 2 or given.shape[1] != latent_size:
        raise InputError(f"z has the shape {given.shape}; the model takes (N, {latent_size})")
    if given.dtype.kind not in "fiu":
        raise InputError(f"z has the type {given.dtype}; valid are numbers")
    if not np.all(np.isfinite(given)):
        raise InputError("z has numbers that are not finite")
    return given.astype(np.float32)


def classes(labels: Labels | None, count: int, config: RunConfig) -> NDArray[np.int64] | None:
    """Return the class of each image, (N,) from 0; None for a model that takes no classes.

    Raises
    ------
    InputError
        A class is missing, unknown or out of range; or the model takes none.
    """
    title, known = config.model.traits.title, config.data.class_names
    if not config.model.traits.conditional:
        if labels is not None:
            raise InputError(f"the {title} takes no class: only a conditional model does")
        return None
    if labels is None:
        raise InputError(f"the {title} needs the class of each image; valid are {listed(known)}")
    given = as_array(labels, "labels")
    if given.ndim == 0:
        return np.full(count, class_number(given.item(), known))
    if given.shape != (count,):
        raise InputError(f"labels have the shape {given.shape}; there are {count} images")
    if count and given.dtype.kind not in "iuU":
        raise InputError(f"labels have the type {given.dtype}; valid are whole numbers and names")
    different, which = np.unique(given, return_inverse=True)
    return np.array([class_number(label, known) for label in different.tolist()], int)[which]


def class_number(label: int | str, known: Sequence[str]) -> int:
    """Return the number of a class that is given by its number or its name.

    Raises
    ------
    InputError
        There is no such class.
    """
    if isinstance(label, str) and label in known:
        return known.index(label)
    if type(label) is int and 0 <= label < len(known):  # no bool, which is an int too
        return label
    raise InputError(f"the model knows no class {label!r}; valid are {listed(known)}")


def listed(known: Sequence[str]) -> str:
    """List the names of classes, shortened if there are many."""
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return ", ".join(known[:MOST_NAMES]) + more


def rate(false_positive_rate: float, images: int) -> None:
    """Check a false-positive rate against the number of validation images.

    Raises
    ------
    InputError
        The rate is not between 0 and 1, or so small that no image could be flagged.
    """
    least = 1 / (images + 1)
    number(false_positive_rate, "false_positive_rate")
    if not least <= false_positive_rate < 1:
        scale = 10 ** (1 - math.floor(math.log10(least)))  # of two digits
        shown = math.ceil(scale * least) / scale  # rounded up, so that this rate may be given
        raise InputError(
            f"the false-positive rate must be at least {shown:g} (1 in {images + 1:,}, because "
            f"there are {images:,} validation images) and below 1, got {false_positive_rate:g}; "
            "--false-positive-rate sets it"
        )


def at_least(least: int, given: int, what: str) -> None:
    """Check that a whole number is large enough.

    Raises
    ------
    InputError
        It is less than `least`, or no whole number.
    """
    if not isinstance(given, int | np.integer):
        raise InputError(f"{what} must be a whole number, got {given!r}")
    if given < least:
        raise InputError(f"{what} must be at least {least}, got {given}")


def number(given: float, what: str) -> None:
    """Check that something is a number.

    Raises
    ------
    InputError
        It is none.
    """
    if not isinstance(given, int | float | np.number):
        raise InputError(f"{what} must be a number, got {given!r}")


def as_array(values: ArrayLike, what: str) -> NDArray[Any]:
    """Return values as an array; rows of different lengths are none."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(f"{what} are no array: {error}") from None
