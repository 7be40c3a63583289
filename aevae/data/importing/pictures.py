"""Picture files: what Pillow reads of them, and how it becomes grey or RGB uint8."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import fsencode
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from aevae.data.importing.source import Array, Size
from aevae.data.importing.values import from_uint16
from aevae.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
MAX_PIXELS = 1 << 25  # a few bytes of a file can declare any number
SCALING = Image.Resampling.BILINEAR
ORIENTATION = 0x0112  # the tag of EXIF; 1 is upright
ON_THE_SIDE = (5, 6, 7, 8)
GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L")
COLOUR = ("RGB", "RGBA", "P", "PA")
VALID = "valid are grey (1, 8 or 16 bits) and RGB pictures, with a palette or without"


@dataclass(frozen=True)
class Looks:
    """What the header of a picture says.

    Parameters
    ----------
    size
        Height and width when it is upright.
    colour
        Whether it is RGB, or has a palette.
    """

    size: Size
    colour: bool


def look(path: Path) -> Looks:
    """Read the header of a picture.

    Raises
    ------
    InputError
        It is damaged, of a kind that is not read, or too large.
    """
    with _opened(path) as image:
        width, height = image.size
        # Pillow turns TIFF files itself; of PNG files it would read all to find the tag.
        unknown = image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info)
        if not unknown and image.getexif().get(ORIENTATION) in ON_THE_SIDE:
            width, height = height, width
        return Looks((height, width), image.mode in COLOUR)


def decode(path: Path, size: Size, *, colour: bool) -> tuple[Array, list[str]]:
    """Read a picture; return it as uint8, (H, W) or (H, W, 3), and what was changed.

    Parameters
    ----------
    path
        The picture.
    size
        Height and width that it is scaled to.
    colour
        Whether to give it three channels.

    Raises
    ------
    InputError
        It is damaged, transparent, or holds several pictures.
    """
    with _opened(path) as image:
        notes = _notes(image)
        turned = image.getexif().get(ORIENTATION, 1) if image.format == "TIFF" else 1
        image.load()
        frames = getattr(image, "n_frames", 1)
        # Some cameras write a smaller copy behind a JPEG picture, which Pillow then calls MPO.
        if frames > 1 and image.format != "MPO":
            raise InputError(f"{shown(path)} holds {frames} pictures: valid is one a file")
        opaque = _without_alpha(path, image, notes)
        if image.format != "TIFF":
            turned = image.getexif().get(ORIENTATION, 1)
            opaque = ImageOps.exif_transpose(opaque)
        if turned != 1:
            notes.append("pictures were turned as their EXIF orientation says ({count})")
        plain = _eight_bits(opaque, notes)
        if plain.size != (size[1], size[0]):
            plain = plain.resize((size[1], size[0]), SCALING)
        return np.asarray(plain.convert("RGB" if colour else "L")), notes


def resized(pixels: Array, size: Size) -> Array:
    """Scale (n, H, W) or (n, H, W, 3) uint8 images."""
    height, width = size
    scaled = [Image.fromarray(image).resize((width, height), SCALING) for image in pixels]
    return np.stack([np.asarray(image) for image in scaled])


def shown(path: Path) -> str:
    """Return a path for a message; bytes that are no UTF-8 cannot be printed."""
    return fsencode(path).decode(errors="backslashreplace")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture of a kind that is read; whatever is wrong with it is one line."""
    try:
        if not path.is_file():
            raise InputError(f"{shown(path)} is no file, or a link to nothing")
        with Image.open(path, formats=FORMATS) as image:
            kinds = (*GREY, *COLOUR, *(["I"] if image.format == "PNG" else []))
            if image.mode not in kinds:
                raise InputError(f"{shown(path)} has the colour mode {image.mode}; {VALID}")
            if math.prod(image.size) > MAX_PIXELS:
                raise InputError(_too_large(path))
            yield image
    except InputError:
        raise
    except Image.DecompressionBombError:
        raise InputError(_too_large(path)) from None
    except Exception as error:  # noqa: BLE001 - Pillow raises anything at all on damaged files
        said = " ".join(str(getattr(error, "strerror", None) or error).split())
        if isinstance(error, UnidentifiedImageError):
            said = "no PNG, JPEG, TIFF or BMP picture"
        raise InputError(f"{shown(path)} cannot be read ({said})") from None


def _too_large(path: Path) -> str:
    return f"{shown(path)} has more than the {MAX_PIXELS:,} pixels that are possible"


def _notes(image: Image.Image) -> list[str]:
    """Return what Pillow itself changes while it reads a picture."""
    notes = []
    if image.mode in ("P", "PA"):
        notes.append("pictures with a palette became RGB ({count})")
    if image.mode == "1":
        notes.append("pictures of 1 bit became 0 and 255 ({count})")
    tiles = getattr(image, "tile", [])
    if image.mode in ("RGB", "RGBA", "LA") and any("16" in str(tile[3]) for tile in tiles):
        notes.append("pictures of 16 bits a channel kept the upper 8 bits ({count})")
    return notes


def _without_alpha(path: Path, image: Image.Image, notes: list[str]) -> Image.Image:
    """Return a picture without its alpha channel, which must be opaque everywhere."""
    transparent = image.info.get("transparency")
    if image.mode not in ("LA", "RGBA", "PA") and transparent is None:
        return image
    if image.mode.startswith("I"):
        opaque = not np.any(np.asarray(image) == transparent)
    else:
        alpha = image.convert("RGBA").getchannel("A")
        opaque = alpha.getextrema() == (255, 255)
    if not opaque:
        raise InputError(f"{shown(path)} is transparent in places: lay it on a background first")
    notes.append("pictures lost an alpha channel that was opaque everywhere ({count})")
    if image.mode.startswith("I"):
        return image
    return image.convert("L" if image.mode in GREY else "RGB")


def _eight_bits(image: Image.Image, notes: list[str]) -> Image.Image:
    if not image.mode.startswith("I"):
        return image.convert("L" if image.mode in GREY else "RGB")
    notes.append("pictures of 16 bits were scaled from 0..65535 to 0..255 ({count})")
    return Image.fromarray(from_uint16(np.asarray(image)))
