"""Files that are larger than memory keep what is promised of all: whole, or not there."""

import errno
import fcntl
import resource

import h5py
import numpy as np
import pytest

from aevae.files.hdf5 import Field, InvalidFile, Schema, open_checked, read_header, write_file
from aevae.files.stream import regrouped, write_streamed

SCHEMA = Schema("things", 3, [Field("a/x", ("N", 200), "i8"), Field("b", ("N",), "u1")])
ARRAYS = {
    "a/x": np.random.default_rng(0).integers(0, 2**40, (2500, 200)),
    "b": np.arange(2500).astype("u1"),
}
LAYOUT = {name: (array.shape, array.dtype) for name, array in ARRAYS.items()}


def in_blocks(rows):
    return {n: np.split(a, range(rows, len(a), rows)) for n, a in ARRAYS.items()}


@pytest.mark.parametrize("rows", [1, 655, 700, 5000])
def test_blocks_of_any_length_give_the_file_that_whole_arrays_give(weird, rows):
    write_streamed(weird / "blocks.h5", SCHEMA, LAYOUT, in_blocks(rows), lambda: {"note": "nöte"})
    write_file(weird / "whole.h5", SCHEMA, ARRAYS, {"note": "nöte"})
    header = read_header(weird / "blocks.h5")
    header.check("things", 3)
    assert header.layout == LAYOUT
    assert header.attribute("note") == "nöte"
    with open_checked(weird / "blocks.h5", header) as file:
        for name, array in ARRAYS.items():
            assert np.array_equal(file.array(name), array)
        assert np.array_equal(file.rows("b", np.array([3, 700])), ARRAYS["b"][[3, 700]])
    with h5py.File(weird / "blocks.h5") as file, h5py.File(weird / "whole.h5") as whole:
        for name in ARRAYS:
            assert file[name].chunks == whole[name].chunks
            # A chunk that was written in parts would be stored twice.
            assert file[name].id.get_storage_size() == whole[name].id.get_storage_size()
            assert file[name].fletcher32


def test_the_same_blocks_give_the_same_bytes(weird):
    for name in ("one", "two"):
        write_streamed(weird / name, SCHEMA, LAYOUT, in_blocks(700), dict)
    assert (weird / "one").read_bytes() == (weird / "two").read_bytes()


@pytest.mark.parametrize("limit", [0, 100, 5000, 300_000])
def test_a_full_disk_is_one_error_and_the_old_file_stays(weird, limit):
    path = weird / "file.h5"
    path.write_text("old")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: .*file\.h5") as caught:
            write_streamed(path, SCHEMA, LAYOUT, in_blocks(700), dict)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert caught.value.errno == errno.EFBIG
    assert path.read_text() == "old"
    assert list(weird.iterdir()) == [path]


def test_blocks_that_fail_leave_nothing(weird):
    def failing():
        yield ARRAYS["a/x"][:2000]
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_streamed(weird / "file.h5", SCHEMA, LAYOUT, {"a/x": failing()}, dict)
    assert list(weird.iterdir()) == []


@pytest.mark.parametrize("missing", [-1, 1])
def test_a_wrong_number_of_rows_is_never_published(weird, missing):
    blocks = {"a/x": [ARRAYS["a/x"]], "b": [np.zeros(2500 + missing, "u1")]}
    with pytest.raises((ValueError, TypeError)):
        write_streamed(weird / "file.h5", SCHEMA, LAYOUT, blocks, dict)
    assert list(weird.iterdir()) == []


def test_a_layout_that_breaks_the_schema_is_refused_first(weird):
    with pytest.raises(InvalidFile, match="b: missing"):
        write_streamed(weird / "file.h5", SCHEMA, {"a/x": LAYOUT["a/x"]}, {}, dict)


def test_what_a_killed_writer_left_is_removed_but_not_the_file_of_a_living_one(weird):
    left = weird / ".file.h5.0123abcd.tmp"
    left.write_text("half")
    write_streamed(weird / "file.h5", SCHEMA, LAYOUT, in_blocks(700), dict)
    assert list(weird.iterdir()) == [weird / "file.h5"]
    left.write_text("half")
    with left.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="another process is writing it"):
            write_streamed(weird / "file.h5", SCHEMA, LAYOUT, in_blocks(700), dict)
    assert left.read_text() == "half"


def test_rows_are_regrouped_in_their_order():
    blocks = [np.arange(3), np.arange(3, 10), np.arange(10, 10), np.arange(10, 15)]
    regrouped_blocks = [block.tolist() for block in regrouped(blocks, 4)]
    assert regrouped_blocks == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11], [12, 13, 14]]
    assert list(regrouped([], 4)) == []
