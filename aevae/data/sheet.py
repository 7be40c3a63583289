"""A picture of a dataset: some images of each class, a row per class."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from aevae.data.lettering import LINE, font, shortened, widest
from aevae.data.summary import Summary
from aevae.errors import InputError
from aevae.files.atomic import publish

PER_CLASS = 10
MOST_ROWS = 100
LEAST_SIDE = 48  # pixels of an image on the sheet; smaller images are enlarged
GAP = 4


def write_sheet(path: Path, summary: Summary) -> int:
    """Draw the first ten training images of each class; return how many classes were left out.

    If the images have no labels, the first hundred are drawn.

    Raises
    ------
    InputError
        The name of the file does not end in .png, or the file cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"--picture takes a file that ends in .png, got {path}")
    names, rows = _choose(summary)
    wanted = np.unique(np.concatenate(rows))
    images = dict(zip(wanted.tolist(), summary.training_images(wanted), strict=True))
    sheet = _draw(names, [[images[i] for i in row.tolist()] for row in rows])
    content = io.BytesIO()
    sheet.save(content, "PNG")
    try:
        publish(path, lambda file: file.write(content.getvalue()))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    return max(0, len(summary.class_names) - MOST_ROWS)


def _choose(summary: Summary) -> tuple[list[str], list[NDArray[np.int64]]]:
    """Return a name and the training images of each row."""
    if not summary.class_names:
        count = min(summary.counts["train"], PER_CLASS * PER_CLASS)
        rows = [np.arange(i, min(i + PER_CLASS, count)) for i in range(0, count, PER_CLASS)]
        return [""] * len(rows), rows
    labels = summary.labels["train"]
    names = list(summary.class_names[:MOST_ROWS])
    return names, [np.flatnonzero(labels == i)[:PER_CLASS] for i in range(len(names))]


def _draw(names: list[str], rows: list[list[NDArray[np.uint8]]]) -> Image.Image:
    height, width = rows[0][0].shape[:2]
    zoom = max(1, -(-LEAST_SIDE // max(height, width)))
    shown = [shortened(name) for name in names]
    margin = 2 * GAP + widest(shown)
    step_x, step_y = width * zoom + GAP, max(height * zoom, LINE) + GAP
    sheet = Image.new("RGB", (margin + PER_CLASS * step_x, GAP + len(rows) * step_y), "white")
    draw = ImageDraw.Draw(sheet)
    for y, (name, images) in enumerate(zip(shown, rows, strict=True)):
        top = GAP + y * step_y
        draw.text((GAP, top), name, fill="black", font=font())
        for x, pixels in enumerate(images):
            size = (width * zoom, height * zoom)
            tile = Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)
            sheet.paste(tile, (margin + x * step_x, top))
    return sheet
