"""A class under a wrong name, or two classes that became one, would spoil every table."""

import numpy as np
import pytest

from aevae.errors import InputError

IMAGES = np.arange(12 * 4, dtype=np.uint8).reshape(12, 2, 2)


def stage_labels(stage, npz, train, test=None, **more):
    test = train[:6] if test is None else test
    return stage(
        npz(x_train=IMAGES, y_train=train, x_test=IMAGES[: len(test)], y_test=test), **more
    )


@pytest.mark.parametrize(
    ("labels", "names", "codes"),
    [
        ([0, 1, 2] * 4, ("0", "1", "2"), [0, 1, 2]),
        ([1, 2, 3] * 4, ("1", "2", "3"), [0, 1, 2]),
        ([40, -3, 7] * 4, ("-3", "7", "40"), [2, 0, 1]),
        ([3.0, 1.0, 10.0] * 4, ("1", "3", "10"), [1, 0, 2]),
        (["pear", "Apple", "fig"] * 4, ("Apple", "fig", "pear"), [2, 0, 1]),
        ([b"b", b"a", "ü".encode()] * 4, ("a", "b", "ü"), [1, 0, 2]),
        (["10", "9", "100"] * 4, ("9", "10", "100"), [1, 0, 2]),
        ([True, False, False] * 4, ("0", "1"), [1, 0, 0]),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]] * 4, ("0", "1", "2"), [1, 0, 2]),
        ([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]] * 4, ("0", "1"), [1, 0, 1]),
        ([[5], [6], [7]] * 4, ("5", "6", "7"), [0, 1, 2]),
    ],
)
def test_labels_of_any_kind_become_classes_in_a_stable_order(stage, npz, labels, names, codes):
    staged = stage_labels(stage, npz, np.array(labels))
    assert staged.checked.class_names == names
    assert staged.array("train/label").tolist() == codes * 4
    assert staged.array("test/label").tolist() == codes * 2
    assert staged.array("train/label").dtype == np.uint8
    assert ("one-hot" in staged.remarks) == (np.ndim(labels) == 2 and len(labels[0]) > 1)
    assert ("whole numbers were float64" in staged.remarks) == (labels[0] == 3.0)


def test_more_than_256_classes_have_labels_of_two_bytes(stage, npz):
    images = np.zeros((600, 2, 2), dtype=np.uint8)
    labels = np.arange(600) // 2
    staged = stage(npz(x_train=images, x_test=images, y_train=labels, y_test=labels))
    assert staged.array("train/label").dtype == np.dtype("<u2")
    assert staged.array("test/label").tolist() == labels.tolist()
    assert len(staged.checked.class_names) == 300


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1] * 5, "y_train has 10 labels for the 12 images of mine.npz: x_train"),
        ([0.5, 1] * 6, "y_train has numbers that are not whole"),
        ([np.nan, 1] * 6, "y_train has numbers that are not whole"),
        ([7] * 12, "y_train: all images are of one class, '7'; there must be two, or no labels"),
        ([1e300, 0.0] * 6, "y_train has numbers beyond 64 bits"),
        ([2**63, 0] * 6, "y_train has numbers beyond 64 bits"),
        ([[0, 1, 1], [1, 0, 0]] * 6, r"y_train: shape \(12, 3\) is not one label per image"),
        ([[[0]], [[1]]] * 6, r"y_train: shape \(12, 1, 1\) is not one label per image"),
        ([1j, 2] * 6, "y_train holds complex128"),
        ([b"\xff", b"a"] * 6, "y_train has texts that are not UTF-8"),
        (["a\nb", "a"] * 6, r"y_train: 'a\\nb' cannot be the name of a class"),
        (["", "a"] * 6, "y_train: '' cannot be the name of a class"),
    ],
)
def test_labels_without_a_meaning_are_refused(stage, npz, labels, message):
    with pytest.raises(InputError, match=message):
        stage_labels(stage, npz, np.array(labels))


def test_a_class_that_is_only_tested_is_refused_and_one_that_is_only_trained_is_said(stage, npz):
    train, test = np.array([0, 1, 2] * 4), np.array([0, 1, 2, 5, 6, 5])
    with pytest.raises(InputError, match="classes that no training image has: '5', '6'"):
        stage_labels(stage, npz, train, test)
    staged = stage_labels(stage, npz, train, np.array([0, 2]))
    assert staged.checked.class_names == ("0", "1", "2")
    assert staged.array("test/label").tolist() == [0, 2]
    assert staged.remarks == "classes without a test image: 1, such as '1'"


def test_numbers_and_texts_are_not_one_kind_of_label(stage, npz):
    with pytest.raises(InputError, match="are of two kinds: numbers and texts"):
        stage_labels(stage, npz, np.array([0, 1] * 6), np.array(["0", "1"]))


def test_labels_of_one_split_alone_are_refused(stage, npz):
    with pytest.raises(InputError, match=r"mine.npz: y_test missing .*needed are x_train"):
        stage(npz(x_train=IMAGES, x_test=IMAGES, y_train=np.arange(12)))


def test_without_labels_there_are_none_in_the_file(stage, npz):
    staged = stage(npz(x_train=IMAGES, x_test=IMAGES))
    assert staged.checked.class_names == ()
    assert sorted(staged.checked.header.layout) == [
        "test/image",
        "test/index",
        "train/image",
        "train/index",
    ]


def test_classes_get_the_names_that_the_user_gives_in_the_order_of_their_labels(stage, npz):
    staged = stage_labels(stage, npz, np.array([3, 1, 2] * 4), class_names=("ant", "bee", "cat"))
    assert staged.checked.class_names == ("ant", "bee", "cat")
    assert staged.array("train/label").tolist() == [2, 0, 1] * 4


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([1, 2] * 6, ("a", "b", "c"), "3 names came for 2 classes, which are in order 1, 2$"),
        (list(range(6)) * 2, ("a",), "1 names came for 6 classes, .* 0, 1, 2, 3, 4, ...$"),
        ([1, 2] * 6, ("a", "a"), "two classes would have the same name"),
        ([1, 2] * 6, ("a", " "), "' ' cannot be the name of a class"),
    ],
)
def test_names_that_do_not_fit_the_classes_are_refused(stage, npz, labels, names, message):
    with pytest.raises(InputError, match=message):
        stage_labels(stage, npz, np.array(labels), class_names=names)


def test_images_without_labels_have_no_classes_to_be_named(stage, npz):
    with pytest.raises(InputError, match="the images have no labels"):
        stage(npz(x_train=IMAGES, x_test=IMAGES), class_names=("a", "b"))
