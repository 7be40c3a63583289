"""A whole run: what is published must follow from the model and the images it names."""

import errno
import faulthandler
import logging
import os
import re
import sys

import h5py
import numpy as np
import pytest
import torch
from scipy.stats import norm

from aevae.data.sources import load_dataset
from aevae.errors import InputError, Interrupted, RunFailed
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.attempt import Attempt, SlurmJob, read_record
from aevae.files.fields import SCHEMA_VERSION, evaluation_fields, training_fields
from aevae.files.layout import SweepPaths
from aevae.files.schema import check_results, check_training, open_results
from aevae.models.networks import load_weights, one_hot
from aevae.training import run
from aevae.training.run import execute, is_done

CPU = ExecutionConfig(device="cpu", threads=1)


@pytest.fixture
def working(monkeypatch):
    """A function that replaces the work on a run; it returns what each worker was given."""
    given = []

    def replace(work):
        class Worker:
            def __init__(self, *arguments):
                given.append(arguments)
                self.paths = arguments[1]

            def train_and_evaluate(self, *arguments):
                given.append(arguments)
                work(self.paths)

        monkeypatch.setattr(run, "_stages", lambda: Worker)
        return given

    return replace


@pytest.fixture
def finished(weird, tiny_config, plan, small_evaluation, publish):
    """A run with valid files, in which all numbers are zero; and the function that writes them."""
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    images = {"N_train": 3, "N_val": 2, "N_test": 4, "P": 2}
    arrays = {}
    for field in [*training_fields(config), *evaluation_fields(config, small_evaluation)]:
        shape = [images.get(size, size) for size in field.dims or (2,)]
        arrays[field.path.replace("*", "mu.bias")] = np.zeros(shape, field.dtype)

    def write(**settings):
        other = tiny_config(**settings)
        publish(paths, other, small_evaluation, arrays, {"host": "here"}, "0" * 64)

    write()
    return paths, write


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
        elbo = -(r["test/sse_at_sample"].astype("f8") + r["test/kl"]) - 392 * np.log(np.pi)
        # Of two samples instead of one.
        assert r["test/iwae_bound"].mean() > elbo.mean()
        size = r["test/effective_sample_size"]
        assert ((size > 0.999) & (size < 2.001)).all()
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


def test_a_newer_configuration_in_a_file_is_no_damage(weird, tiny_config, plan, small_evaluation):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    with h5py.File(paths.trained, "r+") as file:
        file.attrs["config"] = '{"version": 6}'
    content = paths.trained.read_bytes()
    with pytest.raises(InputError, match="written by a newer aevae: configuration version 6"):
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    assert paths.trained.read_bytes() == content
    assert not paths.trained.with_suffix(".h5.damaged").exists()


def test_results_too_large_to_be_stored_are_refused_before_training(
    weird, tiny_config, plan, small_evaluation
):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    large = small_evaluation.model_copy(update={"samples_per_sampler": 2_800_000})
    with pytest.raises(RunFailed, match=r"too_large: samples/prior/image: shape .* is larger than"):
        execute(sweep, config.run_id, CPU, large, StopRequest())
    assert not paths.progress.exists()


class OutOfMemoryError(RuntimeError):
    """Named like torch's, which need not be importable."""


FAILURES = [
    (Interrupted("SIGTERM after epoch 1"), "interrupted", "SIGTERM after epoch 1", None),
    (RunFailed("diverged", "in epoch 2"), "failed", "diverged: in epoch 2", None),
    (ImportError("no libcuda\nat all"), "failed", "ImportError: no libcuda", "broken_library"),
    (MemoryError("at once"), "failed", "out_of_memory", "out_of_memory"),
    (
        OutOfMemoryError("CUDA\nTried\n..."),
        "failed",
        "out_of_memory",
        "out_of_memory",
    ),
    (RuntimeError("x: can't allocate memory: y"), "failed", "out_of_memory", "out_of_memory"),
    (OSError(errno.ENOSPC, "full"), "failed", "disk_full", "disk_full"),
    (OSError(errno.EDQUOT, "full"), "failed", "disk_full", "disk_full"),
    (OSError(errno.EIO, "odd"), "failed", "error: OSError: [Errno 5] odd", None),
    (ValueError("can't allocate memory\n"), "failed", "error: ValueError: can't allocate", None),
    (RuntimeError("odd"), "failed", "error: RuntimeError: odd", None),
]


