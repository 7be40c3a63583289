"""Names of classes on a picture: the font, and how long a name may be."""

from PIL import ImageFont

LETTER = 7  # approximate width of a letter in pixels
LONGEST_NAME = 24


def font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Return DejaVu Sans where the system has it; the font of Pillow only has English letters."""
    try:
        return ImageFont.truetype("DejaVuSans.ttf", 11)
    except OSError:
        return ImageFont.load_default()


def shortened(name: str) -> str:
    """Return a name with at most `LONGEST_NAME` letters."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."
