"""The classifier on real digits: those of scikit-learn, drawn larger."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from analysis.measures import classifier
from analysis.measures.classifier import Classifier, find_classifier, train_classifier
from analysis.measures.quality import SURE
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    images = np.kron(data.images * (255 / 16), np.ones((1, 3, 3)))
    return np.pad(images, ((0, 0), (2, 2), (2, 2))).round().astype(np.uint8), data.target


@pytest.fixture(scope="module")
def trained_on_digits(digits):
    images, labels = digits
    return train_classifier(images[:1400], labels[:1400], 10)


def confidence(trained, images):
    return trained.probabilities(trained.features(images)).max(axis=1)


def test_digits_are_told_apart_and_what_is_none_is_not_taken_for_one(digits, trained_on_digits):
    images, labels = (part[1400:] for part in digits)
    rng = np.random.default_rng(0)
    blends = images[rng.integers(len(images), size=(200, 6))].mean(axis=1).round()
    noise = rng.integers(0, 256, (200, 28, 28))
    mean = np.repeat(images.mean(axis=0)[None], 2, axis=0).round()
    assert trained_on_digits.accuracy(images, labels) > 0.85
    assert (confidence(trained_on_digits, images) >= SURE).mean() > 0.7
    for none in (blends, noise, mean):
        assert (confidence(trained_on_digits, none.astype(np.uint8)) >= SURE).mean() < 0.05


def test_probabilities_are_those_of_the_network(digits):
    rows, labels = digits[0][:200].reshape(-1, 784).astype(np.float32) / 255, digits[1][:200]
    classes = np.where(np.arange(200) % 7, labels, 10)
    network = MLPClassifier(classifier.HIDDEN, max_iter=300, random_state=1).fit(rows, classes)
    same = Classifier([*zip(network.coefs_, network.intercepts_, strict=True)])
    found = same.probabilities(same.features(digits[0][200:300]))
    expected = network.predict_proba(digits[0][200:300].reshape(-1, 784).astype(np.float32) / 255)
    assert found == pytest.approx(expected[:, :10], abs=1e-5)


def test_it_is_trained_once_and_again_only_if_its_file_is_of_no_use(
    sweep_dir, tmp_path, monkeypatch, flip_byte
):
    sweep = open_sweep(sweep_dir)
    trained = []
    monkeypatch.setattr(
        classifier, "train_classifier", lambda *data: trained.append(1) or train_classifier(*data)
    )

    def find():
        return find_classifier(Study(sweep, tmp_path / "kept %s é")).layers

    first = find()
    again = find()
    assert len(trained) == 1
    for (weight, bias), (read_weight, read_bias) in zip(first, again, strict=True):
        assert np.array_equal(weight, read_weight)
        assert np.array_equal(bias, read_bias)
    flip_byte(tmp_path / "kept %s é" / "classifier.h5", "0/weight")
    assert np.array_equal(find()[0][0], first[0][0])
    assert len(trained) == 2
    monkeypatch.setattr(classifier, "RECIPE", "another")
    find()
    assert len(trained) == 3


def test_a_class_without_training_images_is_never_seen(digits):
    images, labels = digits
    known = labels[:600] != 3
    trained = train_classifier(images[:600][known], labels[:600][known], 10)
    seen = trained.probabilities(trained.features(images[600:]))
    assert (seen[:, 3] == 0).all()
    others = labels[600:] != 3
    assert (seen.argmax(axis=1) == labels[600:])[others].mean() > 0.8


def test_images_in_colour_are_blurred_channel_by_channel(monkeypatch):
    monkeypatch.setattr(classifier, "BLURS", (1.0, 1.0))
    red = np.zeros((40, 8, 8, 3), dtype=np.float32)
    red[:, 3:5, 3:5, 0] = 1
    labels = np.arange(40) % 2
    rows, targets = classifier.augment(red.reshape(40, -1), labels, 2, (8, 8, 3))
    images = rows[targets < 2].reshape(-1, 8, 8, 3)
    assert images[..., 1:].max() == 0
    assert len(np.unique(images[:, 2, 2, 0])) > 1  # some are blurred


def test_what_needs_two_classes_is_left_out_with_the_reason(
    build_sweep, make_config, make_data, tmp_path
):
    data = make_data((6, 5), ["cat"], "animal")
    study = Study(open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 2, data=data)])))
    with pytest.raises(MissingIngredient, match="all training images are of one animal"):
        find_classifier(study)


def test_too_few_training_images_give_no_classifier(study, monkeypatch):
    monkeypatch.setattr(classifier, "LEAST_IMAGES", 61)
    with pytest.raises(MissingIngredient, match="fewer than 61 training images"):
        find_classifier(Study(study.sweep))
