"""A reader must see the old file or the new one, and a failed writer must leave nothing."""

import errno
import os
import stat

import pytest

from aevae.files.atomic import publish, publish_text, remove_orphans


def fill_up(file):
    file.write(b"half of it")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_new_content_takes_the_place_of_the_old(weird):
    path = weird / "file"
    publish_text(path, "old")
    publish_text(path, "nëw", durable=False)
    assert path.read_bytes() == "nëw".encode()
    assert list(weird.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_content_and_names_the_file(weird):
    path = weird / "file"
    publish_text(path, "old")
    with pytest.raises(OSError, match="No space left") as caught:
        publish(path, fill_up)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text() == "old"
    assert list(weird.iterdir()) == [path]


def test_while_it_is_written_the_file_is_hidden_and_known_as_temporary(weird):
    def look(file):
        (temporary,) = weird.iterdir()
        assert temporary.name.startswith(".file.")
        assert temporary.suffix == ".tmp"

    publish(weird / "file", look)


def test_two_writers_do_not_share_a_temporary_file(weird):
    path = weird / "file"

    def write_within(file):
        publish_text(path, "inner")
        file.write(b"outer")

    publish(path, write_within)
    assert path.read_text() == "outer"


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, ["file", "folder"]), ({"durable": True}, ["file", "folder"]), ({"durable": False}, [])],
)
def test_file_and_folder_reach_the_disk_unless_told_otherwise(
    weird, monkeypatch, options, expected
):
    flushed = []
    fsync = os.fsync

    def watch(descriptor):
        found = os.fstat(descriptor)
        folder = stat.S_ISDIR(found.st_mode)
        flushed.append("folder" if folder else "file")
        # What is flushed must have left the buffer of the process.
        assert folder or found.st_size == 4
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    publish_text(weird / "a", "text", **options)
    publish(weird / "b", lambda file: file.write(b"text"), **options)
    assert flushed == 2 * expected


def test_orphans_of_one_name_are_removed_and_nothing_else(weird):
    names = [".a.123.tmp", ".b.123.tmp", "a", ".a.123", "a.tmp"]
    for name in names:
        (weird / name).touch()
    remove_orphans(weird, "a")
    assert sorted(path.name for path in weird.iterdir()) == sorted(names[1:])
    remove_orphans(weird)
    assert sorted(path.name for path in weird.iterdir()) == sorted(names[2:])
