import numpy as np
import pytest

from analysis.measures import interpolation
from analysis.measures.interpolation import measure


@pytest.fixture
def ends():
    rng = np.random.default_rng(0)
    return rng.random((2, 28, 28))


def line(shares, ends):
    return np.array([(1 - s) * ends[0] + s * ends[1] for s in shares])[None]


def test_a_straight_and_even_path_measures_one(study, ends):
    lines = measure(study, line(np.linspace(0, 1, 11), ends))
    assert lines.length == pytest.approx([1])
    assert lines.jump == pytest.approx([1])


def test_a_detour_is_longer_and_a_jump_is_seen(study, ends):
    # There, back and there again; and all at once.
    detour = measure(study, line([0, 1, 0, 1], ends))
    jump = measure(study, line([0, 0, 0, 1, 1], ends))
    assert detour.length == pytest.approx([3])
    assert (jump.length, jump.jump) == (pytest.approx([1]), pytest.approx([4]))


def test_a_line_on_which_nothing_happens_is_straight(study, ends):
    lines = measure(study, line([0, 0, 0], ends))
    assert (lines.length, lines.jump) == (pytest.approx([1]), pytest.approx([1]))


def test_changes_of_the_classified_digit_are_counted(study, monkeypatch):
    class Fixed:
        def __init__(self, digits, confidence):
            self.look_at = lambda images: np.eye(10)[digits] * confidence

    judges = Fixed([3, 3, 8, 8, 3], 0.8), Fixed([3, 3, 3, 3, 3], 0.95)
    monkeypatch.setattr(interpolation, "find_judges", lambda study: judges)
    lines = measure(study, np.random.default_rng(0).random((1, 5, 28, 28)))
    assert lines.changes.tolist() == [[2], [0]]
    assert lines.unsure.tolist() == [[1], [0]]


def test_both_ends_of_a_line_show_one_digit(complete):
    labels = complete.labels("test")
    pairs = interpolation.draw_pairs(labels, 10)
    assert len(pairs) == interpolation.PAIRS
    assert (labels[pairs[:, 0]] == labels[pairs[:, 1]]).all()
    assert (pairs[:, 0] != pairs[:, 1]).all()
