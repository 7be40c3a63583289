"""A staged file must say what it holds, and be refused if it holds anything else."""

import json

import h5py
import numpy as np
import pytest

from aevae.files.hdf5 import InvalidFile, NewerFile
from aevae.files.images import (
    Description,
    ImageSplit,
    check_images,
    fingerprint_of,
    open_images,
    write_images,
)

SAID = Description("mine", "a test", ("ä", "b"), "letter", ("nothing was changed",))


def split(count, shape, labels=True):
    pixels = (np.arange(count * np.prod(shape)) % 256).astype("u1").reshape(count, *shape)
    codes = (np.arange(count) % 2).astype("u1") if labels else None
    return ImageSplit(lambda: iter([pixels[:1], pixels[1:]]), pixels.shape, codes, np.arange(count))


def splits(shape=(4, 5), labels=True):
    return {"train": split(6, shape, labels), "test": split(3, shape, labels)}


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_what_is_written_is_read_back(weird, shape):
    path = weird / "mine.h5"
    fingerprint = write_images(path, splits(shape), lambda: SAID)
    checked = check_images(path)
    assert checked.fingerprint == fingerprint == fingerprint_of(splits(shape))
    assert checked.image_shape == shape
    assert checked.counts == {"train": 6, "test": 3}
    assert (checked.name, checked.source, checked.noun) == ("mine", "a test", "letter")
    assert (checked.class_names, checked.remarks) == (("ä", "b"), ("nothing was changed",))
    with open_images(path) as file:
        assert file.array("train/label").tolist() == [0, 1] * 3
        assert file.array("test/image").shape == (3, *shape)


def test_a_file_without_labels_has_no_classes(weird):
    said = Description("mine", "a test", (), "class", ())
    write_images(weird / "mine.h5", splits(labels=False), lambda: said)
    assert check_images(weird / "mine.h5").class_names == ()


def delete_labels(file):
    del file["train/label"]


def forget_the_names(file):
    file.attrs["class_names"] = "[]"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (delete_labels, "train/label: missing"),
        (forget_the_names, "train/label: not part of the schema"),
        (lambda file: file.attrs.__setitem__("class_names", "{"), "Expecting"),
        (lambda file: file.attrs.__setitem__("class_names", "[1]"), "'class_names': not a list"),
        (lambda file: file.attrs.__setitem__("class_names", json.dumps(["x"] * 300)), "type uint8"),
        (lambda file: file.attrs.__delitem__("fingerprint"), "'fingerprint': missing"),
        (lambda file: file.attrs.__setitem__("schema", "other"), "schema 'other'"),
    ],
)
def test_a_file_that_breaks_the_contract_is_refused_by_name(weird, damage, message):
    path = weird / "mine.h5"
    write_images(path, splits(), lambda: SAID)
    with h5py.File(path, "a") as file:
        damage(file)
    with pytest.raises(InvalidFile, match=message) as caught:
        check_images(path)
    assert str(path) in str(caught.value)


def test_a_newer_file_is_not_taken_for_a_damaged_one(weird):
    path = weird / "mine.h5"
    write_images(path, splits(), lambda: SAID)
    with h5py.File(path, "a") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(
        NewerFile, match="written by a newer aevae: schema version 99; this aevae reads 1"
    ):
        check_images(path)
