"""Whatever images and labels a user has: each container gives the same, and damage is one line."""

import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from aevae.data.importing.detect import open_source
from aevae.data.importing.labels import classes
from aevae.data.importing.prepare import Options, prepare
from aevae.data.importing.shapes import arrangement
from aevae.data.importing.source import Images, Labels, Part, Remarks, Source
from aevae.data.importing.values import conversion
from aevae.data.source_images import SourceImages, fingerprint
from aevae.datasets import ImageSet
from aevae.errors import InputError
from aevae.files.images import fingerprint_of

QUICK = settings(max_examples=30, deadline=None)


def silent(what, done, total):
    """Show no progress."""


def in_memory(array):
    return Images("x", array.shape, array.dtype, lambda rows: iter([array[rows]]))


@st.composite
def data_sets(draw):
    """Training and test images, grey or RGB, with labels in ascending order, from 0."""
    sides = st.integers(4, 9)
    shape = (draw(sides), draw(sides), *draw(st.sampled_from([(), (3,)])))
    count = draw(st.integers(2, 4))
    arrays = {}
    for split in ("train", "test"):
        labels = np.sort(np.tile(np.arange(count), draw(st.integers(1, 3)))).astype("u1")
        arrays[f"x_{split}"] = draw(hnp.arrays(np.uint8, (len(labels), *shape)))
        arrays[f"y_{split}"] = labels
    return arrays


def write_npz(folder, arrays):
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def write_hdf5(folder, arrays):
    with h5py.File(folder / "a.h5", "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, chunks=True, compression="gzip")
    return folder / "a.h5"


def idx_bytes(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write_idx(folder, arrays):
    for split in ("train", "test"):
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx_bytes(arrays[f"x_{split}"]))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx_bytes(arrays[f"y_{split}"]))
    return folder


def write_pictures(folder, arrays):
    for split in ("train", "test"):
        for i, (image, label) in enumerate(
            zip(arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True)
        ):
            path = folder / split / str(label) / f"{i:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return folder


@pytest.mark.parametrize("write", [write_npz, write_hdf5, write_idx, write_pictures])
@settings(QUICK, max_examples=15)
@given(arrays=data_sets())
def test_every_container_of_the_same_images_gives_the_same_data(write, arrays):
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare([write(Path(folder), arrays)], Options("x"), silent)
        found = fingerprint_of(prepared.splits)
    rows = np.arange(0)
    train, test = ((arrays[f"x_{s}"], arrays[f"y_{s}"], rows) for s in ("train", "test"))
    facts = ImageSet(name="", title="", fingerprint="", train_images=0, test_images=0)
    assert found == fingerprint(SourceImages(facts, "", {}, *train, *test))
    assert prepared.splits["train"].shape == arrays["x_train"].shape
    assert prepared.class_names == tuple(map(str, range(arrays["y_train"].max() + 1)))


TYPES = st.sampled_from(["f2", "f4", ">f4", "f8", "u1", "i2", "u2", ">i4", "i8", "u8", "b1"])


@st.composite
def any_values(draw):
    dtype = np.dtype(draw(TYPES))
    range_ = draw(st.sampled_from([(0, 1), (0, 255), (0, 65535), (-5, 5)]))
    if dtype.kind == "f":
        elements = st.floats(*map(float, range_), width=16) if range_[1] < 9999 else None
        return draw(hnp.arrays(dtype, (3, 2, 2), elements=elements))
    low, high = (max(range_[0], 0), range_[1]) if dtype.kind != "i" else range_
    if dtype.kind == "b":
        return draw(hnp.arrays(dtype, (3, 2, 2)))
    top = min(high, np.iinfo(dtype).max)
    return draw(hnp.arrays(dtype, (3, 2, 2), elements=st.integers(low, top)))


@QUICK
@given(values=any_values())
@example(values=np.full((3, 2, 2), 7e305))
@example(values=np.full((3, 2, 2), -7e305))
def test_values_are_uint8_and_ordered_as_they_were_or_refused(values):
    try:
        made = conversion(in_memory(values), silent).apply(values)
    except InputError:
        numbers = values.astype(float)
        assert not np.all((numbers >= 0) & (numbers <= 1))
        return
    assert made.dtype == np.uint8
    assert made.shape == values.shape
    flat = values.ravel()
    assert np.all(np.diff(made.ravel()[np.argsort(flat, kind="stable")].astype(int)) >= 0)
    if values.dtype.kind == "f" and values.max() <= 1:
        assert np.abs(made / 255 - values.astype(float)).max() <= 0.5 / 255 + 1e-6


LABELS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=12),
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
             min_size=2, max_size=12),
    st.lists(st.integers(-99, 99).map(float), min_size=2, max_size=12),
)  # fmt: skip


@QUICK
@given(labels=LABELS)
@example(labels=["1", "01", "1"])
@example(labels=[0, 2**63 - 1])
@example(labels=["\u0661", "1"])  # an Arabic 1
def test_every_image_keeps_the_name_of_its_class(labels):
    array = np.array(labels)
    part = Part(in_memory(np.zeros((len(array), 2, 2), "u1")), Labels("y", array))
    source = Source("s", part, None, Remarks())
    expected = [str(int(v)) if array.dtype.kind == "f" else str(v) for v in array]
    if len(set(expected)) < 2:
        with pytest.raises(InputError, match="all images are of one class"):
            classes(source)
        return
    made = classes(source)
    assert [made.names[code] for code in made.labels["train"]] == expected
    assert sorted(made.names) == sorted(set(expected))
    reordered = Source("s", Part(part.images, Labels("y", array[::-1])), None, Remarks())
    assert classes(reordered).names == made.names


@QUICK
@given(
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=5).map(tuple),
    transpose=st.booleans(),
)
def test_a_shape_has_one_meaning_or_none(shape, transpose):
    array = np.arange(np.prod(shape)).reshape(shape)
    try:
        found = arrangement(in_memory(array), transpose=transpose)
    except InputError:
        assert len(shape) != 3
        return
    made = found.apply(array)
    assert made.shape == (shape[0], *found.image_shape)
    assert len(found.image_shape) == 2 or found.image_shape[2:] == (3,)
    assert np.array_equal(np.sort(made.ravel()), array.ravel())


@pytest.mark.parametrize("write", [write_npz, write_idx, write_pictures])
@settings(QUICK, max_examples=60)
@given(data=st.data())
def test_damage_anywhere_is_an_input_error_or_gives_images(write, data):
    arrays = {
        "x_train": np.arange(80, dtype=np.uint8).reshape(4, 4, 5),
        "y_train": np.array([0, 0, 1, 1], dtype=np.uint8),
    }
    arrays |= {"x_test": arrays["x_train"], "y_test": arrays["y_train"]}
    with tempfile.TemporaryDirectory() as folder:
        source = write(Path(folder), arrays)
        files = sorted(p for p in Path(folder).rglob("*") if p.is_file())
        path = data.draw(st.sampled_from(files))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.one_of(st.none(), st.integers(0, len(content))))
        path.write_bytes(bytes(content[:cut]))
        try:
            fingerprint_of(prepare([source], Options("x"), silent).splits)
        except InputError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 - there need not be an error


def test_a_source_that_is_a_device_is_refused():
    with pytest.raises(InputError, match="neither a file nor a folder"):
        open_source([Path("/dev/null")], None, silent)
