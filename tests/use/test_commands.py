"""The commands write what a model makes of a user's images, and bad input is one line."""

import csv
import sys

import h5py
import numpy as np
import pytest
from PIL import Image

import aevae
from aevae.config import DataConfig
from aevae.use.pictures import write_animation
from jobs.cli.main import USE_EXAMPLES, main


@pytest.fixture
def call(monkeypatch, capsys, weird):
    """Call `aevae` in this process; return its exit code and its messages."""

    def run(command, *arguments):
        monkeypatch.setenv("AEVAE_DATA_DIR", str(weird / "data"))
        monkeypatch.setattr(sys, "argv", ["aevae", command, str(weird), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err

    return run


SLASHED = DataConfig(
    dataset="cells",
    fingerprint="5" * 64,
    image_shape=(5, 4),
    class_names=("round", "long", "a/b"),
)


@pytest.fixture
def pictures(weird, images):
    """A folder of PNG files in the folders of their classes."""
    for at, image in enumerate(images):
        folder = weird / "pictures" / ("long" if at % 2 else "7")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{at}.png")
    return weird / "pictures"


def in_order(images):
    """Return images and class numbers in the order in which the folder of pictures is read."""
    order = [0, 2, 4, 6, 1, 3, 5]
    return images[order], [2, 2, 2, 2, 1, 1, 1]


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def pixels_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_generated_images_are_those_of_the_model_in_every_form(add_run, call, weird, tmp_path):
    add_run("cvae")
    made = aevae.load(weird).generate(7, seed=4)
    pixels = np.rint(made.images * 255)
    for name in ("m.npz", "m.h5", "m.png", "folder"):
        arguments = ("--to", tmp_path / name, "--count", 7, "--seed", 4)
        assert call("generate", *arguments)[0] is None
    with np.load(tmp_path / "m.npz") as file, h5py.File(tmp_path / "m.h5") as other:
        for arrays in (file, other):
            assert sorted(arrays) == ["images", "labels", "z"]
            assert np.array_equal(arrays["images"][:], pixels)
            assert np.array_equal(arrays["labels"][:], made.labels)
            assert np.array_equal(arrays["z"][:], made.z)
        assert other.attrs["run_id"] == aevae.load(weird).run_id
    assert np.array_equal(pixels_of(tmp_path / "folder" / "round" / "0.png"), pixels[0])
    assert np.array_equal(pixels_of(tmp_path / "folder" / "7" / "6.png"), pixels[6])
    # 3 x 3 images of 5 x 4 pixels, each enlarged ten times and two pixels from the next.
    assert pixels_of(tmp_path / "m.png").shape == (2 + 3 * 52, 2 + 3 * 42, 3)


def test_what_is_generated_can_be_encoded_again(add_run, call, weird, tmp_path):
    """The labels in the file are numbers, not names of classes; the model must still know them."""
    # A name with a slash cannot be that of a folder, so the folders have numbers too.
    add_run("cvae", data=SLASHED)
    for name in ("m.h5", "folder"):
        call("generate", "--to", tmp_path / name, "--count", 7)
        code, _ = call("encode", "", tmp_path / name, "--to", tmp_path / "codes.npz")
        with np.load(tmp_path / "codes.npz") as codes:
            assert (code, codes["labels"].tolist()) == (None, [0, 0, 0, 1, 1, 2, 2])


def test_pictures_are_encoded_with_the_classes_of_their_folders(
    add_run, call, weird, images, pictures, tmp_path
):
    add_run("cvae")
    expected = aevae.load(weird).encode(*in_order(images))
    assert call("encode", "", pictures, "--to", tmp_path / "c.npz")[0] is None
    assert call("encode", "", pictures, "--to", tmp_path / "c.csv")[0] is None
    with np.load(tmp_path / "c.npz") as codes:
        assert codes["mu"] == pytest.approx(expected.mu, abs=1e-6)
        assert codes["logvar"] == pytest.approx(expected.logvar, abs=1e-6)
    rows = table(tmp_path / "c.csv")
    assert [row["image"] for row in rows][3:5] == ["7/6.png", "long/1.png"]
    assert [row["label"] for row in rows][3:5] == ["7", "long"]
    assert [float(row["logvar_2"]) for row in rows] == pytest.approx(expected.logvar[:, 2].tolist())


def test_reconstructions_come_with_their_errors(add_run, call, weird, images, tmp_path):
    add_run("vae")
    np.savez(tmp_path / "own.npz", images=images / 255)
    expected = aevae.load(weird).reconstruct(images)
    code, said = call("reconstruct", "", tmp_path / "own.npz", "--to", tmp_path / "r.h5")
    assert code is None
    assert "note: float64 from 0 to 1 became 0 to 255" in said
    with h5py.File(tmp_path / "r.h5") as file:
        assert np.array_equal(file["images"][:], np.rint(expected.images * 255))
        assert file["sse"][:] == pytest.approx(expected.sse, rel=1e-5)
        assert file["kl"][:] == pytest.approx(expected.kl, rel=1e-4)
    call("reconstruct", "", tmp_path / "own.npz", "--to", tmp_path / "r.png")
    sheet = pixels_of(tmp_path / "r.png")
    # Three columns; rows of images and of their reconstructions take turns.
    assert sheet.shape == (2 + 6 * 52, 2 + 3 * 42, 3)
    assert sheet[2, 2, 0] == images[0, 0, 0]
    assert sheet[2 + 52, 2, 0] == np.rint(expected.images[0, 0, 0] * 255)


def test_scores_are_a_line_for_each_image(add_run, call, weird, images, pictures, tmp_path):
    add_run("vae")
    expected = aevae.load(weird).score(in_order(images)[0], false_positive_rate=0.99)
    to = tmp_path / "scores.csv"
    code, said = call("score", "", pictures, "--to", to, "--false-positive-rate", 0.99)
    assert code is None
    assert f"flagged {expected.flagged.sum()} of 7 images" in said
    rows = table(to)
    assert rows[0]["image"] == "7/0.png"
    assert [float(row["loss"]) for row in rows] == pytest.approx(expected.loss.tolist(), rel=1e-5)
    assert [int(row["flagged"]) for row in rows] == expected.flagged.tolist()
    assert [float(row["percentile"]) for row in rows] == pytest.approx(
        expected.percentile.tolist(), abs=0.005
    )


def test_a_line_between_two_pictures_is_an_animation(
    add_run, call, weird, images, pictures, tmp_path
):
    add_run("ae")
    ends = (pictures / "7" / "0.png", pictures / "long" / "1.png")
    assert call("interpolate", "", *ends, "--to", tmp_path / "l.gif", "--steps", 5)[0] is None
    with Image.open(tmp_path / "l.gif") as animation:
        assert animation.size == (40, 50)
    np.savez(tmp_path / "own.npz", images=images)
    arguments = ("--rows", "0,1", "--steps", 5, "--to", tmp_path / "l.npz")
    call("interpolate", "", tmp_path / "own.npz", *arguments)
    line = aevae.load(weird).interpolate(images[0], images[1], 5)
    with np.load(tmp_path / "l.npz") as file:
        assert np.array_equal(file["images"], np.rint(line * 255))


def test_pictures_in_colour_are_refused_by_a_grey_model_whatever_the_command(
    add_run, call, tmp_path
):
    add_run("ae")
    folder = tmp_path / "colour"
    folder.mkdir()
    for name in "ab":
        Image.new("RGB", (5, 4), "red").save(folder / f"{name}.png")
    two, one = ("--to", tmp_path / "l.gif", "--resize"), ("--to", tmp_path / "s.csv", "--resize")
    code, said = call("interpolate", "", folder / "a.png", folder / "b.png", *two)
    assert (code, "a.png is in colour or has a palette" in said) == (2, True)
    code, said = call("score", "", folder, *one)
    assert (code, "RGB pixels; the model takes" in said) == (2, True)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.npy", "numpy.savez('images.npz', images=...) makes a source"),
        ("a.PNG", "give the folder that it is"),
    ],
)
def test_a_file_that_is_no_source_says_what_would_be_one(add_run, call, tmp_path, name, advice):
    add_run("ae")
    (tmp_path / name).touch()
    code, said = call("encode", "", tmp_path / name, "--to", tmp_path / "codes.npz")
    assert (code, f"is not a source of images: {advice}" in said) == (2, True)


