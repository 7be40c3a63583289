"""Blocks of image tiles side by side, one column of blocks per model."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.parts import style, tiles

BLOCKS, GAP_INCHES = 3, 0.12  # blocks that fill the width of a page, and between them


def block_figure(
    lines: Sequence[int],
    titles: Sequence[str],
    image_shape: Sequence[int],
    *,
    columns: int,
    below: float = 0.1,
    beside: float = tiles.LABEL_INCHES,
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with blocks of equally large tiles side by side, one axes per block.

    Parameters
    ----------
    lines
        Rows of tiles in each row of blocks, top to bottom.
    titles
        One above each column of blocks.
    image_shape
        (height, width), or (height, width, 3) in colour.
    columns
        Tiles in a row of a block.
    below, beside
        Inches to leave free at the bottom, and on the left for labels.

    Returns
    -------
    figure
        As wide as a page if there are three columns of blocks, or more.
    axes
        Those of each row of blocks.
    """
    blocks = max(BLOCKS, len(titles))
    full = style.PAGE_INCHES - beside - 0.05
    width = (full - GAP_INCHES * (blocks - 1)) / blocks
    high, wide = tiles.tile_size(image_shape)
    pixel = width / (columns * (wide + tiles.GAP) - tiles.GAP)
    heights = [pixel * (count * (high + tiles.GAP) - tiles.GAP) for count in lines]
    page = beside + 0.05 + len(titles) * (width + GAP_INCHES) - GAP_INCHES
    total = tiles.HEAD_INCHES + sum(heights) + GAP_INCHES * (len(lines) - 1) + below
    figure = Figure(figsize=(page, total))
    lefts = [beside + i * (width + GAP_INCHES) for i in range(len(titles))]
    rows: list[list[Axes]] = []
    bottom = total - tiles.HEAD_INCHES + GAP_INCHES
    for height in heights:
        bottom -= GAP_INCHES + height
        boxes = [(left / page, bottom / total, width / page, height / total) for left in lefts]
        rows.append([figure.add_axes(box) for box in boxes])
    for axes, title in zip(rows[0], titles, strict=True):
        axes.set_title(title, pad=4)
    return figure, rows
