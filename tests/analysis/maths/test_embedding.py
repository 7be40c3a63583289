import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from aevae.files.hdf5 import InvalidFile
from analysis.maths import embedding as layout
from analysis.maths.embedding import Layout, Phase, class_accuracy, embed, neighbour_ranks
from analysis.measures.embedding.cache import read_embedding, write_embedding


def clusters(n=120, d=5, seed=0):
    """Three groups far apart, with labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], n // 3)
    points = 20 * np.eye(d)[labels] + rng.normal(size=(n, d))
    return points.astype("f4"), labels


@pytest.fixture(scope="module")
def embedded():
    points, labels = clusters()
    return points, labels, embed(points)


# --- layout ---------------------------------------------------------------------------------------


def test_groups_stay_together(embedded):
    _, labels, embedding = embedded
    assert embedding.tsne.plane.shape == (120, 2)
    assert class_accuracy(embedding.tsne.plane, labels) == 1


def test_pca_is_that_of_the_points(embedded):
    points, _, embedding = embedded
    centred = points - points.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ axes[:2].T
    plane = embedding.pca.plane * expected[:, 0].std()
    assert np.abs(plane) == pytest.approx(np.abs(expected), abs=1e-4)


def test_the_layout_is_that_of_the_documented_recipe():
    # So many points of so many dimensions that 50 components are kept, and found with a seed.
    rng = np.random.default_rng(0)
    points = rng.normal(size=(505, 80)) * np.linspace(2, 0.5, 80)
    points = points[np.lexsort(points.T)]
    embedding = embed(points)
    rotated = PCA(50, random_state=0).fit_transform(points)
    rotated = (rotated / rotated[:, 0].std()).astype("f4")
    assert np.array_equal(embedding.pca.plane, rotated[:, :2])
    assert np.array_equal(embedding.tsne.plane, layout.tsne(rotated))
    for found in (embedding.pca, embedding.tsne):
        assert (found.plane.dtype, found.ranks.dtype) == (np.float32, np.int32)
        assert np.array_equal(found.ranks, neighbour_ranks(points, found.plane)[0])


@pytest.mark.nightly
def test_as_many_neighbours_are_kept_as_by_scikit_learn():
    points = load_digits().data[:500].astype("f4")
    ours = embed(points).tsne
    placed = TSNE(init="pca", random_state=0).fit_transform(points)
    other = Layout(placed, neighbour_ranks(points, placed)[0])
    assert ours.preservation > other.preservation - 0.01
    assert ours.trustworthiness > other.trustworthiness - 0.003


def test_groups_of_many_points_stay_together_too(monkeypatch):
    # Points count as many if they are 5,000, which would take seconds.
    monkeypatch.setattr(layout, "GRID_POINTS", 100)
    monkeypatch.setattr(layout, "PHASES", (Phase(30, 6, 1 / 6, 2), Phase(30, 1, 1, 1)))
    points, labels = clusters()
    assert class_accuracy(layout.tsne(points), labels) == 1


def test_the_order_of_points_does_not_matter(embedded):
    points, _, embedding = embedded
    shuffled = np.random.default_rng(1).permutation(len(points))
    again = embed(points[shuffled])
    for method in ("pca", "tsne"):
        layout, other = getattr(embedding, method), getattr(again, method)
        assert np.array_equal(other.plane, layout.plane[shuffled])
        assert np.array_equal(other.ranks, layout.ranks[shuffled])


# --- scores ---------------------------------------------------------------------------------------


def test_scores_agree_with_independent_computations():
    rng = np.random.default_rng(0)
    points, plane = rng.normal(size=(150, 8)), rng.normal(size=(150, 2))
    layout = Layout(plane, neighbour_ranks(points, plane)[0])
    assert layout.trustworthiness == pytest.approx(trustworthiness(points, plane, n_neighbors=15))
    near = [nearest(points, i) & nearest(plane, i) for i in range(150)]
    assert layout.preservation == pytest.approx(np.mean([len(kept) / 15 for kept in near]))
    assert 0 < layout.preservation < 0.5


def test_ranks_do_not_depend_on_the_origin_or_on_how_much_memory_is_used(monkeypatch):
    rng = np.random.default_rng(0)
    points, plane = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    ranks = neighbour_ranks(points, plane)[0]
    # So far away that the squares of the coordinates hold nothing of the distances.
    far = points + np.array([1e8, -2e8, 3e8])
    assert np.array_equal(neighbour_ranks(far, plane)[0], ranks)
    # Whole numbers have many equal distances, which rounding in single precision would reorder.
    stored = rng.integers(0, 4, (40, 3)).astype("f4")
    exact = neighbour_ranks(stored.astype("f8"), plane)[0]
    assert np.array_equal(neighbour_ranks(stored, plane)[0], exact)
    monkeypatch.setattr(layout, "_CHUNK_BYTES", 7 * 40 * 8)  # seven rows at a time
    assert np.array_equal(neighbour_ranks(points, plane)[0], ranks)


def nearest(points, i):
    """The 15 nearest of point i, by the definition."""
    distances = np.linalg.norm(points - points[i], axis=1)
    distances[i] = np.inf
    return set(np.argsort(distances)[:15])


def test_nothing_is_lost_where_the_plane_is_the_input():
    plane = np.random.default_rng(0).normal(size=(100, 2))
    layout = Layout(plane, neighbour_ranks(plane, plane)[0])
    assert (layout.preservation, layout.trustworthiness) == (1, 1)


def test_accuracy_is_that_of_a_vote_without_the_point_itself():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 100)
    plane = rng.normal(size=(100, 2)) + 1.5 * labels[:, None] % 4
    vote = KNeighborsClassifier(15)
    predicted = cross_val_predict(vote, plane, labels, cv=LeaveOneOut())
    assert class_accuracy(plane, labels) == pytest.approx((predicted == labels).mean())


# --- files ----------------------------------------------------------------------------------------


def test_what_was_written_is_read(embedded, weird):
    points, _, embedding = embedded
    path = weird / "embeddings" / "images.h5"
    write_embedding(path, embedding, points)
    again = read_embedding(path, points)
    assert np.array_equal(again.tsne.plane, embedding.tsne.plane)
    assert again.pca.preservation == embedding.pca.preservation


def test_other_points_are_not_taken_for_these(embedded, weird):
    points, _, embedding = embedded
    path = weird / "images.h5"
    write_embedding(path, embedding, points)
    other = points.copy()
    other[-1, -1] += 1
    with pytest.raises(InvalidFile, match=r"images\.h5: made from other data"):
        read_embedding(path, other)


def test_another_recipe_is_not_taken_for_this_one(embedded, weird, monkeypatch):
    points, _, embedding = embedded
    path = weird / "images.h5"
    write_embedding(path, embedding, points)
    monkeypatch.setitem(layout.RECIPE, "perplexity", 29)
    with pytest.raises(InvalidFile, match="or by another recipe"):
        read_embedding(path, points)