def test_an_animation_goes_there_and_back(images, tmp_path):
    write_animation(tmp_path / "l.gif", images)
    with Image.open(tmp_path / "l.gif") as animation:
        assert animation.n_frames == 7 + 5


def test_a_row_of_a_sheet_has_a_name_where_it_shows_one_class(add_run, call, weird, tmp_path):
    add_run("cvae")
    call("generate", "--to", tmp_path / "six.png", "--count", 6)
    height, width, _ = pixels_of(tmp_path / "six.png").shape
    assert height == 2 + 3 * 52
    assert width > 2 + 2 * 42


def test_a_staged_dataset_is_named(add_run, call, weird, images, tmp_path, monkeypatch, capsys):
    add_run("vae")
    np.savez(tmp_path / "own.npz", x_train=images, x_test=images[:3])
    data = ("--name", "mine", "--data-dir", weird / "data")
    arguments = ["aevae", "data", "add", tmp_path / "own.npz", *data]
    monkeypatch.setattr(sys, "argv", [*map(str, arguments)])
    with pytest.raises(SystemExit):
        main()
    for split, count in {"train": 7, "test": 3}.items():
        call("encode", "", "mine", "--split", split, "--to", tmp_path / "c.npz")
        with np.load(tmp_path / "c.npz") as codes:
            assert codes["mu"] == pytest.approx(
                aevae.load(weird).encode(images[:count]).mu, abs=1e-6
            )


