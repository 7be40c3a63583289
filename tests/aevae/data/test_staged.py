"""A staged set must be found by its name, and be the one that a run was configured for."""

from pathlib import Path

import numpy as np
import pytest

from aevae.config import DataConfig, EvaluationConfig
from aevae.data.importing.prepare import Options
from aevae.data.importing.stage import add
from aevae.data.source_images import fingerprint
from aevae.data.sources import load_dataset, load_source, look_up, split_sizes, verify_source
from aevae.data.staged import check_varied, staged_names, staged_path
from aevae.errors import InputError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)


def silent(what, done, total):
    """Show no progress."""


@pytest.fixture
def stage(weird):
    """Stage arrays as `mine`; return the data folder."""

    def write(**arrays) -> Path:
        np.savez(weird / "mine.npz", **arrays)
        options = Options("mine", noun="letter", replace=True)
        add([weird / "mine.npz"], options, weird / "data", silent)
        return weird / "data"

    return write


def test_what_was_staged_is_what_is_trained_on(stage):
    labels = np.array(["a", "b"] * 20)
    data_dir = stage(x_train=IMAGES, y_train=labels, x_test=IMAGES[:4], y_test=labels[:4])
    facts = look_up("mine", data_dir)
    assert (facts.image_shape, facts.class_names, facts.noun) == ((6, 5, 3), ("a", "b"), "letter")
    assert (facts.train_images, facts.test_images) == (40, 4)
    source = load_source("mine", data_dir)
    assert fingerprint(source) == facts.fingerprint
    config = DataConfig(dataset="mine").of(facts)
    verify_source(config, data_dir)
    dataset = load_dataset(config, data_dir)
    assert np.array_equal(dataset.train.images, IMAGES[dataset.train.index])
    assert dataset.test.labels.tolist() == [0, 1, 0, 1]


def test_images_without_labels_have_no_classes(stage):
    data_dir = stage(x_train=IMAGES, x_test=IMAGES[:4])
    facts = look_up("mine", data_dir)
    assert facts.class_names == ()
    source = load_source("mine", data_dir)
    assert fingerprint(source) == facts.fingerprint
    assert source.train_labels.tolist() == [0] * 40


def test_other_images_under_the_name_are_refused_with_both_fingerprints(stage):
    data_dir = stage(x_train=IMAGES, x_test=IMAGES[:4])
    config = DataConfig(dataset="mine").of(look_up("mine", data_dir))
    stage(x_train=IMAGES[::-1], x_test=IMAGES[:4])
    other = look_up("mine", data_dir).fingerprint
    for use in (verify_source, load_dataset):
        with pytest.raises(InputError, match="these are other images") as caught:
            use(config, data_dir)
        assert config.fingerprint in str(caught.value)
        assert other in str(caught.value)


def test_a_set_that_is_missing_or_damaged_is_named(stage):
    data_dir = stage(x_train=IMAGES, x_test=IMAGES[:4])
    with pytest.raises(
        InputError,
        match=r"no dataset is called 'clels': .* is missing; datasets are .*, mine; aevae data add",
    ):
        look_up("clels", data_dir)
    (data_dir / "mine.h5").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"mine\.h5: not a readable HDF5 file"):
        look_up("mine", data_dir)


@pytest.mark.parametrize("name", ["mnist", "Digits", "noise", "a b", ".a", "", "a/b", "x" * 65])
def test_names_that_are_taken_or_no_names_are_refused(weird, name):
    with pytest.raises(InputError, match="cannot be the name of a dataset"):
        staged_path(weird, name)


def test_only_files_with_the_name_of_a_data_set_are_listed(weird):
    for name in ("b.h5", "a.h5", "mnist.h5", ".hidden.h5", "noise.h5", "c.npz", "a b.h5"):
        (weird / name).touch()
    assert staged_names(weird) == ["a", "b"]
    assert staged_names(weird / "nothing") == []


def test_images_for_training_that_are_all_the_same_are_refused(stage):
    images = np.repeat(IMAGES[:1], 20, axis=0)
    config = DataConfig(dataset="mine")
    data_dir = stage(x_train=images, x_test=IMAGES)
    with pytest.raises(InputError, match=r"^all 18 images of mine for training are the same$"):
        load_dataset(config.of(look_up("mine", data_dir)), data_dir)
    with pytest.raises(InputError, match=r"^all images of mine for training are the same: "):
        check_varied(data_dir, "mine")
    check_varied(stage(x_train=IMAGES, x_test=IMAGES), "mine")


def test_a_split_that_leaves_no_image_for_training_is_refused_before_anything_is_read(stage):
    data_dir = stage(x_train=IMAGES[:1], x_test=IMAGES[:1])
    config = DataConfig(dataset="mine").of(look_up("mine", data_dir))
    message = "mine has 1 images for training and validation; .* 0.1 no image is left for training"
    with pytest.raises(InputError, match=message):
        split_sizes(config, EvaluationConfig(), data_dir)
    with pytest.raises(InputError, match=message):
        load_dataset(config, data_dir)
