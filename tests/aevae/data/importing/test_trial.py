"""What kills or holds up the reading of a user's HDF5 file is another process's end."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import h5py
import psutil
import pytest

from aevae.data.importing import trial
from aevae.data.importing.trial import check_hdf5
from aevae.errors import InputError, Interrupted


def readers():
    """Return the processes of ours that read a user's file."""
    return [child for child in psutil.Process().children() if trial.__name__ in child.cmdline()]


def check_while(path, number):
    """Check a file that never begins; its reader gets a signal."""
    os.mkfifo(path)  # nobody writes to it, so opening it takes for ever
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(check_hdf5, path, None, lambda *_: None)
        while not readers():
            time.sleep(0.01)
        (reader,) = readers()
        reader.send_signal(number)
        return answer.result(timeout=60)


@pytest.mark.parametrize(
    ("number", "reason"),
    [(signal.SIGSEGV, "ends in a crash, SIGSEGV"), (signal.SIGXCPU, "not read in 30 s")],
)
def test_a_crash_and_a_hang_are_one_line_about_the_file(weird, number, reason):
    with pytest.raises(InputError, match=f"^mine.h5: damaged .*{reason}"):
        check_while(weird / "mine.h5", number)
    assert readers() == []


def test_a_reader_that_is_killed_says_nothing_about_the_file(weird):
    with pytest.raises(ChildProcessError, match="the process that read it was ended"):
        check_while(weird / "mine.h5", signal.SIGKILL)


def test_every_image_is_read_before_the_import_reads_it(stage, images, weird):
    with h5py.File(weird / "mine.h5", "w") as file:
        file["x_train"], file["x_test"] = images[0], images[0][:4]
    seen = []
    check_hdf5(weird / "mine.h5", None, lambda *step: seen.append(step))
    assert seen == [("checking", 30, 34), ("checking", 34, 34)]


def test_an_interrupt_ends_the_reader(images, weird):
    with h5py.File(weird / "mine.h5", "w") as file:
        file["images"] = images[0]

    def interrupt(what, done, total):
        raise Interrupted("SIGINT")

    with pytest.raises(Interrupted):
        check_hdf5(weird / "mine.h5", None, interrupt)
    assert readers() == []


def test_what_an_import_refuses_is_left_to_it(weird):
    for content in (b"no HDF5", b""):
        (weird / "mine.h5").write_bytes(content)
        check_hdf5(weird / "mine.h5", None, lambda *_: None)
