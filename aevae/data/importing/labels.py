"""Classes from labels of any kind: numbers from 0 in a stable order, each with a name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevae.data.importing.source import Array, Labels, Part, Remarks, Source
from aevae.errors import InputError
from aevae.files.images import MAX_CLASSES, label_dtype

VALID = "valid are whole numbers, texts and one-hot rows"


@dataclass(frozen=True)
class Classes:
    """Names of the classes, and the class of each image.

    Parameters
    ----------
    names
        Names in the order of the classes: sorted as numbers if all are whole numbers, otherwise as
        texts.
    labels
        Class of each image for each split of the source, (N,) uint8 or uint16.
    """

    names: tuple[str, ...]
    labels: Mapping[str, NDArray[Any]]


def classes(source: Source) -> Classes | None:
    """Turn labels into classes; return None if the images have no labels.

    Raises
    ------
    InputError
        The kind of the labels is not supported, their number is not that of the images, or there
        are fewer than two classes.
    """
    labelled = {n: p.labels for n, p in source.parts().items() if p.labels is not None}
    if not labelled:
        return None
    for name, part in source.parts().items():
        if part.labels is None:
            (other,) = labelled.values()
            raise InputError(f"{other.title} is there, but {name} images have no labels")
    found = {name: found_labels(part, source.remarks) for name, part in source.parts().items()}
    titles = [labels.title for labels in labelled.values()]
    if len({values.dtype.kind for values, _ in found.values()}) > 1:
        raise InputError(f"{titles[0]} and {titles[1]} are of two kinds: numbers and texts")
    every = np.unique(np.concatenate([values for values, _ in found.values()]))
    names = [str(value) for value in every]
    _check_names(titles[0], names)
    ranks = _ranks(names)
    ordered = tuple(names[i] for i in np.argsort(ranks))
    ranks = ranks.astype(label_dtype(len(names)))
    labels = {
        split: ranks[np.searchsorted(every, values)][codes]
        for split, (values, codes) in found.items()
    }
    made = Classes(ordered, labels)
    if source.test is not None:
        compare_splits(ordered, made.labels["train"], made.labels["test"], source.remarks)
    return made


def renamed(made: Classes | None, names: tuple[str, ...]) -> Classes:
    """Give the classes other names, in the same order.

    Raises
    ------
    InputError
        The images have no labels, the number of names is not that of the classes, or two names are
        the same.
    """
    if made is None:
        raise InputError("the images have no labels, so there are no classes to name")
    if len(names) != len(made.names):
        raise InputError(
            f"{len(names):,} names came for {len(made.names):,} classes, which are in order "
            f"{', '.join(made.names[:5])}{', ...' if len(made.names) > 5 else ''}"
        )
    _check_names("the names of the classes", list(names))
    if len(set(names)) < len(names):
        raise InputError("two classes would have the same name")
    return replace(made, names=names)


def _check_names(title: str, names: list[str]) -> None:
    if len(names) < 2:
        raise InputError(
            f"{title}: all images are of one class, {names[0]!r}; there must be two, or no labels"
        )
    if len(names) > MAX_CLASSES:
        raise InputError(f"{title}: {len(names):,} classes; the limit is {MAX_CLASSES:,}")
    for name in names:
        if not name.strip() or not name.isprintable():
            raise InputError(f"{title}: {name!r} cannot be the name of a class")


def _ranks(names: list[str]) -> NDArray[np.int64]:
    """Return the rank of each name; whole numbers are sorted by value, so 2 comes before 10."""
    numbers = all(name.removeprefix("-").isdecimal() for name in names)
    keys: list[Any] = [(int(name), name) for name in names] if numbers else list(names)
    order = sorted(range(len(names)), key=keys.__getitem__)
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[order] = np.arange(len(names))
    return ranks


def compare_splits(
    names: tuple[str, ...], train: NDArray[Any], test: NDArray[Any], remarks: Remarks
) -> None:
    """Add a remark on classes that have no test image.

    Raises
    ------
    InputError
        A class has no training image.
    """
    trained, tested = np.unique(train), np.unique(test)
    unknown = np.setdiff1d(tested, trained)
    if len(unknown):
        listed = ", ".join(repr(names[i]) for i in unknown[:5])
        raise InputError(f"test images have classes that no training image has: {listed}")
    for i in np.setdiff1d(trained, tested):
        line = "classes without a test image: {count}, such as {example}"
        remarks.add(line, repr(names[i]))


def found_labels(part: Part, remarks: Remarks) -> tuple[Array, Array]:
    """Return the different labels, as int64 or texts, and for each image the index of its label.

    Raises
    ------
    InputError
        The kind of the labels is not supported, or their number is not that of the images.
    """
    labels = part.labels
    assert labels is not None
    if labels.names is not None:
        return np.array(labels.names), labels.values
    return np.unique(_values(part, labels, remarks), return_inverse=True)


def _values(part: Part, labels: Labels, remarks: Remarks) -> Array:
    """Return (N,) labels: whole numbers as int64, or texts."""
    values = _flat(labels, remarks)
    if len(values) != part.images.shape[0]:
        raise InputError(
            f"{labels.title} has {len(values):,} labels for the {part.images.shape[0]:,} images "
            f"of {part.images.title}"
        )
    kind = values.dtype.kind
    if kind == "U":
        return values
    if kind == "S":
        try:
            return np.char.decode(values, "utf-8")
        except UnicodeDecodeError:
            raise InputError(f"{labels.title} has texts that are not UTF-8") from None
    if kind == "f":
        if not np.all(np.isfinite(values)) or np.any(values != np.rint(values)):
            raise InputError(f"{labels.title} has numbers that are not whole; {VALID}")
        remarks.add(f"{labels.title}: whole numbers were {values.dtype}")
    elif kind not in "iub":
        raise InputError(f"{labels.title} holds {values.dtype}; {VALID}")
    return _int64(labels, values)


def _int64(labels: Labels, values: Array) -> Array:
    # Integers are compared, because a float cannot hold all digits of a number of 64 bits.
    if values.size and (int(values.min()) < -(2**63) or int(values.max()) >= 2**63):
        raise InputError(f"{labels.title} has numbers beyond 64 bits")
    return values.astype(np.int64)


def _flat(labels: Labels, remarks: Remarks) -> Array:
    values = labels.values
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    if values.ndim == 1:
        return values
    if values.ndim == 2 and values.dtype.kind in "iufb" and _one_hot(values):
        remarks.add(f"{labels.title}: one-hot rows became the column of the one")
        return np.asarray(np.argmax(values, axis=1))
    raise InputError(f"{labels.title}: shape {values.shape} is not one label per image; {VALID}")


def _one_hot(values: Array) -> bool:
    ones = values == 1
    return bool(np.all(ones | (values == 0)) and np.all(ones.sum(axis=1) == 1))