@pytest.mark.parametrize(("error", "outcome", "reason", "code"), FAILURES)
def test_why_a_run_ended_is_recorded_and_said(
    weird, tiny_config, plan, small_evaluation, working, error, outcome, reason, code
):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)

    def fail(_paths):
        raise error

    working(fail)
    with pytest.raises(RunFailed if code else type(error)) as caught:
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    record = read_record(paths.attempt(1))
    assert record.outcome == outcome
    if code is None:
        assert caught.value is error
        assert record.reason.startswith(reason)
    else:
        assert caught.value.reason == code
        assert caught.value.__cause__ is error
        first = str(error).splitlines()[0]
        said = f"{code}: {reason}" if reason.startswith("ImportError") else f"{code}: {first}"
        assert str(caught.value) == said
        assert record.reason == (said if reason.startswith("ImportError") else reason)


def test_a_library_that_is_missing_is_named_with_what_to_install(
    weird, tiny_config, plan, small_evaluation, monkeypatch
):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    monkeypatch.setitem(sys.modules, "aevae.training.stages", None)  # as if it were not there
    with pytest.raises(RunFailed, match=r"; pip install 'aevae\[train\]'$") as caught:
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    assert caught.value.reason == "broken_library"
    assert read_record(paths.attempt(1)).reason == str(caught.value)


def test_a_run_is_done_by_what_it_was_given(weird, tiny_config, plan, small_evaluation, working):
    sweep, config, stop = SweepPaths(weird), tiny_config(), StopRequest()
    paths = plan(sweep, config)
    job = SlurmJob("12_3", "14", name="train")

    def write(paths):
        paths.trained.write_bytes(b"1234")
        paths.evaluation.write_bytes(b"12345")

    given = working(write)
    root = logging.getLogger()
    before = list(root.handlers)
    execute(sweep, config.run_id, CPU, small_evaluation, stop, slurm_job=job)
    assert root.handlers == before
    attempt = given[0][-1]
    assert isinstance(attempt, Attempt)
    assert given == [(sweep, paths, config, small_evaluation, CPU, attempt), (None, stop)]
    record = read_record(paths.attempt(1))
    assert (record.outcome, record.reason) == ("done", None)
    assert (record.training_bytes, record.results_bytes) == (4, 5)
    assert (record.evaluation, record.slurm_job) == (small_evaluation.digest, job)
    assert paths.attempt(1).stderr.exists()
    assert not paths.attempt(1).stdout.exists()


def test_a_batch_job_keeps_its_output_and_says_where_it_crashes(
    weird, tiny_config, plan, small_evaluation, working, monkeypatch
):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    descriptors = []
    monkeypatch.setattr(faulthandler, "enable", lambda *, file: descriptors.append(file))
    kept = [os.dup(descriptor) for descriptor in (1, 2)]

    def work(paths):
        os.write(1, b"said")
        paths.trained.touch()
        paths.evaluation.touch()

    working(work)
    try:
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest(), capture=True)
    finally:
        for number, descriptor in enumerate(kept, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)
    assert paths.attempt(1).stdout.read_bytes() == b"said"
    assert descriptors == [2]


