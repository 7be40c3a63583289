"""Shapes of arrays: which axes are height, width and channels; limits of the size."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from aevae.data.importing.source import Array, Images, Size, Source
from aevae.errors import InputError
from aevae.files.images import MAX_SIDE, MAX_SPLIT_BYTES

VALID = "valid are (N, H, W), (N, H, W, 1), (N, 1, H, W), (N, H, W, 3) and (N, 3, H, W)"


@dataclass(frozen=True)
class Arrangement:
    """The axes of images in an array.

    Parameters
    ----------
    image_shape
        Shape of a stored image, (H, W) or (H, W, 3).
    apply
        Function that turns a block of the array into (n, H, W) or (n, H, W, 3).
    """

    image_shape: tuple[int, ...]
    apply: Callable[[Array], Array]


def arrangement(images: Images, *, transpose: bool) -> Arrangement:
    """Find the axes of the images in an array.

    Raises
    ------
    InputError
        No image has this shape, or the shape has two possible meanings.
    """
    if images.pictures:
        if transpose:
            raise InputError("--transpose is for arrays and IDX files: pictures are upright")
        return Arrangement(images.shape[1:], lambda block: block)
    upright = _upright(images)
    if not transpose:
        return upright
    height, width, *channels = upright.image_shape
    return Arrangement(
        (width, height, *channels), lambda block: np.swapaxes(upright.apply(block), 1, 2)
    )


def _upright(images: Images) -> Arrangement:
    shape = images.shape
    if len(shape) == 3:
        return Arrangement(shape[1:], lambda block: block)
    if len(shape) != 4:
        hint = "; flat images must be reshaped first" if len(shape) == 2 else ""
        raise InputError(f"{images.title}: shape {shape}{hint}; {VALID}")
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    if first and last:
        raise InputError(
            f"{images.title}: shape {shape} has channels first or last: both are possible; "
            "store (N, H, W) or (N, H, W, 3) with sides other than 1 and 3"
        )
    if not first and not last:
        hint = (
            ": a fourth channel (alpha) must be removed first" if 4 in (shape[1], shape[3]) else ""
        )
        raise InputError(f"{images.title}: shape {shape}{hint}; {VALID}")
    if first:
        return _plain(shape[2:], shape[1], lambda block: np.moveaxis(block, 1, 3))
    return _plain(shape[1:3], shape[3], lambda block: block)


def _plain(
    sides: tuple[int, ...], channels: int, channels_last: Callable[[Array], Array]
) -> Arrangement:
    if channels == 1:
        return Arrangement(sides, lambda block: channels_last(block)[..., 0])
    return Arrangement((*sides, 3), channels_last)


def arranged(
    source: Source, size: Size | None, *, transpose: bool = False
) -> tuple[dict[str, Arrangement], tuple[int, ...]]:
    """Return how the images of each part lie in their array, and the shape that all will have.

    Raises
    ------
    InputError
        The shapes have no meaning, differ, or are too large, for which no image is read.
    """
    found = {
        name: arrangement(part.images, transpose=transpose) for name, part in source.parts().items()
    }
    shape = common_shape(source, found, size)
    splits = 2 if source.test is None else 1
    for part in source.parts().values():
        # Before any row is numbered: that takes memory for as many images as the file claims.
        check_limits(part.images.title, part.images.shape[0], shape, splits)
    return found, shape


def common_shape(
    source: Source, found: Mapping[str, Arrangement], size: Size | None
) -> tuple[int, ...]:
    """Return the shape that every image will have; add a remark if images are scaled.

    Raises
    ------
    InputError
        Training and test images have different shapes.
    """
    shapes = []
    for name, part in source.parts().items():
        height, width, *channels = found[name].image_shape
        if size is not None and not part.images.pictures and size != (height, width):
            source.remarks.add(
                f"{part.images.title}: scaled from {height} x {width} to {size[0]} x {size[1]} "
                "pixels (bilinear)"
            )
        shapes.append((*(size or (height, width)), *channels))
    if len(set(shapes)) > 1:
        titles = [part.images.title for part in source.parts().values()]
        raise InputError(
            f"{titles[0]} has images of {shapes[0]}, but {titles[1]} of {shapes[1]}: "
            "all must have one shape (--size gives them one height and width)"
        )
    return shapes[0]


def check_limits(title: str, count: int, image_shape: tuple[int, ...], splits: int = 1) -> None:
    """Refuse images that are too large, or none at all, before anything is written.

    Parameters
    ----------
    title
        Names the images in messages.
    count
        Number of images. A damaged file may claim any number.
    image_shape
        Shape of each when it is staged.
    splits
        Number of splits that they will be in.

    Raises
    ------
    InputError
        There are no images, or too many, or their sides are too long.
    """
    height, width = image_shape[:2]
    if count == 0 or height == 0 or width == 0:
        raise InputError(f"{title} holds no image: its shape is {(count, *image_shape)}")
    if max(height, width) > MAX_SIDE:
        raise InputError(
            f"{title}: {height} x {width} pixels are more than the {MAX_SIDE} x {MAX_SIDE} "
            "that are allowed; --size scales the images"
        )
    size = count * math.prod(image_shape)
    holder = "a split" if splits == 1 else f"{splits} splits"
    if size > splits * MAX_SPLIT_BYTES:
        raise InputError(
            f"{title}: {count:,} images of {image_shape} are {size:,} bytes, "
            f"more than the {splits * MAX_SPLIT_BYTES:,} that {holder} may have; "
            "--size makes them smaller"
        )
