"""A user's own datasets in the data folder: their paths, their names and their images."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from aevae.config import NAME, NAME_RULE
from aevae.data.source_images import SourceImages
from aevae.datasets import BUILT_IN, ImageSet
from aevae.errors import InputError
from aevae.files.filesystem import exists, names_in
from aevae.files.hdf5 import InvalidFile
from aevae.files.images import SPLITS, CheckedImages, check_images, open_images
from aevae.outliers import MADE_OUTLIERS

SUFFIX = ".h5"
TAKEN = (*BUILT_IN, *MADE_OUTLIERS)  # evaluations select outliers by these names or by a dataset's


def staged_path(data_dir: Path, name: str) -> Path:
    """Return the path of a staged dataset, which need not exist.

    Raises
    ------
    InputError
        No dataset may have this name.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot be the name of a dataset: {NAME_RULE}")
    if name.lower() in TAKEN:
        raise InputError(
            f"{name!r} cannot be the name of a dataset: {', '.join(TAKEN)} are reserved"
        )
    return data_dir / f"{name}{SUFFIX}"


def staged_names(data_dir: Path) -> list[str]:
    """Return the names of all staged datasets, sorted; their files are not checked."""
    names = [name.removesuffix(SUFFIX) for name in names_in(data_dir) if name.endswith(SUFFIX)]
    return [name for name in names if NAME.fullmatch(name) and name.lower() not in TAKEN]


def describe_staged(data_dir: Path, name: str) -> ImageSet:
    """Check the file of a staged dataset, and return its description.

    Raises
    ------
    InputError
        No such dataset is staged, or its file is damaged.
    """
    checked = _check(existing_path(data_dir, name))
    return ImageSet(
        name=name,
        title=name,
        fingerprint=checked.fingerprint,
        image_shape=checked.image_shape,
        class_names=checked.class_names,
        noun=checked.noun,
        train_images=checked.counts["train"],
        test_images=checked.counts["test"],
    )


def check_varied(data_dir: Path, name: str) -> None:
    """Check that the training images are not all the same; this reads up to the first that differs.

    Raises
    ------
    InputError
        They are all the same, or no such dataset is staged.
    """
    first = None
    with open_images(existing_path(data_dir, name)) as file:
        for block in file.blocks("train/image"):
            first = block[:1] if first is None else first
            if (block != first).any():
                return
    raise InputError(f"all images of {name} for training are the same: a model needs others")


def load_staged(name: str, data_dir: Path) -> SourceImages:
    """Load a staged dataset.

    Raises
    ------
    InputError
        No such dataset is staged, or its file is damaged.
    """
    path = existing_path(data_dir, name)
    checked = _check(path)
    with open_images(path, checked) as file:
        arrays = {part: file.array(part) for part in checked.header.layout}
    facts = describe_staged(data_dir, name)
    if not facts.class_names:
        for split in SPLITS:
            arrays[f"{split}/label"] = np.zeros(checked.counts[split], dtype=np.uint8)
    order = ("train/image", "train/label", "train/index", "test/image", "test/label", "test/index")
    sha256 = {"images and labels": facts.fingerprint}
    return SourceImages(facts, f"images staged as {name}", sha256, *map(arrays.__getitem__, order))


def existing_path(data_dir: Path, name: str) -> Path:
    """Return the place of a staged set whose file is there.

    Raises
    ------
    InputError
        No such set is staged.
    """
    path = staged_path(data_dir, name)
    if not exists(path):
        there = ", ".join([*BUILT_IN, *staged_names(data_dir)])
        raise InputError(
            f"no dataset is called {name!r}: {path} is missing; datasets are {there}; "
            "aevae data add imports images of your own"
        )
    return path


def _check(path: Path) -> CheckedImages:
    """Validate a staged file. It is validated again only after a change, as all of it is read."""
    found = path.stat()
    return _check_once(path, found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=16)
def _check_once(path: Path, *identity: int) -> CheckedImages:
    del identity
    try:
        return check_images(path)
    except InvalidFile as error:
        raise InputError(str(error)) from None
