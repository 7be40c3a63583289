"""A file of ours must be refused, by name, for whatever it may not hold."""

import fcntl
import os

import h5py
import numpy as np
import pytest

from aevae.files import hdf5
from aevae.files.hdf5 import (
    Field,
    Header,
    InvalidFile,
    NewerFile,
    ReplacedFile,
    Schema,
    check_layout,
    check_sizes,
    open_checked,
    read_header,
    write_file,
)

SCHEMA = Schema("things", 3, [Field("a/x", ("N", 2), "f4"), Field("w/*", None, "i8")])
ARRAYS = {
    "a/x": np.arange(6, dtype="f4").reshape(3, 2),
    "w/one": np.arange(4),
    "w/two": np.zeros((1, 5), dtype="i8"),
}


@pytest.fixture
def path(weird):
    write_file(weird / "file.h5", SCHEMA, ARRAYS, {"note": "nöte"})
    return weird / "file.h5"


def test_what_is_written_is_read_back(path):
    header = read_header(path)
    header.check("things", 3)
    assert header.layout == {name: (a.shape, a.dtype) for name, a in ARRAYS.items()}
    identity = {"schema": "things", "schema_version": 3, "complete": 1}
    assert header.attributes == {"note": "nöte", **identity}
    with open_checked(path, header) as file:
        for name, array in ARRAYS.items():
            assert np.array_equal(file.array(name), array)
        assert (file.names("w"), file.names("nothing")) == (["one", "two"], [])
        assert file.attribute("note") == "nöte"
        assert file.layout == header.layout
        assert file.path == path


def test_every_dataset_is_compressed_by_rows_and_carries_checksums(weird):
    rows = np.zeros((3000, 100), dtype="f8")  # 800 bytes each
    arrays = {"large": rows, "short": rows[:5], "wide": np.zeros((2, 2**18))}
    arrays["bytes"] = np.zeros(2**20 + 1, dtype="u1")
    fields = [Field(name, None, array.dtype.str) for name, array in arrays.items()]
    write_file(weird / "file.h5", Schema("s", 1, fields), arrays, {})
    with h5py.File(weird / "file.h5") as file:
        chunks = {name: file[name].chunks for name in file}
        for dataset in file.values():
            assert (dataset.compression, dataset.compression_opts) == ("gzip", 4)
            assert (dataset.shuffle, dataset.fletcher32) == (True, True)
    # About one MiB, but never more than there is, and at least one row.
    assert chunks == {
        "large": (2**20 // 800, 100),
        "short": (5, 100),
        "wide": (1, 2**18),
        "bytes": (2**20,),
    }


NUMBER = np.dtype("f4")
DECLARED = [Field("a", ("N", 2), "f4"), Field("b", ("N",), "f4"), Field("w/*", None, "f4")]
LAYOUT = {"a": ((5, 2), NUMBER), "b": ((5,), NUMBER), "w/x": ((7, 7), NUMBER)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b": ((6,), NUMBER)}, r"b: shape \(6,\) is not \(N=5\)"),
        ({"a": ((5, 3), NUMBER)}, r"a: shape \(5, 3\) is not \(N=5, 2\)"),
        ({"a": ((5,), NUMBER)}, r"a: shape \(5,\) is not \(N, 2\)"),
        ({"a": ((5, 2, 1), NUMBER)}, r"a: shape \(5, 2, 1\) is not \(N, 2\)"),
        ({"b": ((5,), np.dtype("f8"))}, r"b: type float64 is not float32"),
        ({"c": ((5,), NUMBER)}, r"c: not part of the schema"),
        ({"b": None}, r"b: missing"),
        ({"w/x": None}, r"w/\*: missing"),
    ],
)
def test_a_layout_that_is_not_as_declared_is_refused(changes, message):
    check_layout(LAYOUT, DECLARED)
    changed = {name: value for name, value in (LAYOUT | changes).items() if value is not None}
    with pytest.raises(InvalidFile, match=f"^{message}$"):
        check_layout(changed, DECLARED)


