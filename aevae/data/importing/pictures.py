"""Picture files: Pillow reads them, and this module turns them into grey or RGB uint8 images."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from aevae.data.importing.source import Array, Size, shown
from aevae.data.importing.values import from_uint16
from aevae.errors import InputError

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
MAX_PIXELS = 1 << 25  # a file of a few bytes can declare any number of pixels
SCALING = Image.Resampling.BILINEAR
ORIENTATION = 0x0112  # EXIF tag; its value is 1 for an upright picture
ON_THE_SIDE = (5, 6, 7, 8)  # orientations that exchange height and width
GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L")
COLOUR = ("RGB", "RGBA", "P", "PA")
VALID = "valid are grey (1, 8 or 16 bits) and RGB pictures, with a palette or without"


@dataclass(frozen=True)
class Looks:
    """Size and colour of a picture, read from its header.

    Parameters
    ----------
    size
        Height and width of the upright picture, in pixels.
    colour
        Whether the picture is RGB or has a palette.
    """

    size: Size
    colour: bool


def look(path: Path) -> Looks:
    """Read the header of a picture.

    Raises
    ------
    InputError
        The picture is damaged, has a format or colour mode that is not supported, or is too large.
    """
    with _opened(path) as image:
        width, height = image.size
        # Pillow turns TIFF pictures itself. To find the tag of a PNG file, it would read all of it.
        unknown = image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info)
        if not unknown and image.getexif().get(ORIENTATION) in ON_THE_SIDE:
            width, height = height, width
        return Looks((height, width), image.mode in COLOUR)


def decode(path: Path, size: Size, *, colour: bool) -> tuple[Array, list[str]]:
    """Read a picture; return it as uint8, (H, W) or (H, W, 3), with remarks on what was changed.

    Parameters
    ----------
    path
        File of the picture.
    size
        Height and width in pixels that the picture is scaled to.
    colour
        Whether to return three channels.

    Raises
    ------
    InputError
        The file is damaged, transparent, or holds several pictures.
    """
    with _opened(path) as image:
        notes = _notes(image)
        turned = image.getexif().get(ORIENTATION, 1) if image.format == "TIFF" else 1
        image.load()
        frames = getattr(image, "n_frames", 1)
        # Some cameras append a smaller copy to a JPEG picture. Pillow calls this format MPO.
        if frames > 1 and image.format != "MPO":
            raise InputError(f"{shown(path)} holds {frames} pictures: a file must hold one")
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


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture of a supported format; any error is one line that names the file."""
    try:
        if not path.is_file():
            raise InputError(f"{shown(path)} is not a file, or is a link to a missing file")
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
    except Exception as error:  # noqa: BLE001 - Pillow may raise any error on damaged files
        said = " ".join(str(getattr(error, "strerror", None) or error).split())
        if isinstance(error, UnidentifiedImageError):
            said = "not a PNG, JPEG, TIFF or BMP picture"
        raise InputError(f"{shown(path)} cannot be read ({said})") from None


def _too_large(path: Path) -> str:
    return f"{shown(path)} has more than {MAX_PIXELS:,} pixels, which is the limit"


def _notes(image: Image.Image) -> list[str]:
    """Return remarks on the changes that Pillow makes while it reads a picture."""
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
