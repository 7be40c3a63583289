import numpy as np
import pytest

from aevae.config import DataConfig
from analysis.maths.decoder import decode
from analysis.measures import nearest_training
from analysis.measures.study import Study
from analysis.sweep.load import open_sweep
from analysis.tables import memorisation
from analysis.tables.registry import compute_table


@pytest.fixture
def copying(build_sweep, make_config, tmp_path, rewrite_results):
    """A VAE whose first samples are training images."""
    folder = build_sweep(tmp_path / "s", [make_config("vae", 2)])
    train = open_sweep(folder).images("train")

    def copy(arrays):
        arrays["samples/prior/image"][:10] = train[5:15]

    rewrite_results(folder, copy)
    return open_sweep(folder)


def test_copies_are_found_and_have_distance_nought(copying):
    study = Study(copying)
    pairs = nearest_training.sample_pairs(study, copying.runs[0])
    relative = nearest_training.relative_distance(study, pairs)
    assert pairs.rows[:10].tolist() == [*range(5, 15)]
    assert relative[:10].tolist() == [0] * 10
    assert (relative[10:] > 0.9).all()


def test_an_image_that_a_run_was_not_trained_on_is_no_copy(
    build_sweep, make_config, tmp_path, rewrite_results
):
    data = DataConfig(train_images=12)
    folder = build_sweep(tmp_path / "s", [make_config("vae", 2, data=data)])
    train = open_sweep(folder).images("train")

    def copy(arrays):
        arrays["samples/prior/image"][:10] = train[5:15]

    rewrite_results(folder, copy)
    study = Study(open_sweep(folder))
    pairs = nearest_training.sample_pairs(study, study.sweep.runs[0])
    relative = nearest_training.relative_distance(study, pairs)
    assert relative[:7].tolist() == [0] * 7
    assert (relative[7:] > 0.9).all()
    assert pairs.rows.max() < 12
    assert "nearest of the 12 training images" in memorisation.caption(study)


def test_distances_are_relative_to_test_images_of_the_same_digit(copying):
    study = Study(copying)
    pairs = nearest_training.sample_pairs(study, copying.runs[0])
    relative = nearest_training.relative_distance(study, pairs)
    train, test = (copying.images(split).reshape(-1, 784) / 255 for split in ("train", "test"))
    distance = np.sqrt(((test[:, None] - train[None]) ** 2).sum(axis=2))
    near = copying.labels("train")[distance.argmin(axis=1)]
    sample = np.sqrt(
        (
            (nearest_training.samples(copying, copying.runs[0])[20].reshape(784) / 255 - train) ** 2
        ).sum(axis=1)
    )
    digit = copying.labels("train")[sample.argmin()]
    typical = np.median(distance.min(axis=1)[near == digit])
    assert relative[20] == pytest.approx(sample.min() / typical)


def test_table_counts_who_is_nearer_than_new_digits(copying):
    rows = compute_table(Study(copying), "memorisation").set_index("digit")
    assert rows["n"]["all"] == rows["n"].drop("all").sum() == 30
    assert rows["nearer"]["all"] >= 1 / 3
    assert (rows["sampler"] == "prior").all()


def test_reconstructions_are_decoded_from_a_sampled_z_and_compared_with_their_own_training_images(
    build_sweep, make_config, tmp_path
):
    data = DataConfig(train_images=12)
    study = Study(open_sweep(build_sweep(tmp_path / "s", [make_config("vae", 2, data=data)])))
    (run,) = study.sweep.runs
    train = study.sweep.images("train")[:12].reshape(12, -1) / 255
    with study.sweep.open(run) as results:
        z, weights = results.array("test/z"), results.weights()
    images = decode(run.config, weights, z).reshape(len(z), -1)
    expected = ((images[:, None] - train[None]) ** 2).sum(axis=2).min(axis=1)
    found = nearest_training.reconstruction_pairs(study, run, "test")
    assert found.sse == pytest.approx(expected, rel=0.01)
    assert nearest_training.reconstruction_pairs(study, run, "train").rows.shape == (12,)