def test_any_name_may_stand_in_the_last_place_only():
    fields = [Field("a/b/*", None, "f4")]
    check_layout({"a/b/x": ((2,), NUMBER), "a/b/y": ((3,), NUMBER)}, fields)
    for name in ("a/c/x", "a/b", "a/b/x/y"):
        with pytest.raises(InvalidFile, match=f"^{name}: not part of the schema$"):
            check_layout({"a/b/x": ((2,), NUMBER), name: ((2,), NUMBER)}, fields)


def test_a_dataset_may_hold_two_gibibytes_and_no_more():
    layout = {"a": ((2**29,), np.dtype("f4"))}
    check_layout(layout, [Field("a", None, "f4")])
    with pytest.raises(InvalidFile, match=r"^a: shape \(536870913,\) is larger than 2147483648 b"):
        check_layout({"a": ((2**29 + 1,), np.dtype("f4"))}, [Field("a", None, "f4")])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "other"}, "schema 'other' is not 'things'"),
        ({"schema_version": 2}, "schema version 2 is not 3"),
        ({"complete": 0}, "not marked complete"),
    ],
)
def test_another_schema_is_refused(changes, message):
    attributes = {"schema": "things", "schema_version": 3, "complete": 1}
    with pytest.raises(InvalidFile, match=f"^{message}$"):
        Header({}, attributes | changes, ()).check("things", 3)
    for name in changes:
        del attributes[name]
    with pytest.raises(InvalidFile, match=f"^attribute '{next(iter(changes))}': missing$"):
        Header({}, attributes, ()).check("things", 3)


def external(file):
    file.create_dataset("a/bad", (2,), "f4", external=[("elsewhere", 0, 8)])


def virtual(file):
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (2,))
    file.create_virtual_dataset("a/bad", layout)


def deep(file):
    file.create_dataset("1/2/3/4/bad", data=[1.0])


def soft_link(file):
    file["a/bad"] = h5py.SoftLink("/a/x")


def external_link(file):
    file["a/bad"] = h5py.ExternalLink("other.h5", "/x")


def named_type(file):
    file["a/bad"] = np.dtype("f4")


def text(file):
    file["a/bad"] = "text"


def empty(file):
    file["a/bad"] = h5py.Empty("f4")


def huge(file):
    file.create_dataset("a/bad", (2**40,), "f4", chunks=(1024,))


def attribute_of_many(file):
    file.attrs["bad"] = [1, 2]


def many_attributes(file):
    for number in range(101):
        file.attrs[str(number)] = number


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (external, "a/bad: external and virtual storage are refused"),
        (virtual, "a/bad: external and virtual storage are refused"),
        (deep, "1/2/3/4: not part of the schema"),
        (soft_link, "a/bad: links are refused"),
        (external_link, "a/bad: links are refused"),
        (named_type, "a/bad: not part of the schema"),
        (text, "a/bad: only numbers are stored, not object"),
        (empty, "a/bad: only numbers are stored, not float32"),
        (huge, r"a/bad: shape \(1099511627776,\) is larger than 2147483648 bytes"),
        (attribute_of_many, "attribute 'bad': neither text nor a number"),
        (many_attributes, "more than 100 attributes"),
    ],
)
def test_what_a_reader_must_not_follow_is_refused(path, damage, message):
    with h5py.File(path, "a") as file:
        damage(file)
    with pytest.raises(InvalidFile, match=f"^{message}$"):
        read_header(path)


def test_a_file_that_another_program_has_locked_is_read(path):
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        header = read_header(path)
        with open_checked(path, header) as again:
            assert np.array_equal(again.array("w/one"), ARRAYS["w/one"])


@pytest.mark.parametrize(("name", "shown"), [(b"\xff", "b'\\\\xff'"), (b"w/\xff", "w/b'\\\\xff'")])
def test_a_name_that_is_no_text_is_refused(path, name, shown):
    with h5py.File(path, "a") as file:
        file.create_dataset(name, data=[1.0])
    with pytest.raises(InvalidFile, match=f"^{shown}: not a name$"):
        read_header(path)