def test_a_run_that_is_not_there_and_one_that_cannot_be_read_are_named(
    weird, tiny_config, plan, small_evaluation
):
    sweep, config = SweepPaths(weird), tiny_config()
    missing = re.escape(f"{sweep.root} has no run {config.run_id}")
    with pytest.raises(InputError, match=f"^{missing}$"):
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    paths = plan(sweep, config)
    paths.config.write_bytes(b"\xff")
    with pytest.raises(InputError, match=f"^{re.escape(str(paths.config))} is not JSON: "):
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())
    paths.root.rename(weird.parent / "elsewhere")
    paths.root.symlink_to(weird.parent / "elsewhere")
    with pytest.raises(InputError, match="leads out of the sweep"):
        execute(sweep, config.run_id, CPU, small_evaluation, StopRequest())


def test_a_done_run_is_left_alone_and_its_images_are_written_again_after_a_purge(
    weird, tiny_config, finished, small_evaluation, caplog, monkeypatch
):
    paths, _ = finished
    dataset = load_dataset(tiny_config().data, weird)
    dataset.write(weird / "before.h5")
    stored = {(tiny_config().data, weird / "data"): dataset}
    monkeypatch.setattr(run, "load_dataset", lambda *given: stored[given])
    caplog.set_level(logging.INFO)
    with_data = CPU.model_copy(update={"data_dir": weird / "data"})
    execute(paths.sweep, paths.run_id, with_data, small_evaluation, StopRequest())
    assert caplog.messages == [f"{paths.run_id} is done already"]
    assert paths.attempts() == []
    assert paths.sweep.dataset.read_bytes() == (weird / "before.h5").read_bytes()
    written = paths.sweep.dataset.stat().st_mtime_ns
    execute(paths.sweep, paths.run_id, CPU, small_evaluation, StopRequest())
    assert paths.sweep.dataset.stat().st_mtime_ns == written


def test_a_run_is_done_when_both_files_are_and_with_these_settings(finished, small_evaluation):
    paths, _ = finished
    assert is_done(paths, small_evaluation)
    assert not is_done(paths, small_evaluation.model_copy(update={"grid_size": 5}))
    paths.evaluation.unlink()
    assert not is_done(paths, small_evaluation)
    paths.trained.unlink()
    assert not is_done(paths, small_evaluation)


@pytest.mark.parametrize("name", ["trained", "evaluation"])
def test_a_damaged_file_is_kept_under_another_name(finished, small_evaluation, caplog, name):
    paths, _ = finished
    path = getattr(paths, name)
    path.write_bytes(b"not HDF5")
    assert not is_done(paths, small_evaluation)
    assert not path.exists()
    assert (paths.root / f"{name}.h5.damaged").read_bytes() == b"not HDF5"
    (line,) = caplog.messages
    expected = f"{re.escape(str(path))}: not a readable HDF5 file .*; renamed to {name}.h5.damaged"
    assert re.fullmatch(expected, line)


def test_the_files_of_another_run_are_not_taken_for_this_one_s(finished, small_evaluation, caplog):
    paths, write = finished
    write(seed=1)
    other = check_training(paths.trained).run_id
    assert not is_done(paths, small_evaluation)
    expected = f"{paths.trained}: holds the run {other}; renamed to trained.h5.damaged"
    assert caplog.messages == [expected]


@pytest.mark.parametrize("name", ["trained", "evaluation"])
def test_a_newer_file_is_neither_renamed_nor_taken(finished, small_evaluation, name):
    paths, _ = finished
    path = getattr(paths, name)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION + 1
    content = path.read_bytes()
    with pytest.raises(InputError, match=f"by a newer aevae: schema version {SCHEMA_VERSION + 1}"):
        execute(paths.sweep, paths.run_id, CPU, small_evaluation, StopRequest())
    assert path.read_bytes() == content
    assert paths.attempts() == []


def test_a_trained_run_is_not_trained_again(finished, small_evaluation, working):
    paths, _ = finished
    given = working(lambda _paths: None)
    finer = small_evaluation.model_copy(update={"grid_size": 5})
    execute(paths.sweep, paths.run_id, CPU, finer, StopRequest())
    trained, _ = given[1]
    assert trained == check_training(paths.trained)
