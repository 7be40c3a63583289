"""The dataset of a sweep as the analysis sees it: its images, labels and what they are called.

Arrays are kept unless they are large, because many measures need the same images.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aevae.config import DataConfig
from aevae.datasets import BUILT_IN, DIGITS
from aevae.files import names
from aevae.files.dataset import CheckedDataset, check_dataset, file_sha256, open_dataset
from aevae.files.hdf5 import Array
from aevae.words import plural, with_article

KEPT_BYTES = 64 << 20  # larger arrays of the dataset are read again whenever they are needed

# Arrays of the dataset that this process read last, by its SHA-256 and their names. A process that
# does one task after the other gets a new copy of the sweep for each, but reads the images once.
_kept: dict[tuple[str, str], Array] = {}


@dataclass(frozen=True)
class StoredDataset:
    """What identifies the `dataset.h5` of a sweep, and how many images each split has."""

    path: Path
    sha256: str
    counts: dict[str, int]
    checked: CheckedDataset = field(compare=False, repr=False)

    @property
    def settings(self) -> DataConfig:
        """The dataset and its split."""
        return self.checked.data

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.settings.dataset

    @property
    def title(self) -> str:
        """Name for readers."""
        return BUILT_IN[self.name].title if self.name in BUILT_IN else self.name

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of an image: (height, width), or (height, width, 3) in colour."""
        return self.settings.image_shape

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels; empty without labels."""
        return self.settings.class_names

    @property
    def noun(self) -> str:
        """What a class is called in text: digit, letter, class."""
        return self.settings.noun

    @property
    def plural(self) -> str:
        """The noun for several classes."""
        return plural(self.noun)

    @property
    def subject(self) -> str:
        """What an image shows, in text: a digit, a letter; an image, if there is no such word."""
        return "image" if self.noun == "class" else self.noun

    @property
    def are_digits(self) -> bool:
        """Whether the classes are the ten digits, of which the article speaks."""
        return (self.noun, self.class_names) == ("digit", DIGITS)

    def worded(self, text: str) -> str:
        """Put the words for these images into a text: ``{noun}``, ``{plural}``, ``{a_subject}``."""
        return text.format(
            noun=self.noun,
            plural=self.plural,
            subject=self.subject,
            subjects=plural(self.subject),
            a_subject=with_article(self.subject),
            classes=self.classes,
        )

    @property
    def classes(self) -> int:
        """Number of classes; 0 without labels."""
        return self.settings.classes

    @property
    def values(self) -> int:
        """Number of values of an image: its pixels, times 3 in colour."""
        return self.settings.values

    def file_name(self, name: str) -> str:
        """Return the name of an output: where there are no digits, ``digit`` becomes ``class``."""
        if self.noun == "digit":
            return name
        return name.replace("digits", "classes").replace("digit", "class")

    @classmethod
    def open(cls, path: Path) -> Self:
        """Check a `dataset.h5`, reading every array so that damage is found now."""
        checked = check_dataset(path)
        counts = {
            split: checked.header.layout[names.of_split(split, names.INDEX)][0][0]
            for split in names.SPLITS
        }
        return cls(path, file_sha256(path), counts, checked)

    def array(self, name: str) -> Array:
        """Return an array by its name in the file; it is read-only, since it may be kept."""
        key = (self.sha256, name)
        if key in _kept:
            return _kept[key]
        with open_dataset(self.path, self.checked) as file:
            array = file.array(name)
        array.flags.writeable = False
        if any(sha256 != self.sha256 for sha256, _ in _kept):
            _kept.clear()
        if array.nbytes <= KEPT_BYTES:
            _kept[key] = array
        return array
