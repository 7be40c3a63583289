"""Pictures of images: sheets, folders of PNG files, and animations. Pillow draws them."""

import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from aevae.data.lettering import font, shortened, widest
from aevae.errors import InputError
from aevae.files.atomic import publish

MOST_ON_SHEET = 10_000
LONGEST_ROW = 50
MOST_NAMED_ROWS = 100  # rows of a sheet that have a name
LEAST_SIDE = 48  # pixels of an image; smaller ones are enlarged
FEW = 400  # images on a sheet; if there are more, none is enlarged
GAP = 2
FRAME_MS = 120  # duration of a frame of an animation
PAUSE_MS = 600  # at both ends

Pixels = NDArray[np.uint8]


def write_sheet(path: Path, images: Pixels, columns: int, names: Sequence[str] = ()) -> None:
    """Draw images row by row on a PNG sheet.

    Parameters
    ----------
    path
        The PNG file.
    images
        (N, H, W) or (N, H, W, 3).
    columns
        Images in a row.
    names
        Name of each row; none are drawn if there are too many.
    """
    height, width = images.shape[1:3]
    zoom = _zoom(height, width) if len(images) <= FEW else 1
    shown = [shortened(name) for name in names] if len(names) <= MOST_NAMED_ROWS else []
    margin = GAP + (widest(shown) + 2 * GAP if shown else 0)
    step_x, step_y = width * zoom + GAP, height * zoom + GAP
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", (margin + columns * step_x, GAP + rows * step_y), "white")
    draw = ImageDraw.Draw(sheet)
    for row, name in enumerate(shown):
        draw.text((2 * GAP, GAP + row * step_y), name, fill="black", font=font())
    for at, pixels in enumerate(images):
        corner = margin + at % columns * step_x, GAP + at // columns * step_y
        sheet.paste(_enlarged(pixels, zoom), corner)
    _save(path, sheet)


def columns_of(count: int, classes: Sequence[int] = ()) -> int:
    """Return how many images a row of a sheet has: those of a class, or about a square."""
    of_each = set(Counter(classes).values())
    if len(of_each) == 1 and (each := of_each.pop()) < count and each <= LONGEST_ROW:
        return each
    return math.ceil(math.sqrt(count))


def write_animation(path: Path, images: Pixels) -> None:
    """Write images as the frames of a GIF that goes there and back without end."""
    zoom = _zoom(*images.shape[1:3])
    frames = [_enlarged(pixels, zoom) for pixels in (*images, *images[-2:0:-1])]
    ends = (0, len(images) - 1)
    durations = [PAUSE_MS if at in ends else FRAME_MS for at in range(len(frames))]
    content = io.BytesIO()
    frames[0].save(
        content, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )
    _publish(path, content)


@dataclass
class PictureFolder:
    """A new folder of PNG files, numbered in their order, with a folder for each class.

    The folder has the form that `aevae data add` reads.
    """

    root: Path
    count: int
    class_names: Sequence[str] = ()
    written: int = 0

    def __post_init__(self) -> None:
        if self.root.exists() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise InputError(f"{self.root} exists and is no empty folder: --to takes a new one")
        # A name such as a/b cannot be that of a folder; then all folders have numbers.
        if not all(_is_file_name(name) for name in self.class_names):
            self.class_names = [str(number) for number in range(len(self.class_names))]

    def add(self, images: Pixels, classes: Sequence[int] | None = None) -> None:
        """Write the next images; `classes` are their numbers in `class_names`."""
        digits = len(str(self.count - 1))
        try:
            self.root.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {self.root}: {error.strerror or error}") from None
        for at, pixels in enumerate(images):
            folder = self.root
            if classes is not None and self.class_names:
                folder /= self.class_names[classes[at]]
                folder.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / f"{self.written:0{digits}d}.png")
            self.written += 1


def _is_file_name(name: str) -> bool:
    return name == Path(name).name and not name.startswith(".") and len(name) < 100


def _zoom(height: int, width: int) -> int:
    return max(1, -(-LEAST_SIDE // max(height, width)))


def _enlarged(pixels: Pixels, zoom: int) -> Image.Image:
    image = Image.fromarray(pixels)
    return image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)


def _save(path: Path, sheet: Image.Image) -> None:
    content = io.BytesIO()
    sheet.save(content, "PNG")
    _publish(path, content)


def _publish(path: Path, content: io.BytesIO) -> None:
    try:
        publish(path, lambda file: file.write(content.getvalue()))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
