"""The images of a sweep are stored once, with all that tells where they come from."""

import errno
import hashlib
import json

import h5py
import numpy as np
import pytest

from aevae.config import DataConfig
from aevae.data.sources import load_dataset
from aevae.files.dataset import check_dataset, file_sha256, open_dataset, write_dataset
from aevae.files.hdf5 import InvalidFile, NewerFile

DIGITS = DataConfig(dataset="digits")
DIGITS_JSON = DIGITS.canonical_json("train_images")


@pytest.fixture
def written(weird):
    """A `dataset.h5` of real digits, with the arrays in it."""
    splits = load_dataset(DIGITS, weird)
    arrays = {}
    for name in ("train", "val", "test"):
        split = getattr(splits, name)
        arrays[f"{name}/image"] = split.images[:3]
        arrays[f"{name}/label"] = split.labels[:3]
        arrays[f"{name}/index"] = split.index[:3]
    path = weird / "dataset.h5"
    # A run that is trained on a subset may write the file that all runs share.
    data = DIGITS.model_copy(update={"train_images": 2})
    write_dataset(path, arrays, data, source="a b", sha256={"y": "1", "x": "2"})
    return path, arrays


def test_what_is_written_is_read_with_its_origin(written):
    path, arrays = written
    for checked in (None, check_dataset(path)):
        with open_dataset(path, checked) as file:
            assert set(file.layout) == set(arrays)
            for name, array in arrays.items():
                assert np.array_equal(file.array(name), array)
            assert (file.attribute("data"), file.attribute("source")) == (DIGITS_JSON, "a b")
            # Sorted, since runs that begin at once must write the same bytes.
            assert file.attribute("sha256") == json.dumps({"x": "2", "y": "1"})
            assert file.attribute("schema") == "aevae-dataset"


@pytest.mark.parametrize(
    ("version", "error", "message"),
    [
        (0, InvalidFile, r"dataset.h5: schema version 0 is not 2$"),
        (
            3,
            NewerFile,
            r"dataset.h5: written by a newer aevae: schema version 3; this aevae reads 1 and 2$",
        ),
    ],
)
def test_another_version_is_refused(written, version, error, message):
    path, _ = written
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = version
    with pytest.raises(error, match=message):
        check_dataset(path)


def test_the_digest_is_that_of_the_bytes_and_a_disk_that_fails_is_named(written, monkeypatch):
    path, _ = written
    assert file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    path.unlink()
    path.symlink_to("/proc/self/mem")  # the kernel refuses its bytes with EIO
    monkeypatch.setattr("aevae.files.filesystem.time.sleep", lambda _seconds: None)
    with pytest.raises(OSError, match="Input/output error") as caught:
        file_sha256(path)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(path))
