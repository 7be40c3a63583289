"""A whole run: what is published must follow from the model and the images it names."""

import h5py
import numpy as np
import pytest
import torch
from scipy.stats import norm

from aevae.errors import InputError, RunFailed
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.layout import SweepPaths
from aevae.files.schema import check_results, open_results
from aevae.models.networks import load_weights, one_hot
from aevae.training.run import execute

CPU = ExecutionConfig(device="cpu", threads=1)


@pytest.mark.parametrize("latent_size", [2, 3])
@pytest.mark.parametrize("kind", ["ae", "vae", "cvae"])
def test_published_results_agree_with_images_and_weights(
    weird, tiny_config, plan, kind, latent_size, small_evaluation
):
    sweep, config = SweepPaths(weird), tiny_config(kind, latent_size)
    paths = plan(sweep, config)
    execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    assert check_results(paths).config == config
    assert paths.checkpoints() == []
    with h5py.File(sweep.dataset) as file:
        x = file["test/image"][()].reshape(-1, 784) / 255
    with open_results(paths) as results:
        names = results.all_names()
        r = {name: results.array(name) for name in names}
        model = load_weights(config, results.weights())
    rounded = ((r["test/reconstruction_at_mean"].reshape(-1, 784) / 255 - x) ** 2).sum(axis=1)
    # | |a+e|^2 - |a|^2 | <= 2 |a| |e| + |e|^2, with |e| <= 28 * 0.5 / 255 over 784 pixels.
    error = 28 * 0.5 / 255
    bound = 2 * np.sqrt(rounded) * error + error**2 + 1e-3
    assert (abs(rounded - r["test/sse_at_mean"]) <= bound).all()
    labels = r.get("samples/prior/label", np.zeros(10, dtype="u1"))
    z = torch.from_numpy(r["samples/prior/z"])
    with torch.no_grad():
        decoded = torch.sigmoid(model.decode(z, one_hot(torch.from_numpy(labels).long(), 10)))
    pixels = (decoded * 255).round().to(torch.uint8).numpy().reshape(-1, 28, 28)
    assert (pixels == r["samples/prior/image"]).all()
    if kind != "ae":
        mu, logvar = r["test/mu"].astype("f8"), r["test/logvar"].astype("f8")
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)
        np.testing.assert_allclose(r["test/kl"], kl, rtol=1e-4, atol=1e-5)
        weights = r["test/log_importance_weights"].astype("f8")
        bound_k = np.logaddexp.reduce(weights, axis=1) - np.log(weights.shape[1])
        assert np.isfinite(weights).all()
        assert bound_k.mean() >= weights.mean()
    if latent_size == 2:
        plane = r["grid/quantile/z"].reshape(-1, 3, 3, 2)[-1]
        quantiles = norm.ppf([0.025, 0.5, 0.975])
        np.testing.assert_allclose(plane[0, :, 0], quantiles, atol=1e-6)
        np.testing.assert_allclose(plane[:, 0, 1], quantiles, atol=1e-6)
    before = paths.evaluation.stat().st_mtime_ns
    execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    assert paths.evaluation.stat().st_mtime_ns == before
    assert len(paths.attempts()) == 1


def test_a_binarised_bernoulli_run_works(weird, tiny_config, plan, small_evaluation):
    sweep = SweepPaths(weird)
    config = tiny_config(likelihood="bernoulli", dynamic_binarisation=True)
    paths = plan(sweep, config)
    execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    assert check_results(paths).config == config


def test_same_seed_gives_the_same_bits_and_another_seed_does_not(
    weird, tiny_config, plan, small_evaluation
):
    found = []
    for number, seed in enumerate((0, 0, 1)):
        sweep, config = SweepPaths(weird / str(number)), tiny_config(seed=seed)
        paths = plan(sweep, config)
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
        with open_results(paths) as results:
            found.append({n: results.array(n) for n in results.all_names()})
    first, same, other = found
    for name in first.keys() - {"history/epoch_seconds"}:
        assert first[name].tobytes() == same[name].tobytes(), name
    assert first["test/mu"].tobytes() != other["test/mu"].tobytes()


def test_35_divergence_is_failed_and_never_done(weird, tiny_config, plan, small_evaluation):
    sweep, config = SweepPaths(weird), tiny_config(learning_rate=1e30)
    paths = plan(sweep, config)
    with pytest.raises(RunFailed, match="diverged"):
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    assert not paths.trained.exists()


def test_other_settings_of_the_evaluation_need_no_training(
    weird, tiny_config, plan, small_evaluation
):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    trained, before = paths.trained.read_bytes(), paths.evaluation.read_bytes()
    finer = small_evaluation.model_copy(update={"grid_size": 5})
    execute(sweep, config.run_id, CPU, finer, StopRequest())
    with open_results(paths) as results:
        assert results.evaluation == finer
        assert results.array("grid/quantile/z").shape == (5, 5, 2)
    assert paths.trained.read_bytes() == trained
    assert "epoch 1" not in paths.attempt(2).stderr.read_text()
    execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    assert paths.evaluation.read_bytes() == before


def test_a_file_of_a_newer_release_is_left_as_it_is(weird, tiny_config, plan, small_evaluation):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    for path in (paths.evaluation, paths.trained):
        with h5py.File(path, "r+") as file:
            file.attrs["schema_version"] = 4
        content = path.read_bytes()
        with pytest.raises(InputError, match="written by a newer aevae: schema 4"):
            execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
        assert path.read_bytes() == content
    assert len(paths.attempts()) == 1


def test_a_newer_configuration_in_a_file_is_no_damage(weird, tiny_config, plan, small_evaluation):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    with h5py.File(paths.trained, "r+") as file:
        file.attrs["config"] = '{"version": 5}'
    content = paths.trained.read_bytes()
    with pytest.raises(InputError, match="written by a newer aevae: configuration 5"):
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    assert paths.trained.read_bytes() == content
    assert not paths.trained.with_suffix(".h5.damaged").exists()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"samples_per_sampler": 1_400_000}, "samples/prior/image"),
        ({"importance_samples": 800_000}, "test/log_importance_weights"),
    ],
)
def test_results_too_large_to_be_stored_are_refused_before_training(
    weird, tiny_config, plan, small_evaluation, settings, name
):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    large = small_evaluation.model_copy(update=settings)
    with pytest.raises(RunFailed, match=f"too_large: {name}: shape .* is larger than"):
        execute(sweep, config.run_id, CPU, large, StopRequest())
    assert not paths.progress.exists()


def test_the_dataset_of_a_done_run_is_written_again_after_a_purge(
    weird, tiny_config, plan, small_evaluation
):
    sweep, config = SweepPaths(weird), tiny_config()
    plan(sweep, config)
    execute(sweep, config.run_id, ExecutionConfig(threads=1), small_evaluation, StopRequest())
    content = sweep.dataset.read_bytes()
    sweep.dataset.unlink()
    execute(sweep, config.run_id, ExecutionConfig(threads=1), small_evaluation, StopRequest())
    assert sweep.dataset.read_bytes() == content
