"""Arrays in .npz and HDF5 files: every shape that has one meaning, and no damaged file."""

import os
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from aevae.data.importing import source
from aevae.data.source_images import SourceImages, fingerprint
from aevae.datasets import ImageSet
from aevae.errors import InputError, RunFailed


@pytest.fixture
def hdf5(weird):
    """Write arrays into an HDF5 file."""

    def write(**arrays):
        with h5py.File(weird / "mine.h5", "w") as file:
            for name, array in arrays.items():
                file[name] = array
        return weird / "mine.h5"

    return write


@pytest.fixture(params=["npz", "hdf5"])
def container(request):
    """Write arrays into one of the two containers."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("turn", "channels"),
    [
        (lambda grey: grey, 1),
        (lambda grey: grey[:, None], 1),
        (lambda grey: grey[..., None], 1),
        (lambda grey: np.stack([grey] * 3, axis=1), 3),
        (lambda grey: np.stack([grey] * 3, axis=3), 3),
    ],
)
@pytest.mark.parametrize("transpose", [False, True])
def test_grey_and_rgb_are_found_wherever_the_channels_are(
    stage, container, images, turn, channels, transpose
):
    grey, _ = images
    given = np.swapaxes(grey, 1, 2) if transpose else grey
    array = np.ascontiguousarray(turn(given))
    staged = stage(container(x_train=array, x_test=array[:4]), transpose=transpose)
    expected = grey if channels == 1 else np.stack([grey] * 3, axis=3)
    assert np.array_equal(staged.array("train/image"), expected)
    assert staged.checked.image_shape == expected.shape[1:]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((9, 784), r"x_train: shape \(9, 784\); flat images must be reshaped first; valid are"),
        ((9,), r"x_train: shape \(9,\); valid are"),
        ((9, 4, 5, 5), "a fourth channel .alpha. must be removed first"),
        ((9, 5, 5, 2), r"x_train: shape \(9, 5, 5, 2\); valid are"),
        ((9, 3, 5, 1), "channels first or last: both are possible"),
        ((0, 5, 5), "x_train holds no image"),
        ((9, 0, 5), "x_train holds no image"),
        ((9, 257, 5), "x_train: 257 x 5 pixels are more than the 256 x 256"),
        ((9, 5, 5, 5, 3), r"x_train: shape \(9, 5, 5, 5, 3\); valid are"),
    ],
)
def test_shapes_of_no_images_are_refused(stage, container, shape, message):
    with pytest.raises(InputError, match=message):
        stage(container(x_train=np.zeros(shape, "u1"), x_test=np.zeros(shape, "u1")))
    assert not stage.data_dir.exists()


def test_two_splits_must_have_one_shape_which_scaling_can_give(stage, npz):
    path = npz(x_train=np.full((9, 8, 8), 7, "u1"), x_test=np.full((3, 4, 6), 7, "u1"))
    with pytest.raises(
        InputError, match=r"x_train has images of \(8, 8\), but .*x_test of \(4, 6\)"
    ):
        stage(path)
    staged = stage(path, size=(4, 4))
    assert np.array_equal(staged.array("train/image"), np.full((9, 4, 4), 7))
    assert np.array_equal(staged.array("test/image"), np.full((3, 4, 4), 7))
    assert "x_train: scaled from 8 x 8 to 4 x 4" in staged.remarks


def test_a_split_that_is_too_large_is_refused_before_anything_is_read(stage, weird):
    with h5py.File(weird / "large.h5", "w") as file:  # without storage
        file.create_dataset("images", shape=(20_000, 256, 256, 3), dtype="u1", chunks=True)
    with pytest.raises(InputError, match=r"16,000 images of .* are 3,145,728,000 bytes"):
        stage(weird / "large.h5")
    assert not stage.data_dir.exists()


def test_the_fingerprint_is_that_of_the_same_arrays(stage, container, images):
    pixels, labels = images
    arrays = {"x_train": pixels, "y_train": labels, "x_test": pixels[:9], "y_test": labels[:9]}
    staged = stage(container(**arrays))
    codes, rows = labels.astype("u1"), np.arange(30)
    facts = ImageSet(name="", title="", fingerprint="", train_images=30, test_images=9)
    same = SourceImages(facts, "", {}, pixels, codes, rows, pixels[:9], codes[:9], rows[:9])
    assert staged.checked.fingerprint == staged.outcome.fingerprint == fingerprint(same)
    assert staged.array("test/index").tolist() == list(range(9))


def test_test_images_are_drawn_by_class_and_seed_and_rows_stay_in_order(stage, container, images):
    pixels, labels = images
    path = container(images=pixels, labels=labels)
    staged = stage(path)
    train, test = staged.array("train/index"), staged.array("test/index")
    assert sorted([*train, *test]) == list(range(30))
    assert (sorted(train), sorted(test)) == (train.tolist(), test.tolist())
    assert np.bincount(staged.array("test/label")).tolist() == [2, 2, 2]
    for split, rows in (("train", train), ("test", test)):
        assert np.array_equal(staged.array(f"{split}/image"), pixels[rows])
        assert np.array_equal(staged.array(f"{split}/label"), labels[rows])
    assert "6 of 30 images were drawn for testing (seed 0)" in staged.remarks
    assert stage(path, name="again").checked.fingerprint == staged.checked.fingerprint
    other = stage(path, name="other", seed=1, test_share=0.5)
    assert len(other.array("test/index")) == 15


@pytest.mark.parametrize(
    ("options", "labels", "message"),
    [
        ({"test_share": 0.0}, [0, 1] * 15, "--test-share must be between 0 and 1, got 0"),
        ({"test_share": 1.0}, [0, 1] * 15, "--test-share must be between 0 and 1, got 1"),
        ({"test_share": 0.01}, [0, 1] * 15, "a test share of 0.01 cannot be drawn"),
        ({}, [0, 1] * 14 + [0, 2], "class '2' has one image only"),
    ],
)
def test_a_share_that_cannot_be_drawn_is_refused(stage, npz, images, options, labels, message):
    with pytest.raises(InputError, match=message):
        stage(npz(images=images[0], labels=np.array(labels)), **options)


def test_a_test_share_for_a_source_with_test_images_is_refused(stage, npz, images):
    with pytest.raises(InputError, match="has test images of its own"):
        stage(npz(x_train=images[0], x_test=images[0]), test_share=0.2)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["x_train"],
            r"x_test missing \(it holds x_train\); or rename x_train to images, and y_train",
        ),
        (
            ["x_train", "y_train"],
            r"x_test, y_test missing \(it holds x_train, y_train\); or rename",
        ),
        (["pixels"], r"images missing \(it holds pixels\)"),
        (["labels"], r"images missing \(it holds labels\)"),
        (["x_train", "x_test", "images"], "holds both x_test, x_train and images: keep one"),
        ([], r"images missing \(it is empty\)"),
    ],
)
def test_names_that_say_nothing_are_refused(stage, container, images, names, message):
    with pytest.raises(InputError, match=message):
        stage(container(**dict.fromkeys(names, images[0])))


def test_arrays_that_are_left_out_are_said(stage, container, images):
    staged = stage(container(x_train=images[0], x_test=images[0], ids=np.arange(30)))
    assert "left out of mine" in staged.remarks
    assert "ids" in staged.remarks


def test_a_file_whose_name_is_no_text_can_be_staged_and_named(stage, npz, images, weird):
    path = Path(os.fsdecode(os.fsencode(weird) + b"/\xff.npz"))
    npz(images=images[0]).rename(path)
    assert stage(path).checked.source == r"\xff.npz: images"


def test_many_blocks_give_what_one_gives(stage, container, images, monkeypatch):
    path = container(images=images[0] / 255, labels=images[1])
    whole = stage(path, name="whole").checked
    monkeypatch.setattr(source, "BLOCK_BYTES", 1000)  # four images
    assert stage(path, name="blocks").checked.fingerprint == whole.fingerprint


def test_python_objects_are_refused_and_never_unpickled(stage, npz, images, weird):
    class Trap:
        def __reduce__(self):
            return (weird.joinpath("sprung").mkdir, ())

    objects = np.array([Trap()] * 30, dtype=object)
    for arrays in ({"images": objects}, {"images": images[0], "labels": objects}):
        with pytest.raises(
            InputError, match=r"holds Python objects .a pickle., which are never read"
        ):
            stage(npz(**arrays))
    assert not (weird / "sprung").exists()


def test_records_and_fortran_order_are_refused(stage, npz, images):
    with pytest.raises(InputError, match="images holds records"):
        stage(npz(images=np.zeros(30, dtype=[("a", "u1")])))
    with pytest.raises(InputError, match=r"is stored in Fortran order.*numpy\.ascontiguousarray"):
        stage(npz(images=np.asfortranarray(images[0])))


def test_a_damaged_npz_is_refused_by_name_and_nothing_is_left(stage, npz, images, weird):
    content = npz(images=images[0], labels=images[1]).read_bytes()
    path = weird / "damaged.npz"
    flipped = bytearray(content)
    flipped[len(content) // 3] ^= 1
    for broken in (content[: len(content) // 2], b"", b"PK\3\4" + bytes(50), bytes(flipped)):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"^damaged\.npz(: images)?: damaged \("):
            stage(path)
    assert not stage.data_dir.exists() or list(stage.data_dir.iterdir()) == []


@pytest.mark.parametrize("change", [-1, 1])
def test_an_array_whose_bytes_do_not_fit_its_shape_is_refused(stage, npz, images, weird, change):
    with zipfile.ZipFile(npz(images=images[0])) as archive:
        content = archive.read("images.npy")
    content = content[:change] if change < 0 else content + b"x"
    with zipfile.ZipFile(weird / "wrong.npz", "w") as archive:
        archive.writestr("images.npy", content)
    with pytest.raises(
        InputError, match=r"images is cut off|images holds more bytes than its shape"
    ):
        stage(weird / "wrong.npz")
    assert list(stage.data_dir.iterdir()) == []


def test_a_damaged_hdf5_is_refused_by_name(stage, hdf5, images, weird):
    content = hdf5(images=images[0]).read_bytes()
    path = weird / "damaged.h5"
    for broken in (content[: len(content) // 2], b"", b"no HDF5"):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"^damaged\.h5: cannot be read as HDF5"):
            stage(path)


def test_links_and_other_files_are_not_followed_from_an_hdf5(stage, hdf5, images, weird):
    path = hdf5(elsewhere=images[0])
    with h5py.File(path, "a") as file:
        file["images"] = h5py.SoftLink("/elsewhere")
    with pytest.raises(InputError, match="images is a link"):
        stage(path)
    with h5py.File(path, "w") as file:
        outside = [(weird / "raw", 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("images", shape=(9, 2, 2), dtype="u1", external=outside)
    with pytest.raises(InputError, match="images lies in other files"):
        stage(path)
    with h5py.File(path, "w") as file:
        file.create_group("images")
    with pytest.raises(InputError, match="images is not an array"):
        stage(path)


def test_texts_of_an_hdf5_are_names_of_classes(stage, hdf5, images):
    names = np.array(["ü", "a", "b"] * 10, dtype=object)
    staged = stage(hdf5(images=images[0], labels=names))
    assert staged.checked.class_names == ("a", "b", "ü")


def without(monkeypatch, *packages):
    """Let packages be missing, as on a machine that never trains."""
    for name in [n for n in sys.modules if n.split(".")[0] in packages]:
        monkeypatch.delitem(sys.modules, name)
    for module in ("folder", "pictures"):
        monkeypatch.delitem(sys.modules, f"aevae.data.importing.{module}", raising=False)
    for name in packages:
        monkeypatch.setitem(sys.modules, name, None)


def test_arrays_with_a_split_need_no_library_of_the_training(stage, npz, images, monkeypatch):
    without(monkeypatch, "PIL", "sklearn", "torch")
    assert stage(npz(x_train=images[0], x_test=images[0])).checked.counts["train"] == 30
    with pytest.raises(RunFailed, match=r"broken_library.*pip install 'aevae\[train\]'"):
        stage(npz(images=images[0]), name="drawn")
    with pytest.raises(RunFailed, match=r"broken_library.*pip install 'aevae\[train\]'"):
        stage(npz(x_train=images[0], x_test=images[0]), name="scaled", size=(3, 3))


@pytest.mark.parametrize("names", [("images",), ("x_train", "x_test")])
def test_a_number_of_images_that_no_memory_holds_is_refused(stage, weird, names):
    with h5py.File(weird / "mine.h5", "w") as file:
        for name in names:
            file.create_dataset(name, shape=(2**40, 6, 5), dtype="u1", chunks=(64, 6, 5))
    with pytest.raises(InputError, match=r"1,099,511,627,776 images of \(6, 5\) are .* bytes"):
        stage(weird / "mine.h5")
