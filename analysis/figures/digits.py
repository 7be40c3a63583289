"""What the images look like: the first test images of each digit."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.parts import style, tiles
from analysis.figures.recipe import FigureRecipe
from analysis.maths import metrics
from analysis.measures.study import Study
from analysis.sweep.load import Run
from analysis.write import prose

PER_DIGIT = 10
INCHES = 3.3


@dataclass(frozen=True)
class Digits:
    """What the figure shows: rows of test images in [0, 1] by digit, shape (D, C, 28, 28).

    No run has a part in it.
    """

    digits: list[int]
    images: style.Image
    dataset: str
    n_test: int
    runs: tuple[Run, ...] = ()


def gather(study: Study) -> Digits:
    """Read the first ten test images of each digit, or as many as the rarest digit has."""
    labels = study.sweep.labels("test")
    counts = np.bincount(labels, minlength=metrics.DIGITS)
    digits = [digit for digit in range(metrics.DIGITS) if counts[digit]]
    shown = min(PER_DIGIT, int(counts[digits].min()))
    rows = [np.flatnonzero(labels == digit)[:shown] for digit in digits]
    images = study.sweep.images("test")[np.array(rows)] / 255
    return Digits(digits, images, study.data.title, len(labels))


@style.styled()
def draw(data: Digits) -> Figure:
    """Draw one row per digit."""
    rows, columns = data.images.shape[:2]
    figure = style.new_figure(style.COLUMN_INCHES, INCHES * rows / max(rows, columns))
    axes = figure.add_subplot()
    tiles.show_strip(axes, data.images, "")
    tiles.label_lines(axes, [str(digit) for digit in data.digits])
    return figure


def caption(data: Digits) -> str:
    """Say which images are shown."""
    return (
        f"The first {data.images.shape[1]} test images of each digit "
        f"({prose.listed(data.digits)}, in rows) of {data.dataset}; there are "
        f"{data.n_test:,} test images."
    )


FIGURE = FigureRecipe("digits", gather, draw, caption)
