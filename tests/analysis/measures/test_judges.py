"""The judges on real digits: those of scikit-learn, drawn larger."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from analysis.measures.judges import judge, panel, training_set
from analysis.measures.judges.judge import PLAIN, STRONG, Judge, Recipe, train_judge
from analysis.measures.judges.panel import find_judges
from analysis.measures.quality import SURE
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient, open_sweep


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    images = np.kron(data.images * (255 / 16), np.ones((1, 3, 3)))
    return np.pad(images, ((0, 0), (2, 2), (2, 2))).round().astype(np.uint8), data.target


@pytest.fixture(scope="module", params=(PLAIN, STRONG), ids=("plain", "strong"))
def trained_on_digits(request, digits):
    images, labels = digits
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "LEAST_STEPS", 250)
        return train_judge(Recipe(request.param, 0), images[:1400], labels[:1400], 10)


def confidence(trained, images):
    return trained.look_at(images).max(axis=1)


def test_digits_are_told_apart_and_what_is_none_is_not_taken_for_one(digits, trained_on_digits):
    images, labels = (part[1400:] for part in digits)
    rng = np.random.default_rng(0)
    blends = images[rng.integers(len(images), size=(200, 6))].mean(axis=1).round()
    noise = rng.integers(0, 256, (200, 28, 28))
    mean = np.repeat(images.mean(axis=0)[None], 2, axis=0).round()
    assert (trained_on_digits.look_at(images).argmax(axis=1) == labels).mean() > 0.85
    assert (confidence(trained_on_digits, images) >= SURE).mean() > 0.7
    for none in (blends, noise, mean):
        assert (confidence(trained_on_digits, none.astype(np.uint8)) >= SURE).mean() < 0.05


def test_probabilities_are_those_of_the_network(digits):
    rows, labels = digits[0][:200].reshape(-1, 784).astype(np.float32) / 255, digits[1][:200]
    classes = np.where(np.arange(200) % 7, labels, 10)
    network = MLPClassifier(PLAIN.hidden, random_state=1)
    for _ in range(20):
        network.partial_fit(rows, classes, classes=np.unique(classes))
    same = Judge(Recipe(PLAIN, 1), [*zip(network.coefs_, network.intercepts_, strict=True)])
    expected = network.predict_proba(digits[0][200:300].reshape(-1, 784).astype(np.float32) / 255)
    assert same.look_at(digits[0][200:300]) == pytest.approx(expected[:, :10], abs=1e-5)


def test_judges_are_trained_once_and_again_only_if_a_file_is_of_no_use(
    sweep_dir, tmp_path, monkeypatch, flip_byte
):
    sweep = open_sweep(sweep_dir)
    trained = []

    def train(recipe, *data):
        trained.append(recipe.name)
        return train_judge(recipe, *data)

    monkeypatch.setattr(panel, "train_judge", train)
    monkeypatch.setattr(panel, "RECIPES", (Recipe(PLAIN, 0), Recipe(PLAIN, 1), Recipe(STRONG, 0)))

    def find():
        trained.clear()
        found = find_judges(Study(sweep, tmp_path / "kept %s é"))
        return [array for each in found for layer in each.layers for array in layer]

    first = find()
    assert trained == ["strong-0", "plain-1", "plain-0"]
    assert not np.array_equal(first[0], first[6])  # each random state gives another judge
    assert all(map(np.array_equal, first, find()))
    assert trained == []
    flip_byte(tmp_path / "kept %s é" / "judge-plain-1.h5", "0/weight")
    assert all(map(np.array_equal, first, find()))
    assert trained == ["plain-1"]
    other = Recipe(replace(STRONG, learning_rate=0.003), 0)
    monkeypatch.setattr(panel, "RECIPES", (Recipe(PLAIN, 0), other))
    find()
    assert trained == ["strong-0"]


def test_a_class_without_training_images_is_never_seen(digits, monkeypatch):
    images, labels = digits
    monkeypatch.setattr(judge, "LEAST_STEPS", 200)
    known = labels[:600] != 3
    trained = train_judge(Recipe(PLAIN, 0), images[:600][known], labels[:600][known], 10)
    seen = trained.look_at(images[600:])
    assert (seen[:, 3] == 0).all()
    others = labels[600:] != 3
    assert (seen.argmax(axis=1) == labels[600:])[others].mean() > 0.8


def test_images_in_colour_are_blurred_and_moved_channel_by_channel(monkeypatch):
    monkeypatch.setattr(training_set, "BLURS", (1.0, 1.0))
    monkeypatch.setattr(training_set, "ALIKE", 1)
    red = np.zeros((40, 8, 8, 3), dtype=np.float32)
    red[:, 3:5, 3:5, 0] = 1
    labels, rng = np.arange(40) % 2, np.random.default_rng(0)
    rows, targets = training_set.augment(red.reshape(40, -1), labels, 2, (8, 8, 3), rng)
    images = rows[targets < 2].reshape(-1, 8, 8, 3)
    assert images[..., 1:].max() == 0
    assert len(np.unique(images[:, 2, 2, 0])) > 1  # some are blurred
    moved = training_set.moved(red.reshape(40, -1), (8, 8, 3), rng).reshape(-1, 8, 8, 3)
    assert moved[..., 1:].max() == 0
    assert len(np.unique(moved[..., 0], axis=0)) == 40


def test_a_move_keeps_an_image_in_its_place_and_shifts_it_by_no_more_than_it_says(monkeypatch):
    bar = np.zeros((200, 12, 20), dtype=np.float32)
    bar[:, 4:8, 6:14] = 1
    monkeypatch.setattr(training_set, "SHIFT", 0.1)
    monkeypatch.setattr(training_set, "ALIKE", 1)
    moved = training_set.moved(bar.reshape(200, -1), (12, 20), np.random.default_rng(0))
    moved = moved.reshape(200, 12, 20)
    mass = moved.sum(axis=(1, 2))
    rows, columns = (moved.sum(axis=3 - axis) @ np.arange(moved.shape[axis]) for axis in (1, 2))
    assert mass == pytest.approx(np.full(200, 32), rel=0.25)
    for centre, middle, most in ((rows / mass, 5.5, 1.2), (columns / mass, 9.5, 2)):
        assert abs(centre - middle).max() < most * 1.1 + 0.1
        assert centre.mean() == pytest.approx(middle, abs=0.2)
        assert abs(centre - middle).max() > most / 2


def test_what_needs_two_classes_is_left_out_with_the_reason(
    build_sweep, make_config, make_data, tmp_path
):
    data = make_data((6, 5), ["cat"], "animal")
    study = Study(open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 2, data=data)])))
    with pytest.raises(MissingIngredient, match="all training images are of one animal"):
        find_judges(study)


def test_too_few_training_images_give_no_judges(study, monkeypatch):
    monkeypatch.setattr(panel, "LEAST_IMAGES", 61)
    with pytest.raises(MissingIngredient, match="fewer than 61 training images"):
        find_judges(Study(study.sweep))
