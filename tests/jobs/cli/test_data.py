"""`aevae data`: a user's own images under a name, or one line that says why not."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import jobs.cli.main
from aevae.files.images import check_images


@pytest.fixture
def data(monkeypatch, capsys, weird):
    """Call `aevae data` in this process; return its exit code, its output and its messages."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["aevae", "data", *map(str, arguments)])
        monkeypatch.setenv("AEVAE_DATA_DIR", str(weird / "data"))
        handlers = {number: signal.getsignal(number) for number in SIGNALS}
        try:
            with pytest.raises(SystemExit) as ended:
                jobs.cli.main.main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return call


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)


@pytest.fixture
def cells(weird):
    """An .npz of 52 grey images of 24 x 40 pixels with 26 classes."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (52, 24, 40), dtype=np.uint8)
    letters = np.array([chr(ord("A") + i % 26) for i in range(52)])
    arrays = {"x_train": images, "y_train": letters, "x_test": images, "y_test": letters}
    np.savez(weird / "cells.npz", **arrays)
    return weird / "cells.npz"


def test_add_show_and_list_tell_the_same_of_a_data_set(data, cells, weird):
    code, out, err = data("add", cells, "--name", "cells", "--noun", "letter")
    assert (code, out) == (0, "")
    fingerprint = check_images(weird / "data" / "cells.h5").fingerprint
    assert f"staged cells in {weird}/data/cells.h5, fingerprint {fingerprint}" in err
    code, out, err = data("show", "cells", "--picture", weird / "sheet.png")
    assert code == 0
    lines = out.splitlines()
    assert "images       24 x 40 grey" in lines
    assert "train        52 images" in lines
    assert f"fingerprint  {fingerprint}" in lines
    assert "source       cells.npz: x_test, x_train, y_test, y_train" in lines
    assert "classes      26, each a letter" in lines
    assert "  Z  2      2" in lines
    with Image.open(weird / "sheet.png") as sheet:
        assert sheet.height > 26 * 24
        assert sheet.width > 10 * 40
    code, out, _ = data("list")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "cells 24 x 40 grey 26 52 + 52 there" in lines
    assert "digits 28 x 28 grey 10 1,437 + 360 there" in lines


def test_the_same_content_changes_nothing_and_other_content_needs_replace(data, cells, weird):
    data("add", cells, "--name", "cells")
    path = weird / "data" / "cells.h5"
    before = path.stat().st_mtime_ns, check_images(path).fingerprint
    code, _, err = data("add", cells, "--name", "cells")
    assert code == 0
    assert "the same images and labels: nothing was changed" in err
    np.savez(weird / "other.npz", images=np.zeros((10, 4, 4), "u1"))
    code, _, err = data("add", weird / "other.npz", "--name", "cells")
    assert code == 2
    (line,) = err.splitlines()
    assert before[1] in line
    assert (path.stat().st_mtime_ns, check_images(path).fingerprint) == before
    code, _, err = data("add", weird / "other.npz", "--name", "cells", "--replace")
    assert code == 0
    new = check_images(path).fingerprint
    assert new in err
    assert new in line


def test_other_names_for_the_same_content_are_taken_with_replace_only(data, cells, weird):
    data("add", cells, "--name", "cells")
    code, _, err = data("add", cells, "--name", "cells", "--noun", "letter")
    assert code == 0
    assert "--replace changes them" in err
    assert check_images(weird / "data" / "cells.h5").noun == "class"
    data("add", cells, "--name", "cells", "--noun", "letter", "--replace")
    assert check_images(weird / "data" / "cells.h5").noun == "letter"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cells.npz", "--name", "mnist"], "'mnist' cannot be the name of a dataset: mnist, fash"),
        (["cells.npz", "--name", "MNIST"], "'MNIST' cannot be the name of a dataset"),
        (["cells.npz", "--name", "noise"], "'noise' cannot be the name of a dataset"),
        (["cells.npz", "--name", "../x"], "'../x' cannot be the name of a dataset: a name has"),
        (["cells.npz", "--name", ""], "'' cannot be the name of a dataset"),
        (["cells.npz", "--name", "x", "--size", "32"], "--size takes height x width such as 32x32"),
        (["cells.npz", "--name", "x", "--size", "0x3"], "--size takes height x width"),
        (["cells.npz", "--name", "x", "--size", "300x3"], "300 x 3 pixels are more than"),
        (["cells.npz", "--name", "x", "--noun", ""], "--noun takes a word such as letter, got ''"),
        (["nothing.npz", "--name", "x"], "nothing.npz: No such file or directory"),
        (["notes.txt", "--name", "x"], "notes.txt is not a source of images; valid are an .npz"),
        (["cells.npz", "notes.txt", "--name", "x"], "only IDX files are given together"),
        (["cells.npz"], "missing option '--name'"),
    ],
)
def test_bad_arguments_are_one_line_and_nothing_is_written(
    data, cells, weird, monkeypatch, arguments, message
):
    monkeypatch.chdir(weird)
    (weird / "notes.txt").write_text("no images")
    code, out, err = data("add", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert message in line
    assert not (weird / "data").exists()


def test_a_folder_that_cannot_be_written_is_one_line(data, cells, weird):
    (weird / "data").write_text("a file")
    code, _, err = data("add", cells, "--name", "cells")
    assert code == 2
    (line,) = err.splitlines()
    assert "data/cells.h5" in line


def test_a_full_disk_is_one_line_and_nothing_is_left(cells, weird, command_environment):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)); "
    code = limited + "import jobs.cli.main; jobs.cli.main.main()"
    arguments = ["data", "add", cells, "--name", "cells", "--data-dir", weird / "data"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=command_environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == f"aevae: cannot write {weird}/data/cells.h5: File too large"
    assert list((weird / "data").iterdir()) == []


def test_a_damaged_set_spoils_its_own_line_and_is_written_again_with_replace(data, cells, weird):
    data("add", cells, "--name", "cells")
    (weird / "data" / "bad.h5").write_bytes(b"no HDF5")
    (weird / "data" / "notes.txt").write_text("not listed")
    code, out, _ = data("list")
    assert code == 0
    bad, good = (line for line in out.splitlines() if line.split()[0] in ("bad", "cells"))
    assert "bad.h5: not a readable HDF5 file" in bad
    assert good.endswith("there")
    assert "notes" not in out
    for arguments in (("show", "bad"), ("add", cells, "--name", "bad")):
        code, out, err = data(*arguments)
        assert (code, out) == (2, "")
        assert "bad.h5: not a readable HDF5 file" in err
    assert "--replace writes it again" in err
    assert data("add", cells, "--name", "bad", "--replace")[0] == 0
    assert data("show", "bad")[0] == 0


def test_a_set_that_is_not_there_is_refused_with_those_that_are(data, cells):
    data("add", cells, "--name", "cells")
    code, _, err = data("show", "clels")
    assert code == 2
    assert "no dataset is called 'clels': " in err
    assert "datasets are mnist, fashion-mnist, digits, sample-patches, cells; aevae data add" in err


def test_a_built_in_set_is_shown_too(data, weird):
    code, out, _ = data("show", "digits", "--picture", weird / "digits.png")
    assert code == 0
    assert "classes      10, each a digit" in out.splitlines()
    assert (weird / "digits.png").exists()
    code, _, err = data("show", "digits", "--picture", weird / "digits.bmp")
    assert code == 2
    assert "--picture takes a file that ends in .png" in err


def test_images_without_labels_are_shown_as_such(data, weird):
    np.savez(weird / "plain.npz", images=np.zeros((130, 8, 8, 3), "u1"))
    assert data("add", weird / "plain.npz", "--name", "plain")[0] == 0
    code, out, _ = data("show", "plain", "--picture", weird / "plain.png")
    assert code == 0
    assert "classes      none: the images have no labels" in out.splitlines()
    assert "images       8 x 8 RGB" in out.splitlines()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """An .npz whose import takes seconds."""
    path = tmp_path_factory.mktemp("large") / "large.npz"
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (48_000, 40, 40), dtype=np.uint8)
    np.savez(path, x_train=images, x_test=images[:1])
    return path


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 75), (signal.SIGTERM, 75), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_an_interrupted_import_leaves_nothing_under_the_name(
    weird, command_environment, data, large, number, code
):
    place = weird / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "data", "add", large, "--name", "large"],
        env={**command_environment, "AEVAE_DATA_DIR": str(place)},
        cwd=weird,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not any(p.stat().st_size for p in place.glob(".large.h5.*.tmp")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    left = [path.name for path in place.iterdir()]
    if number == signal.SIGKILL:
        assert [name[:10] for name in left] == [".large.h5."]
    else:
        assert left == []
        assert f"interrupted by {signal.Signals(number).name}" in err
    np.savez(weird / "small.npz", images=np.zeros((10, 4, 4), "u1"))
    assert data("add", weird / "small.npz", "--name", "large")[0] == 0
    assert [path.name for path in place.iterdir()] == ["large.h5"]
