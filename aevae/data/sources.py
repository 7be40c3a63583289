"""Datasets: read verified source files and return uint8 arrays with a fixed split.

MNIST and Fashion-MNIST are read from four raw IDX files in the folders that torchvision uses
(``<data-dir>/MNIST/raw``). So a copy that torchvision made, or that was put there by hand, can be
used as it is. ``digits`` are scikit-learn's 1,797 real 8x8 digits, scaled to 28x28; they need no
download.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevae.config import MADE_OUTLIERS, DataConfig, EvaluationConfig
from aevae.data.staged import describe_staged, read_staged
from aevae.datasets import BUILT_IN, ImageSet
from aevae.errors import InputError
from aevae.files.dataset import file_sha256, write_dataset
from aevae.files.filesystem import exists, read_bytes

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8] | NDArray[np.uint16]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class IdxSource:
    """Four raw IDX files: their folder below the data folder, and the SHA-256 of each file."""

    title: str
    folder: str
    sha256: Mapping[str, str]

    def raw_folder(self, data_dir: Path) -> Path:
        """Return the folder of the raw files, which is that of torchvision."""
        return data_dir / self.folder / "raw"

    def problem(self, folder: Path) -> str | None:
        """Return what is wrong with the files in `folder`; None if all four are right."""
        for name, expected in self.sha256.items():
            path = folder / name
            if not exists(path):
                return f"{path} is missing"
            if file_sha256(path) != expected:
                return f"{path} has a wrong SHA-256 ({path.stat().st_size} bytes)"
        return None


FILE_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _idx_source(title: str, folder: str, *digests: str) -> IdxSource:
    return IdxSource(title, folder, dict(zip(FILE_NAMES, digests, strict=True)))


IDX_SOURCES = {
    "mnist": _idx_source(
        "MNIST",
        "MNIST",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "fashion-mnist": _idx_source(
        "Fashion-MNIST",
        "FashionMNIST",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


@dataclass(frozen=True)
class SourceImages:
    """A dataset before validation images are split off its training images.

    Images are (N, *image_shape) uint8, labels (N,) uint8 or uint16, and an index is (N,) int64: the
    row of each image in the source. Images without labels all have the label 0.
    """

    facts: ImageSet
    source: str
    sha256: Mapping[str, str]
    train_images: Images
    train_labels: Labels
    train_index: Index
    test_images: Images
    test_labels: Labels
    test_index: Index


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
        A file is missing or has a wrong checksum, or the images are others than configured.
    """
    raw = load_source(config.dataset, data_dir)
    _check_fingerprint(config, raw.facts)
    rows = np.random.RandomState(config.split_seed).permutation(len(raw.train_images))
    validation_size = _validation_size(config, len(rows))
    val, train = rows[:validation_size], rows[validation_size:]
    return Dataset(
        config,
        raw.source,
        raw.sha256,
        Split(raw.train_images[train], raw.train_labels[train], raw.train_index[train]),
        Split(raw.train_images[val], raw.train_labels[val], raw.train_index[val]),
        Split(raw.test_images, raw.test_labels, raw.test_index),
    )


