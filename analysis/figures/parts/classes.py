"""How figures show classes: which of them, by what names, in what colours."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

from aevae.files import names
from analysis.figures.parts import style
from analysis.figures.parts.tiles import LABEL_INCHES
from analysis.maths.metrics import Floats, Labels
from analysis.measures.study import Study, once_per_study
from analysis.sweep.dataset import StoredDataset
from analysis.write import prose

MOST = 50  # classes that a figure shows; of more, it shows the best and the worst
FEW = 5  # of each
IN_A_ROW, ABREAST = 10, 20  # tiles in a row: of ten classes or fewer, and at most
SHORT = 2  # characters of a name that fits on a disc on a map

# Petroff (2021), arXiv:2107.02270, which is distinguishable with every common colour-vision
# deficiency. Its two greys, the fourth and the ninth, are replaced, because they are much alike and
# like the grey of what is no class.
COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#870f4b", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#0000d2", "#92dadd",
)  # fmt: skip
# With more classes neighbours look alike, but their order can be followed with every deficiency.
MAP, DARKEST, LIGHTEST = "viridis", 0.0, 0.95
OTHERS_COLOUR = "#888888"  # of the classes that are not shown by themselves
PLAIN_COLOUR = "#4a6fa5"  # of images without labels
ALL_COLOUR = "black"


@dataclass(frozen=True)
class Classes:
    """The classes that a figure shows by themselves.

    Parameters
    ----------
    data
        The dataset.
    shown
        Labels of these classes, in the order in which they are shown. Empty if the images have no
        labels.
    present
        How many classes have test images.
    """

    data: StoredDataset
    shown: tuple[int, ...]
    present: int

    @property
    def labelled(self) -> bool:
        """Whether the images have labels."""
        return bool(self.data.classes)

    @property
    def summarised(self) -> bool:
        """Whether only the best and the worst classes are shown."""
        return len(self.shown) < self.present

    @property
    def on_discs(self) -> bool:
        """Whether the names are so short that they stand on a map; others stand in a legend."""
        return all(len(self.data.class_names[label]) <= SHORT for label in self.shown)

    @property
    def colours(self) -> dict[int, str]:
        """Colour of each class shown, by label."""
        if self.summarised or self.data.classes <= len(COLOURS):
            places = range(len(self.shown)) if self.summarised else self.shown
            return {label: COLOURS[at] for label, at in zip(self.shown, places, strict=True)}
        sampled = matplotlib.colormaps[MAP](np.linspace(DARKEST, LIGHTEST, self.data.classes))
        return {label: to_hex(sampled[label]) for label in self.shown}

    @property
    def where(self) -> str:
        """Say for a caption where the classes of a map are named."""
        others = "; others are grey" if self.summarised else ""
        return (
            f", which {'stands near its median' if self.on_discs else 'the legend names'}{others}"
        )

    def names(self, inches: float) -> list[str]:
        """Name the classes shown, each shortened to the room that there is."""
        return [self.name(label, inches) for label in self.shown]

    def name(self, label: int, inches: float) -> str:
        """Return the name of a class, shortened to the room that there is."""
        return style.fitted(self.data.class_names[label], inches)

    def beside(self, labels: Labels) -> int:
        """Return how many images of each class stand beside each other in a row of about ten.

        One, or more if there are few classes and all have so many images with `labels`, (N,).
        """
        fewest = min(int((labels == label).sum()) for label in self.shown)
        return max(1, min(IN_A_ROW // len(self.shown), fewest))

    def heads(self, labels: Sequence[int], columns: int) -> list[str]:
        """Name classes above the columns of a strip as wide as a page; further columns are bare."""
        room = (style.PAGE_INCHES - LABEL_INCHES) / columns
        return [*(self.name(label, room) for label in labels), *[""] * (columns - len(labels))]

    def colours_of(self, labels: Labels | None, count: int) -> Sequence[str]:
        """Return the colour of each of `count` images, (N,)."""
        if labels is None:
            return [PLAIN_COLOUR] * count
        table = np.full(self.data.classes, OTHERS_COLOUR, dtype="U7")
        for label, colour in self.colours.items():
            table[label] = colour
        return list(table[labels])

    @property
    def note(self) -> str:
        """Say for a caption which classes are shown, if these are not all; starts with a space."""
        if not self.summarised:
            return ""
        listed = [self.data.class_names[label] for label in self.shown]
        best, worst = listed[:FEW], listed[FEW:]
        return (
            f" Of the {self.present} {self.data.plural}, these are the {FEW} with the least mean "
            f"test error ({prose.listed(best)}) and the {FEW} with the greatest "
            f"({prose.listed(worst)}), averaged over all runs, in this order."
        )


def find_classes(study: Study, most: int = MOST) -> Classes:
    """Choose the classes that a figure shows: all with test images, or the best and the worst.

    Parameters
    ----------
    study
        The sweep.
    most
        Of more classes than that, those with the least and the greatest mean test error are
        shown: the SSE of the decoded posterior mean (or code), averaged over all runs.
    """
    return _chosen(study, most)


@once_per_study
def _chosen(study: Study, most: int) -> Classes:
    if not study.data.classes:
        return Classes(study.data, (), 0)
    counts = np.bincount(study.sweep.labels("test"), minlength=study.data.classes)
    present = np.flatnonzero(counts)
    if len(present) <= most:
        return Classes(study.data, tuple(present.tolist()), len(present))
    order = present[np.argsort(_mean_errors(study)[present], kind="stable")]
    return Classes(study.data, (*order[:FEW].tolist(), *order[-FEW:].tolist()), len(present))


def _mean_errors(study: Study) -> Floats:
    """Return the mean test error of each class over all runs, up to a factor; 0 without images."""
    labels = study.sweep.labels("test")
    error = np.zeros(len(labels))
    for results in study.sweep.results():
        error += results.array(names.of_split("test", names.SSE_AT_MEAN))
    counts = np.bincount(labels, minlength=study.data.classes)
    sums = np.bincount(labels, weights=error, minlength=study.data.classes)
    return np.asarray(sums / np.maximum(counts, 1))


def known_labels(study: Study) -> Labels | None:
    """Read the labels of the test images, (N,); None if they have none."""
    return study.sweep.labels("test") if study.data.classes else None


def columns(count: int) -> int:
    """Return the tiles in a row for one tile of each of so many classes, in rows alike in length.

    Up to 20 stand in one row, more are broken into several.
    """
    rows = -(-count // ABREAST)
    return -(-count // rows)


def chunks(count: int) -> list[slice]:
    """Break so many classes into rows of `columns`."""
    width = columns(count)
    return [slice(start, min(start + width, count)) for start in range(0, count, width)]