def test_a_damaged_list_of_names_is_damage(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b"SNOD", b"DONS"))
    with pytest.raises(InvalidFile, match=r"^damaged \(.+\)$"):
        read_header(path)


def test_an_error_without_a_text_is_named_by_its_kind():
    assert str(hdf5._judged(MemoryError(), "damaged")) == "damaged (MemoryError)"


def test_all_earlier_versions_are_named_where_a_file_is_newer():
    attributes = {"schema": "things", "schema_version": 4, "complete": 1}
    message = r"^written by a newer aevae: schema version 4; this aevae reads 1, 2 and 3$"
    with pytest.raises(NewerFile, match=message):
        Header({}, attributes, ()).check("things", 3)


def test_a_dataset_of_which_some_size_is_too_large_is_refused_before_it_exists():
    fields = [Field("a", ("N", 2**20), "f8"), Field("b", None, "f8")]
    check_sizes(fields, {"N": 256})
    with pytest.raises(
        InvalidFile, match=r"^a: shape \(257, 1048576\) is larger than 2147483648 b"
    ):
        check_sizes([*reversed(fields)], {"N": 257})


def test_as_many_attributes_and_datasets_as_allowed_are_read(path, monkeypatch):
    monkeypatch.setattr(hdf5, "MAX_ATTRIBUTES", 4)
    monkeypatch.setattr(hdf5, "MAX_DATASETS", 3)
    assert len(read_header(path).layout) == 3
    monkeypatch.setattr(hdf5, "MAX_DATASETS", 2)
    with pytest.raises(InvalidFile, match=r"^more than 2 datasets$"):
        read_header(path)
    with h5py.File(path, "w") as file:
        for number in range(3):
            file.create_group(str(number))
    with pytest.raises(InvalidFile, match=r"^more than 2 datasets$"):
        read_header(path)


def test_datasets_three_groups_deep_are_read(path):
    with h5py.File(path, "a") as file:
        file.create_dataset("1/2/3/x", data=[1.0, 2.0])
    assert read_header(path).layout["1/2/3/x"] == ((2,), np.dtype("f8"))


def flip(path, name):
    """Damage a byte of a stored dataset."""
    with h5py.File(path) as file:
        place = file[name].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 3] ^= 1
    # In place, as a disk does it: the file keeps its identity.
    times = path.stat()
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_damaged_dataset_is_named_when_it_is_examined_and_when_it_is_read(path):
    header = read_header(path)
    flip(path, "w/one")
    with pytest.raises(InvalidFile, match=r"^w/one: damaged \(.+\)$"):
        read_header(path)
    with open_checked(path, header) as file:
        assert np.array_equal(file.array("a/x"), ARRAYS["a/x"])
        with pytest.raises(InvalidFile, match=r"file\.h5: w/one: damaged \(.+\)$") as caught:
            file.array("w/one")
        assert isinstance(caught.value.__cause__, OSError)
        with pytest.raises(InvalidFile, match=r"file\.h5: w/three: missing$"):
            file.array("w/three")


def test_a_file_that_took_another_s_place_is_refused(path):
    header = read_header(path)
    write_file(path, SCHEMA, ARRAYS, {})
    with (
        pytest.raises(ReplacedFile, match=r"file\.h5: another file than the one that was checked$"),
        open_checked(path, header),
    ):
        pass


def test_what_is_no_file_of_hdf5_is_said(weird):
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_header(weird / "nothing")
    with pytest.raises(InvalidFile, match=r"^not a regular file$"):
        read_header(weird)
    (weird / "text").write_text("no HDF5")
    with pytest.raises(
        InvalidFile, match=r"^not a readable HDF5 file \(.*signature not found.*\)$"
    ):
        read_header(weird / "text")
