"""Names of classes on a picture: the font, and how long a name may be."""

import math
from collections.abc import Sequence
from functools import cache

from PIL import ImageFont

LINE = 14  # pixels from one line to the next
LONGEST_NAME = 24


@cache
def font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Return DejaVu Sans where the system has it; the font of Pillow only has English letters."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", 11)
    except OSError:
        return ImageFont.load_default()


def widest(names: Sequence[str]) -> int:
    """Return the width of the widest name in pixels; 0 if there is none."""
    return math.ceil(max((font().getlength(name) for name in names), default=0))


def shortened(name: str) -> str:
    """Return a name with at most `LONGEST_NAME` letters."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."