def test_images_of_another_size_are_scaled_where_asked(add_run, call, weird, tmp_path):
    add_run("ae")
    Image.fromarray(np.full((10, 8), 77, np.uint8)).save(weird / "one.png")
    (weird / "large").mkdir()
    (weird / "one.png").rename(weird / "large" / "one.png")
    code, said = call("score", "", weird / "large", "--to", tmp_path / "s.csv")
    assert code == 2
    assert "images of 10 x 8 grey pixels; the model takes 5 x 4 grey pixels; --resize" in said
    assert call("score", "", weird / "large", "--resize", "--to", tmp_path / "s.csv")[0] is None


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        ("vae", "generate --to x.png --class 7", "the VAE takes no class"),
        ("cvae", "generate --to x.png --class oval", "knows no class 'oval'"),
        ("vae", "generate --to x.jpg", "--to takes a name that ends in .png, .npz or .h5"),
        ("vae", "generate --to x.png --count 20000", "up to 10,000 images, not 20,000"),
        ("vae", "generate --to no/such/folder", "cannot write no/such/folder: No such file"),
        ("vae", "generate --to x.png --sampler best", "got 'best'"),
        ("vae", "generate --to no/such/x.npz", "cannot write no/such/x.npz: No such file"),
        ("vae", "generate --to x.png ae", "matches 'ae'"),
        ("vae", "generate --to x.png d=4", "has d=4: there is 3"),
        ("cvae", "score own.npz --to x.csv", "the CVAE needs the class of each image"),
        ("vae", "score own.npz --to x.npz", "--to takes a name that ends in .csv"),
        ("vae", "score own.npz --to x.csv --false-positive-rate 0", "at least 0.01"),
        ("vae", "score own.npz --to x.csv --split test", "has no test images of its own"),
        ("vae", "encode no-such-set --to x.npz", "no dataset is called 'no-such-set'"),
        ("vae", "encode no/such.npz --to x.npz", "No such file"),
        ("vae", "encode own.npz --to x.png", "--to takes a name that ends in .npz, .h5 or .csv"),
        ("vae", "interpolate own.npz --rows 0,9 --to x.gif", "images 0 to 6, not 9"),
        ("cvae", "interpolate labelled.npz --rows 0,9 --to x.gif", "images 0 to 6, not 9"),
        ("vae", "interpolate own.npz --steps 10001 --to x.gif", "up to 10,000 images, not 10,001"),
        ("vae", "encode own.npz --to own.npz", "is among the images that are read"),
        ("vae", "reconstruct own.npz --to ./own.npz", "is among the images that are read"),
        ("vae", "interpolate own.npz --rows 0 --to x.gif", "--rows takes two numbers"),
        ("vae", "interpolate own.npz --steps 1 --to x.gif", "steps must be at least 2, got 1"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    add_run, call, weird, images, spec, kind, arguments, message, tmp_path, monkeypatch
):
    add_run(kind)
    # A run is chosen by a value among those that the specification of the sweep allows.
    spec.rename(weird / "sweep.toml")
    monkeypatch.chdir(tmp_path)
    np.savez("own.npz", images=images)
    np.savez("labelled.npz", images=images, labels=[0, 1, 2, 0, 1, 2, 0])
    command, *rest = arguments.split()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    code, said = call(command, *([] if command == "generate" else [""]), *rest)
    assert code == 2
    (line,) = [line for line in said.splitlines() if not line.startswith("note: ")]
    assert message in line
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_every_command_has_an_example_of_its_own_options():
    for command, example in USE_EXAMPLES.items():
        assert example.split()[:2] == ["aevae", command.__name__]