def look_up(name: str, data_dir: Path) -> ImageSet:
    """Say what is known of a dataset without reading its images.

    Raises
    ------
    InputError
        The dataset is neither built in nor staged, or its file is damaged.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    return describe_staged(data_dir, name)


def verify_source(config: DataConfig, data_dir: Path) -> None:
    """Check that a dataset is in the data folder, intact, and the one that was configured.

    ``digits`` has no files, so there is nothing to check.

    Raises
    ------
    InputError
        A file is missing or damaged, or holds other images.
    """
    if config.dataset in IDX_SOURCES:
        _verify_idx(config.dataset, data_dir)
    _check_fingerprint(config, look_up(config.dataset, data_dir))


def _check_fingerprint(config: DataConfig, found: ImageSet) -> None:
    if found.fingerprint != config.fingerprint:
        raise InputError(
            f"{config.dataset} has the fingerprint {found.fingerprint}, but the run was configured "
            f"for {config.fingerprint}: these are other images"
        )


def _verify_idx(name: str, data_dir: Path) -> None:
    source = IDX_SOURCES[name]
    problem = source.problem(source.raw_folder(data_dir))
    if problem:
        raise InputError(
            f"{source.title}: {problem}; run `aevae fetch --dataset {name} --data-dir {data_dir}`"
        )


def load_source(name: str, data_dir: Path) -> SourceImages:
    """Load and verify a dataset without splitting it.

    Raises
    ------
    InputError
        A file is missing or damaged.
    """
    if name == "digits":
        return _load_digits()
    if name in IDX_SOURCES:
        return _load_idx(name, data_dir)
    return _load_staged(name, data_dir)


def _load_idx(name: str, data_dir: Path) -> SourceImages:
    _verify_idx(name, data_dir)
    source = IDX_SOURCES[name]
    folder = source.raw_folder(data_dir)
    train_images, train_labels, test_images, test_labels = (
        _read_idx(folder / file) for file in FILE_NAMES
    )
    return SourceImages(
        BUILT_IN[name],
        f"{source.title} raw IDX files",
        source.sha256,
        train_images,
        train_labels,
        np.arange(len(train_images)),
        test_images,
        test_labels,
        np.arange(len(test_images)),
    )


def _load_staged(name: str, data_dir: Path) -> SourceImages:
    facts = describe_staged(data_dir, name)
    arrays = read_staged(data_dir, name)
    if not facts.class_names:
        for split in ("train", "test"):
            arrays[f"{split}/label"] = np.zeros(len(arrays[f"{split}/image"]), dtype=np.uint8)
    order = ("train/image", "train/label", "train/index", "test/image", "test/label", "test/index")
    source = f"images staged as {name}"
    return SourceImages(
        facts, source, {"images and labels": facts.fingerprint}, *(arrays[name] for name in order)
    )


def fingerprint(source: SourceImages) -> str:
    """SHA-256 of the images and labels of a dataset, whatever container they came in."""
    digest = hashlib.sha256()
    labelled = bool(source.facts.class_names)
    for array, counts in (
        (source.train_images, True),
        (source.train_labels, labelled),
        (source.test_images, True),
        (source.test_labels, labelled),
    ):
        if not counts:
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def split_sizes(config: DataConfig, evaluation: EvaluationConfig, data_dir: Path) -> dict[str, int]:
    """Return the number of images by name without reading any.

    The names are ``N_train``, ``N_val``, ``N_test``, and ``N_`` with the name of each dataset that
    serves as a set of outliers.
    """
    images = look_up(config.dataset, data_dir)
    val = _validation_size(config, images.train_images)
    others = [name for name in evaluation.outliers if name not in MADE_OUTLIERS]
    return {
        "N_train": images.train_images - val,
        "N_val": val,
        "N_test": images.test_images,
        **{f"N_{name}": look_up(name, data_dir).test_images for name in others},
    }


def _validation_size(config: DataConfig, images: int) -> int:
    return math.ceil(config.validation_fraction * images)


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of bytes: 00 00 08, the number of dimensions, big-endian sizes, the data."""
    content = read_bytes(path)
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    pixels: NDArray[np.uint8] = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return pixels.reshape(tuple(shape.tolist()))


def _load_digits() -> SourceImages:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    labels = digits.target.astype(np.uint8)
    images = _enlarge(digits.images / 16)
    train, test = train_test_split(
        np.arange(len(labels)), test_size=0.2, random_state=0, stratify=labels
    )
    raw = SourceImages(
        BUILT_IN["digits"],
        "scikit-learn load_digits, scaled to 28x28",
        {"load_digits": hashlib.sha256(digits.data.astype("<f8").tobytes()).hexdigest()},
        images[train],
        labels[train],
        train,
        images[test],
        labels[test],
        test,
    )
    # Another version of scikit-learn could have other images.
    return replace(raw, facts=replace(raw.facts, fingerprint=fingerprint(raw)))


def _enlarge(images: NDArray[np.float64]) -> Images:
    """Scale (N, 8, 8) intensities in [0, 1] to (N, 28, 28) uint8 by bilinear interpolation."""
    size, target = images.shape[-1], 28
    centres = (np.arange(target) + 0.5) * size / target - 0.5
    weights = np.stack([np.interp(centres, np.arange(size), row) for row in np.eye(size)], axis=1)
    scaled = np.einsum("ij,njk,lk->nil", weights, images, weights)
    pixels: Images = np.rint(scaled * 255).astype(np.uint8)
    return pixels
