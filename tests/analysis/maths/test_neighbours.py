import numpy as np
import pytest

from analysis.maths import neighbours


def test_nearest_agrees_with_all_distances_over_several_chunks(monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK_VALUES", 7 * 784 + 1)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28), dtype=np.uint8)
    queries = np.concatenate([rng.integers(0, 256, (5, 28, 28), dtype=np.uint8), images[[33, 2]]])
    rows, sse = neighbours.nearest(queries, images)
    distance = ((queries[:, None] / 255 - images[None] / 255) ** 2).sum(axis=(2, 3))
    assert rows.tolist() == distance.argmin(axis=1).tolist()
    assert sse == pytest.approx(distance.min(axis=1))
    assert rows[-2:].tolist() == [33, 2]
    assert sse[-2:].tolist() == [0, 0]


def test_of_equal_images_the_first_is_taken(monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK_VALUES", 2 * 784)
    images = np.repeat(np.array([9, 200, 9, 200, 9], dtype=np.uint8), 784).reshape(5, 28, 28)
    rows, _ = neighbours.nearest(images, images)
    assert rows.tolist() == [0, 1, 0, 1, 0]
