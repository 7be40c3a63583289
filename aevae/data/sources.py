"""Datasets by name: their descriptions, their images, and a fixed split of the images."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevae.config import DataConfig, EvaluationConfig
from aevae.data.idx import IDX_SOURCES, load_idx, verify_idx
from aevae.data.packaged import PACKAGED
from aevae.data.source_images import Images, Index, Labels, SourceImages
from aevae.data.staged import describe_staged, load_staged
from aevae.datasets import BUILT_IN, ImageSet
from aevae.errors import InputError
from aevae.files.dataset import write_dataset
from aevae.outliers import MADE_OUTLIERS

LEAST_TRAINED = 2  # one image has no spread, which samplers and principal components need


@dataclass(frozen=True)
class Split:
    """One part of a dataset: (N, *image_shape) images, (N,) labels, (N,) rows in the source."""

    images: Images
    labels: Labels
    index: Index


@dataclass(frozen=True)
class Dataset:
    """Images of one dataset, split into training, validation and test."""

    config: DataConfig
    source: str
    sha256: Mapping[str, str]
    train: Split
    val: Split
    test: Split

    def write(self, path: Path) -> None:
        """Publish all splits as `dataset.h5`, from which the analysis reads them."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, split in (("train", self.train), ("val", self.val), ("test", self.test)):
            if self.config.classes:
                arrays[f"{name}/label"] = split.labels
            arrays[f"{name}/index"] = split.index
            arrays[f"{name}/image"] = split.images
        write_dataset(path, arrays, self.config, source=self.source, sha256=self.sha256)


def load_dataset(config: DataConfig, data_dir: Path) -> Dataset:
    """Load, verify and split a dataset.

    The split of the training images equals that of scikit-learn's ``train_test_split(range(n),
    test_size=validation_fraction, random_state=split_seed)``. The article uses this split, so
    validation errors are comparable with the published ones. This function computes the split
    itself, because the import of scikit-learn would cost each job half a second.

    Raises
    ------
    InputError
        A file is missing or damaged, the images are not those that the run was configured for,
        there are fewer training images than the run is to be trained on, or these are all the same.
    """
    raw = load_source(config.dataset, data_dir)
    _check_fingerprint(config, raw.facts)
    rows = np.random.RandomState(config.split_seed).permutation(len(raw.train_images))
    validation_size = _validation_size(config, len(rows))
    val, train = rows[:validation_size], rows[validation_size:]
    _check_subset(config, len(train))
    trained = train[config.trained_rows]
    if all(np.array_equal(raw.train_images[row], raw.train_images[trained[0]]) for row in trained):
        raise InputError(f"all {len(trained)} images of {config.dataset} for training are the same")
    return Dataset(
        config,
        raw.source,
        raw.sha256,
        Split(raw.train_images[train], raw.train_labels[train], raw.train_index[train]),
        Split(raw.train_images[val], raw.train_labels[val], raw.train_index[val]),
        Split(raw.test_images, raw.test_labels, raw.test_index),
    )


def look_up(name: str, data_dir: Path) -> ImageSet:
    """Return the description of a dataset, without reading images where that is possible.

    Raises
    ------
    InputError
        The dataset is neither built in nor staged, or its file is damaged.
    """
    if name not in BUILT_IN:
        return describe_staged(data_dir, name)
    return BUILT_IN[name] if BUILT_IN[name].fingerprint else load_source(name, data_dir).facts


def verify_source(config: DataConfig, data_dir: Path) -> None:
    """Check that a dataset is available, intact, and the one that was configured.

    The datasets from scikit-learn have no files in the data folder, so only their fingerprint is
    compared.

    Raises
    ------
    InputError
        A file is missing or damaged, or holds other images.
    """
    if config.dataset in IDX_SOURCES:
        verify_idx(config.dataset, data_dir)
    _check_fingerprint(config, look_up(config.dataset, data_dir))


def _check_fingerprint(config: DataConfig, found: ImageSet) -> None:
    if found.fingerprint != config.fingerprint:
        raise InputError(
            f"{config.dataset} has the fingerprint {found.fingerprint}, but the run was configured "
            f"for {config.fingerprint}: these are other images"
        )


def load_source(name: str, data_dir: Path) -> SourceImages:
    """Load and verify a dataset without splitting it.

    Raises
    ------
    InputError
        There is no such dataset, or a file is missing or damaged.
    """
    if name in PACKAGED:
        return PACKAGED[name]()
    if name in IDX_SOURCES:
        return load_idx(name, data_dir)
    return load_staged(name, data_dir)


def split_sizes(config: DataConfig, evaluation: EvaluationConfig, data_dir: Path) -> dict[str, int]:
    """Return the number of images of each split and of each dataset that serves as outliers.

    The keys are ``N_train``, ``N_val``, ``N_test``, and ``N_`` with the name of each dataset that
    serves as a set of outliers.

    Raises
    ------
    InputError
        The settings ask for more training images than there are, or leave none.
    """
    images = look_up(config.dataset, data_dir)
    val = _validation_size(config, images.train_images)
    _check_subset(config, images.train_images - val)
    others = [name for name in evaluation.outliers if name not in MADE_OUTLIERS]
    return {
        "N_train": images.train_images - val,
        "N_val": val,
        "N_test": images.test_images,
        **{f"N_{name}": look_up(name, data_dir).test_images for name in others},
    }


def _validation_size(config: DataConfig, images: int) -> int:
    """Return how many of `images` training images are used for validation.

    Raises
    ------
    InputError
        No image would be left for training.
    """
    size = math.ceil(config.validation_fraction * images)
    if size >= images:
        raise InputError(
            f"{config.dataset} has {images} images for training and validation; with "
            f"validation_fraction = {config.validation_fraction:g} no image is left for training"
        )
    return size


def _check_subset(config: DataConfig, size: int) -> None:
    if config.trained_images(size) > size:
        raise InputError(
            f"data.train_images must be at most {size}, the number of training images of "
            f"{config.dataset}, got {config.train_images}"
        )
    if config.trained_images(size) < LEAST_TRAINED:
        raise InputError(
            f"a run is trained on at least {LEAST_TRAINED} images: {config.dataset} has {size} for "
            f"training, besides those for validation, and data.train_images is "
            f"{config.train_images}"
        )
