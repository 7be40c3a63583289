"""Folders of pictures: every odd picture is converted and said, or refused by its name."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from aevae.errors import InputError

GREY = np.arange(20, dtype=np.uint8).reshape(4, 5) * 12
RGB = np.stack([GREY, GREY // 2, 255 - GREY], axis=2)


@pytest.fixture
def root(weird):
    """An empty folder for pictures."""
    (weird / "pictures").mkdir()
    return weird / "pictures"


def save(path, picture, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, **options)


@pytest.fixture
def classes(root):
    """A function that fills two classes with five grey pictures each, of 4 x 5 pixels."""

    def fill(below=root, names=("cat", "dog"), count=5):
        for k, name in enumerate(names):
            for i in range(count):
                save(below / name / f"{i}.png", GREY + np.uint8(k * count + i))
        return below

    return fill


def test_a_folder_per_class_gives_sorted_files_and_named_classes(stage, classes):
    staged = stage(classes(names=("dog", "cat")))
    assert staged.checked.class_names == ("cat", "dog")
    assert staged.checked.image_shape == (4, 5)
    rows = np.concatenate([staged.array("train/index"), staged.array("test/index")])
    labels = np.concatenate([staged.array("train/label"), staged.array("test/label")])
    images = np.concatenate([staged.array("train/image"), staged.array("test/image")])
    assert sorted(rows) == list(range(10))
    assert labels.tolist() == [0 if row < 5 else 1 for row in rows]  # cats come first
    first = [row + 5 if row < 5 else row - 5 for row in rows]
    assert np.array_equal(images, [GREY + np.uint8(i) for i in first])


def test_train_and_test_folders_are_the_splits(stage, classes, root):
    classes(root / "train", count=6)
    classes(root / "test", count=2)
    staged = stage(root)
    assert staged.checked.counts == {"train": 12, "test": 4}
    assert staged.array("test/label").tolist() == [0, 0, 1, 1]
    classes(root / "test", names=("bird",))
    with pytest.raises(InputError, match="classes that no training image has: 'bird'"):
        stage(root, name="more")


def test_a_class_that_is_only_trained_is_said(stage, classes, root):
    classes(root / "train", names=("bird", "cat", "dog"))
    classes(root / "test")
    (root / "test" / "bird").mkdir()
    staged = stage(root)
    assert staged.checked.class_names == ("bird", "cat", "dog")
    assert staged.array("test/label").tolist() == [1] * 5 + [2] * 5
    assert "classes without a test image: 1, such as 'bird'" in staged.remarks
    assert "folders without a picture were left out (1, such as bird)" in staged.remarks


def test_classes_with_numbers_for_names_are_in_the_order_of_the_numbers(stage, classes):
    assert stage(classes(names=("10", "9", "100"))).checked.class_names == ("9", "10", "100")


def test_pictures_without_folders_have_no_labels(stage, root):
    for i in range(5):
        save(root / f"{i}.bmp", GREY)
    staged = stage(root)
    assert staged.checked.class_names == ()
    assert staged.checked.counts == {"train": 4, "test": 1}


def one(root, name, picture, **options):
    """A folder with one picture in each of `train` and `test`."""
    save(root / "train" / name, picture, **options)
    save(root / "test" / name, picture, **options)
    return root


def palette(transparency=None):
    image = Image.fromarray(RGB).quantize(256)
    if transparency is not None:
        image.info["transparency"] = transparency
    return image


def with_alpha(array, alpha):
    channels = array if array.ndim == 3 else array[..., None]
    return np.concatenate([channels, np.full((4, 5, 1), alpha, np.uint8)], axis=2)


RGB_OF_PALETTE = np.asarray(palette().convert("RGB"))


@pytest.mark.parametrize(
    ("name", "picture", "expected", "said"),
    [
        ("a.png", GREY, GREY, ""),
        ("a.tif", GREY, GREY, ""),
        ("a.BMP", GREY, GREY, ""),
        ("a.png", RGB, RGB, ""),
        (
            "a.png",
            with_alpha(RGB, 255),
            RGB,
            "lost an alpha channel that was opaque everywhere (2)",
        ),
        (
            "a.png",
            with_alpha(GREY, 255),
            GREY,
            "lost an alpha channel that was opaque everywhere (2)",
        ),
        ("a.png", palette(), RGB_OF_PALETTE, "with a palette became RGB (2)"),
        ("a.png", GREY > 99, (GREY > 99) * 255, "of 1 bit became 0 and 255 (2)"),
        (
            "a.png",
            GREY.astype("u2") * 257,
            GREY,
            "of 16 bits were scaled from 0..65535 to 0..255 (2)",
        ),
        (
            "a.tif",
            GREY.astype("u2") * 257,
            GREY,
            "of 16 bits were scaled from 0..65535 to 0..255 (2)",
        ),
    ],
)
def test_every_kind_of_picture_has_one_meaning_that_is_said(
    stage, root, name, picture, expected, said
):
    staged = stage(one(root, name, picture))
    assert np.array_equal(staged.array("train/image")[0], expected)
    assert np.array_equal(staged.array("test/image")[0], expected)
    # Each remark counts the pictures of both splits.
    assert said in staged.remarks
    assert (said == "") == (staged.remarks == "")


def test_jpeg_is_read_as_pillow_reads_it(stage, root):
    one(root, "a.jpg", RGB, quality=95)
    with Image.open(root / "train" / "a.jpg") as image:
        expected = np.asarray(image)
    assert np.array_equal(stage(root).array("train/image")[0], expected)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_picture_on_its_side_is_turned_and_that_is_said(stage, root, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6
    one(root, f"a.{suffix}", np.repeat(np.repeat(GREY, 8, axis=0), 8, axis=1), exif=exif)
    staged = stage(root)
    assert staged.checked.image_shape == (40, 32)
    turned = staged.array("train/image")[0][4::8, 4::8].astype(int)
    assert np.abs(turned - np.rot90(GREY, -1)).max() < 20  # JPEG loses a little
    assert staged.remarks == "pictures were turned as their EXIF orientation says (2)"


def test_an_orientation_of_upright_is_not_said(stage, root):
    exif = Image.Exif()
    exif[0x0112] = 1
    assert stage(one(root, "a.jpg", GREY, exif=exif)).remarks == ""


def test_grey_pictures_among_rgb_ones_become_rgb(stage, root):
    save(root / "train" / "a.png", GREY)
    save(root / "train" / "b.png", RGB)
    save(root / "test" / "c.png", GREY)
    staged = stage(root)
    assert np.array_equal(staged.array("train/image"), [np.stack([GREY] * 3, axis=2), RGB])
    assert staged.array("test/image").shape == (1, 4, 5, 3)
    assert staged.remarks == "grey pictures became RGB, because others are RGB (2)"


def test_mixed_sizes_name_two_files_and_size_makes_them_equal(stage, root):
    save(root / "train" / "a.png", np.full((4, 5), 9, "u1"))
    save(root / "train" / "b.png", np.full((8, 3), 9, "u1"))
    save(root / "test" / "c.png", np.full((4, 5), 9, "u1"))
    with pytest.raises(InputError) as caught:
        stage(root)
    said = str(caught.value)
    assert "train/a.png has 4 x 5 pixels, but " in said
    assert "train/b.png 8 x 3; all must have one height and width; they are" in said
    staged = stage(root, size=(4, 5))
    assert np.array_equal(staged.array("train/image"), np.full((2, 4, 5), 9))
    assert "pictures were scaled to 4 x 5 pixels, bilinear (1)" in staged.remarks


def test_two_splits_of_two_sizes_name_two_files(stage, root):
    save(root / "train" / "a.png", GREY)
    save(root / "test" / "b.png", GREY.T)
    with pytest.raises(InputError, match=r"train/a\.png has 4 x 5 pixels, but .*test/b\.png 5 x 4"):
        stage(root)


@pytest.mark.parametrize(
    ("name", "picture", "message"),
    [
        ("a.png", with_alpha(RGB, 254), "train/a.png is transparent in places"),
        ("a.png", with_alpha(GREY, 0), "train/a.png is transparent in places"),
        ("a.png", palette(transparency=0), "train/a.png is transparent in places"),
        ("a.jpg", Image.fromarray(RGB).convert("CMYK"), "train/a.jpg has the colour mode CMYK"),
        ("a.tif", Image.fromarray(RGB).convert("LAB"), "train/a.tif has the colour mode LAB"),
        ("a.tif", GREY.astype("f4"), "train/a.tif has the colour mode F; valid are grey"),
        ("a.tif", GREY.astype("i4"), "train/a.tif has the colour mode I; valid are grey"),
        ("a.png", np.zeros((257, 9), "u1"), "257 x 9 pixels are more than the 256 x 256"),
    ],
)
def test_pictures_without_a_meaning_are_refused_by_name(stage, root, name, picture, message):
    with pytest.raises(InputError, match=message):
        stage(one(root, name, picture))
    assert not stage.data_dir.exists() or list(stage.data_dir.iterdir()) == []


def test_several_pictures_in_one_file_are_refused(stage, root):
    pages = [Image.fromarray(GREY), Image.fromarray(GREY)]
    one(root, "a.tif", pages[0], save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"train/a\.tif holds 2 pictures"):
        stage(root)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, bits, colour, rows):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


def test_sixteen_bits_a_colour_are_said(stage, root):
    one(root, "a.png", RGB)
    row = b"\0" + bytes(range(5 * 6))
    for split in ("train", "test"):
        (root / split / "a.png").write_bytes(png(5, 4, 16, 2, row * 4))
    staged = stage(root)
    assert staged.array("train/image")[0, 0, 0].tolist() == [0, 2, 4]
    assert "of 16 bits a channel kept the upper 8 bits (2)" in staged.remarks


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[: len(content) // 2], r"a\.png cannot be read \("),
        (lambda content: content[:-30] + bytes(30), r"a\.png cannot be read \("),
        (lambda content: b"", r"a\.png cannot be read \(not a PNG, JPEG, TIFF or BMP picture\)"),
        (lambda content: b"GIF89a" + content, r"a\.png cannot be read \(not a PNG, JPEG"),
        (lambda content: png(9000, 9000, 8, 0, b""), "has more than 33,554,432 pixels"),
        (lambda content: png(60_000, 60_000, 8, 0, b""), "has more than 33,554,432 pixels"),
    ],
)
def test_a_damaged_picture_is_refused_by_name_and_nothing_is_left(stage, classes, damage, message):
    path = classes() / "dog" / "a.png"
    save(path, np.random.default_rng(0).integers(0, 256, (4, 5), dtype=np.uint8))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=message):
        stage(path.parents[1], size=(4, 5))
    assert not stage.data_dir.exists() or list(stage.data_dir.iterdir()) == []


def test_what_is_no_picture_is_left_out_and_said(stage, classes):
    root = classes()
    (root / "cat" / ".DS_Store").write_text("")
    (root / "dog" / "Thumbs.db").write_text("")
    (root / ".git").mkdir()
    (root / "notes.txt").write_text("")
    staged = stage(root)
    assert staged.checked.counts == {"train": 8, "test": 2}
    assert "hidden files and folders were left out (2)" in staged.remarks
    assert "are not pictures were left out (2, such as notes.txt)" in staged.remarks


def test_links_to_pictures_and_folders_are_followed_and_broken_ones_are_named(
    stage, classes, root, weird
):
    classes(weird / "elsewhere")
    (root / "cat").symlink_to(weird / "elsewhere" / "cat")
    for i in range(5):
        save(weird / f"{i}.png", GREY)
        (root / "dog").mkdir(exist_ok=True)
        (root / "dog" / f"{i}.png").symlink_to(weird / f"{i}.png")
    assert stage(root).checked.class_names == ("cat", "dog")
    (root / "dog" / "9.png").symlink_to(weird / "nothing.png")
    with pytest.raises(InputError, match=r"dog/9\.png is not a file, or is a link"):
        stage(root, name="more")
    (root / "dog" / "9.png").unlink()
    os.mkfifo(root / "dog" / "9.png")
    with pytest.raises(InputError, match=r"dog/9\.png is not a file, or is a link"):
        stage(root, name="more")


def test_names_that_are_no_text_can_be_said(stage, classes):
    root = classes()
    path = os.fsencode(root) + b"/dog/\xff.png"
    with open(path, "wb"):  # noqa: PTH123 - a Path cannot be made of bytes
        pass
    with pytest.raises(InputError, match=r"dog/\\xff\.png cannot be read"):
        stage(root)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "pictures holds no picture; pictures are files that end in .png"),
        (["cat/"], "the folders in .*pictures hold no picture"),
        (["a.png", "cat/b.png"], r"holds pictures \(a.png\) and folders \(cat\)"),
        (["cat/more/b.png"], "cat/more is a folder in the folder of a class"),
        (["train/a.png", "val/a.png"], "holds train, val: valid are train and test"),
        (["cat/a.png"], "all images are of one class, 'cat'"),
        (["train/a/a.png", "test/a.png"], "train is there, but test images have no labels"),
    ],
)
def test_folders_without_a_meaning_are_refused(stage, root, names, message):
    for name in names:
        (root / name).mkdir() if name.endswith("/") else save(root / name, GREY)
    with pytest.raises(InputError, match=message):
        stage(root)


def test_pictures_are_upright_so_transpose_is_refused(stage, classes):
    with pytest.raises(InputError, match="--transpose is for arrays and IDX files"):
        stage(classes(), transpose=True)
