"""Pictures in files: what Pillow reads of them, and how it becomes grey or RGB."""

import numpy as np
from PIL import Image

from aevae.data.importing.source import Array, Size

SCALING = Image.Resampling.BILINEAR


def resized(pixels: Array, size: Size) -> Array:
    """Scale (n, H, W) or (n, H, W, 3) uint8 images."""
    height, width = size
    scaled = [Image.fromarray(image).resize((width, height), SCALING) for image in pixels]
    return np.stack([np.asarray(image) for image in scaled])
