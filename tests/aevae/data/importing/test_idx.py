"""IDX files come under many names; a damaged or mixed-up one must not be trained on."""

import gzip

import numpy as np
import pytest

from aevae.data.sources import load_source
from aevae.datasets import BUILT_IN
from aevae.errors import InputError

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx_bytes(array):
    code = CODES[array.dtype.str[1:]]
    sizes = np.array(array.shape, ">u4").tobytes()
    values = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return bytes([0, 0, code, array.ndim]) + sizes + values


@pytest.fixture
def idx(weird):
    """Write IDX files by name, gzipped if the name says so; return their paths."""

    def write(**arrays):
        paths = []
        for name, array in arrays.items():
            path = weird / "idx" / name.replace("__", ".").replace("_", "-")
            path.parent.mkdir(exist_ok=True)
            content = idx_bytes(array)
            path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
            paths.append(path)
        return paths

    return write


@pytest.fixture
def four(images):
    """Arrays of four files, by kind."""
    pixels, labels = images
    codes = labels.astype("u1")
    return {"train_images": pixels, "train_labels": codes, "test_images": pixels[:9],
            "test_labels": codes[:9]}  # fmt: skip


def test_the_built_in_digits_have_their_fingerprint_when_they_come_as_idx_files(stage, idx, weird):
    digits = load_source("digits", weird)
    idx(
        train_images_idx3_ubyte=digits.train_images,
        train_labels_idx1_ubyte__gz=digits.train_labels,
        t10k_images_idx3_ubyte__gz=digits.test_images,
        t10k_labels_idx1_ubyte=digits.test_labels,
    )
    staged = stage(weird / "idx")
    assert staged.checked.fingerprint == BUILT_IN["digits"].fingerprint
    assert staged.checked.class_names == tuple("0123456789")
    assert staged.array("train/index").tolist() == list(range(1437))


@pytest.mark.parametrize(
    ("prefix", "test", "suffix"),
    [
        ("", "t10k", "idx3_ubyte__gz idx1_ubyte__gz"),
        ("emnist_letters_", "test", "idx3_ubyte__gz idx1_ubyte__gz"),
        ("qmnist_", "test", "idx3_ubyte idx2_int"),
    ],
)
def test_the_names_of_kmnist_emnist_and_qmnist_are_known(
    stage, idx, four, weird, prefix, test, suffix
):
    image_suffix, label_suffix = suffix.split()
    labels = {split: four[f"{split}_labels"] for split in ("train", "test")}
    if "int" in label_suffix:  # the other columns are writers and more
        rng = np.random.default_rng(0)
        labels = {
            split: np.column_stack([codes, *rng.integers(0, 99, (7, len(codes)))]).astype("i4")
            for split, codes in labels.items()
        }
    files = {}
    for split, name in (("train", "train"), ("test", test)):
        files[f"{prefix}{name}_images_{image_suffix}"] = four[f"{split}_images"]
        files[f"{prefix}{name}_labels_{label_suffix}"] = labels[split]
    paths = idx(**files)
    (weird / "idx" / "mapping.txt").write_text("1 65 97")
    staged = stage(weird / "idx")
    assert np.array_equal(staged.array("test/image"), four["test_images"])
    assert np.array_equal(staged.array("train/label"), four["train_labels"])
    assert ("the first of 8 columns is the class" in staged.remarks) == ("int" in label_suffix)
    again = stage(*reversed(paths), name="four")
    assert again.checked.fingerprint == staged.checked.fingerprint


def test_emnist_is_transposed_and_its_labels_begin_at_1(stage, idx, four):
    turned = np.ascontiguousarray(np.swapaxes(four["train_images"], 1, 2))
    letters = four["train_labels"] + np.uint8(1)
    paths = idx(letters_images=turned, letters_labels=letters)
    staged = stage(*paths, transpose=True, noun="letter")
    rows = staged.array("train/index")
    assert np.array_equal(staged.array("train/image"), four["train_images"][rows])
    assert staged.checked.class_names == ("1", "2", "3")
    assert staged.array("train/label").tolist() == four["train_labels"][rows].tolist()


def test_a_file_of_images_alone_has_no_labels(stage, idx, four):
    (path,) = idx(images__idx=four["train_images"])
    assert stage(path).checked.class_names == ()


@pytest.mark.parametrize("kind", ["i2", "i4", "f4", "f8"])
def test_every_type_of_value_is_read(stage, idx, four, kind):
    staged = stage(*idx(images__idx=four["train_images"].astype(kind)))
    rows = staged.array("train/index")
    assert np.array_equal(staged.array("train/image"), four["train_images"][rows])


def test_a_raw_file_is_taken_where_a_gzipped_one_is_too(stage, idx, four, weird):
    idx(
        train_images_idx3_ubyte=four["train_images"],
        t10k_images_idx3_ubyte=four["test_images"],
        train_images_idx3_ubyte__gz=four["train_images"][::-1],
    )
    assert np.array_equal(stage(weird / "idx").array("train/image"), four["train_images"])


def test_several_data_sets_in_a_folder_are_named(stage, idx, four, weird):
    idx(
        emnist_digits_train_images_idx3_ubyte=four["train_images"],
        emnist_letters_train_images_idx3_ubyte=four["train_images"],
    )
    with pytest.raises(InputError, match=r"several datasets \('emnist-digits-', 'emnist-letters-'"):
        stage(weird / "idx")


def test_files_that_do_not_belong_together_are_refused(stage, idx, four):
    labels, images, more = idx(
        train_labels=four["train_labels"],
        train_images=four["train_images"],
        other_images=four["train_images"],
    )
    for paths in ([labels], [images, more], [labels, images, more]):
        with pytest.raises(InputError, match="do not make a dataset: valid are"):
            stage(*paths)
    wrong = idx(test_labels=four["test_images"], test_images=four["test_images"])
    with pytest.raises(InputError, match="not one file of test images and one of labels"):
        stage(labels, images, *wrong)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: c[:-1], "images.idx is cut off: it ends within 30 images"),
        (lambda c: c[:10], "images.idx is cut off: it ends within its header"),
        (lambda c: c[:3], "images.idx is not a source of images"),
        (lambda c: b"", "images.idx is not a source of images"),
        (lambda c: c + b"x", r"images.idx holds more bytes than its shape \(30, 6, 5\)"),
        (lambda c: b"\1" + c[1:], "images.idx is not a source of images"),
        (lambda c: c[:2] + b"\x07" + c[3:], "images.idx is not a source of images"),
        (lambda c: gzip.compress(c)[:-5], r"images.idx: damaged gzip file \(Compressed file ended"),
        (lambda c: gzip.compress(c)[:-8] + bytes(8), r"images.idx: damaged gzip file \(CRC check"),
        (lambda c: gzip.compress(c[:-1]), "images.idx is cut off: it ends within 30 images"),
        (lambda c: gzip.compress(c) + b"x", "images.idx: damaged gzip file"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_nothing_is_left(stage, idx, four, damage, message):
    (path,) = idx(images__idx=four["train_images"])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        stage(path)
    assert not stage.data_dir.exists() or list(stage.data_dir.iterdir()) == []


def test_a_wrong_magic_under_a_known_name_is_said(stage, idx, four):
    (path,) = idx(train_images_idx3_ubyte=four["train_images"])
    path.write_bytes(b"<html>" + path.read_bytes())
    with pytest.raises(InputError, match="ubyte is not an IDX file: it begins with 3c 68 74 6d"):
        stage(path)
