"""MNIST and Fashion-MNIST from their raw IDX files.

The files are in the folders that torchvision uses (``<data-dir>/MNIST/raw``). So files that
torchvision or a user put there can be used unchanged.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aevae.data.source_images import SourceImages
from aevae.datasets import BUILT_IN
from aevae.errors import InputError
from aevae.files.dataset import file_sha256
from aevae.files.filesystem import exists, read_bytes


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
        """Return what is wrong with the files in `folder`; None if all four are valid."""
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


def verify_idx(name: str, data_dir: Path) -> None:
    """Check that the files of a dataset are in the data folder and intact.

    Raises
    ------
    InputError
        A file is missing or has a wrong checksum.
    """
    source = IDX_SOURCES[name]
    problem = source.problem(source.raw_folder(data_dir))
    if problem:
        command = f"aevae fetch --dataset {name} --data-dir {shlex.quote(str(data_dir))}"
        raise InputError(f"{source.title}: {problem}; run `{command}`")


def load_idx(name: str, data_dir: Path) -> SourceImages:
    """Load and verify a dataset; see `verify_idx` for the errors."""
    verify_idx(name, data_dir)
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


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of bytes: 00 00 08, the number of dimensions, big-endian sizes, the data."""
    content = read_bytes(path)
    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    pixels: NDArray[np.uint8] = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return pixels.reshape(tuple(shape.tolist()))
