"""Training must do what is documented, learn, and go on exactly where it was stopped."""

import math
import signal
import time

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR

from aevae.config import TrainConfig
from aevae.data.sources import Split, load_dataset
from aevae.errors import Interrupted, RunFailed
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.layout import SweepPaths
from aevae.files.schema import open_results
from aevae.models.networks import build_model
from aevae.training import loop
from aevae.training.loop import (
    DeviceImages,
    TrainState,
    evaluate_totals,
    train,
)
from aevae.training.run import execute
from aevae.training.seeds import derive_seed
from aevae.training.stages import choose_device

CPU = torch.device("cpu")


def noise_images(count, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    return DeviceImages.of(Split(images, labels, np.arange(count)), 10, CPU)


def textbook_metrics(config, model, data, rows, kl_weight, noise):
    """Sums of loss, SSE and KL over some images, with torch's own distributions."""
    x = data.images[rows] / 255
    y = functional.one_hot(data.labels[rows].long(), 10).float()
    if config.dynamic_binarisation:
        x = torch.bernoulli(x, generator=noise)
    z, logvar = model.encode(x, y)
    kl = torch.zeros(())
    if logvar is not None:
        posterior = Normal(z, (logvar / 2).exp())
        kl = kl_divergence(posterior, Normal(0, 1)).sum()
        z = z + posterior.scale * torch.empty_like(z).normal_(generator=noise)
    p = torch.sigmoid(model.decode(z, y))
    squared = ((p - x) ** 2).sum()
    cross_entropy = functional.binary_cross_entropy(p, x, reduction="sum")
    error = squared if config.likelihood == "gaussian" else cross_entropy
    return torch.stack([error + kl_weight * kl, squared, kl])


def textbook_training(config, data, val):
    """The same training as a tutorial would write it: weights, and loss, SSE, KL by epoch."""

    def generator(purpose, epoch):
        return torch.Generator().manual_seed(derive_seed(config.seed, purpose, epoch))

    model = build_model(config, derive_seed(config.seed, "init"))
    settings = config.train
    optimizer = torch.optim.AdamW(
        model.parameters(),
        settings.learning_rate,
        betas=(settings.adam_beta1, settings.adam_beta2),
        weight_decay=settings.weight_decay,
    )
    steps = math.ceil(len(data) / settings.batch_size)
    scheduler = CosineAnnealingLR(optimizer, steps * settings.epochs)
    history = []
    for epoch in range(settings.epochs):
        kl_weight = config.model.kl_weight
        if config.model.kl_warmup_epochs:
            kl_weight *= (epoch + 1) / config.model.kl_warmup_epochs
        noise, sums = generator("noise", epoch), torch.zeros(3)
        order = torch.randperm(len(data), generator=generator("shuffle", epoch))
        for rows in order.split(settings.batch_size):
            metrics = textbook_metrics(config.model, model, data, rows, kl_weight, noise)
            optimizer.zero_grad()
            (metrics[0] / len(rows)).backward()
            rate = optimizer.param_groups[0]["lr"]
            optimizer.step()
            scheduler.step()
            sums += metrics.detach()
        noise = generator("validation", epoch)
        with torch.no_grad():
            val_sums = textbook_metrics(config.model, model, val, slice(None), kl_weight, noise)
        history.append([rate, *(sums / len(data)).tolist(), *(val_sums / len(val)).tolist()])
    return model.state_dict(), np.array(history)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("ae", {}),
        ("cvae", {"kl_weight": 2.0, "kl_warmup_epochs": 4}),
        ("vae", {"likelihood": "bernoulli", "dynamic_binarisation": True}),
    ],
)
def test_a_run_is_what_a_textbook_s_loop_gives(kind, settings, tiny_config):
    """A run can be repeated with torch alone, from its configuration and its seed."""
    # The last batch is smaller, and no setting has its default value.
    optimisation = TrainConfig(
        epochs=3,
        batch_size=16,
        learning_rate=3e-3,
        weight_decay=0.5,
        adam_beta1=0.8,
        adam_beta2=0.9,
        schedule="cosine",
    )
    config = tiny_config(kind, seed=7, **settings).model_copy(update={"train": optimisation})
    data, val = noise_images(56, 1), noise_images(20, 2)
    weights, history = textbook_training(config, data, val)
    state = TrainState.new(config, CPU)
    assert list(train(config, state, data, val)) == [1, 2, 3]
    for name, value in state.model.state_dict().items():
        torch.testing.assert_close(value, weights[name], rtol=1e-3, atol=1e-5)
    names = [f"{split}/{name}" for split in ("train", "val") for name in ("loss", "sse", "kl")]
    found = np.array([state.history[name] for name in ["learning_rate", *names]]).T
    np.testing.assert_allclose(found, history, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("kind", ["vae", "sigma-vae"])
def test_a_run_goes_on_from_its_state_as_if_it_had_not_stopped(kind, tiny_config):
    config = tiny_config(kind, epochs=4)
    data, val = noise_images(40, 1), noise_images(20, 2)
    whole, stopped = TrainState.new(config, CPU), TrainState.new(config, CPU)
    started = time.perf_counter()
    assert list(train(config, whole, data, val)) == [1, 2, 3, 4]
    elapsed = time.perf_counter() - started
    first = train(config, stopped, data, val)
    assert (next(first), next(first)) == (1, 2)
    assert list(train(config, stopped, data, val)) == [3, 4]
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, stopped.model.state_dict()[name])
    seconds = whole.history.pop("epoch_seconds"), stopped.history.pop("epoch_seconds")
    assert whole.history == stopped.history
    assert 0 < sum(seconds[0]) < elapsed
    assert len(seconds[1]) == 4


@pytest.mark.parametrize(
    ("warmup", "losses", "trained", "kept"),
    [
        (0, [5.0, 4.0, 4.5, 4.0, 1.0, 1.0], 4, 2),  # an equal loss is no improvement
        (0, [5.0, 4.0, 4.5, 3.0, 3.5, 1.0], 6, 6),
        (0, [6.0, 5.0, 4.0, 3.0, 2.0, 2.5], 6, 5),  # also where it did not stop early
        (3, [1.0, 1.0, 5.0, 4.0, 4.5, 4.5], 6, 4),  # the third epoch is the first with full weight
        (3, [1.0, 1.0, 5.0, 5.0, 5.0, 4.5], 5, 3),
        (9, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 6, 6),
    ],
)
def test_training_stops_without_a_lower_loss_and_keeps_the_best_weights(
    warmup, losses, trained, kept, tiny_config, monkeypatch
):
    config = tiny_config("vae", hidden_sizes=[4], kl_warmup_epochs=warmup)
    settings = TrainConfig(epochs=6, batch_size=16, early_stopping=2)
    config, data = config.model_copy(update={"train": settings}), noise_images(16, 1)
    coming = iter(losses)
    monkeypatch.setattr(loop, "evaluate_totals", lambda *_: torch.full((3,), next(coming) * 16))
    state, biases = TrainState.new(config, CPU), []
    for _ in train(config, state, data, data):
        biases.append(state.model.output.bias.detach().clone())
    assert (state.epoch, state.kept_epoch) == (trained, kept)
    assert torch.equal(state.kept_weights["output.bias"], biases[kept - 1])
    assert not torch.equal(biases[0], biases[1])
    # Also after the checkpoint of its last epoch was loaded.
    assert list(train(config, state, data, data)) == []


# The variance of a posterior is the exponential: that of 100 is too large for single precision.
@pytest.mark.parametrize(("logvar", "loss"), [(math.nan, "nan"), (100, "inf")])
def test_divergence_is_said_with_its_epoch(logvar, loss, tiny_config):
    config = tiny_config(epochs=3)
    data = noise_images(40, 1)
    state = TrainState.new(config, CPU)
    epochs = train(config, state, data, data)
    next(epochs)
    with torch.no_grad():
        state.model.logvar.bias.fill_(logvar)
    with pytest.raises(RunFailed, match=f"^diverged: train loss is {loss} in epoch 2$"):
        next(epochs)


def test_validation_sums_over_all_batches(tiny_config, monkeypatch):
    # The autoencoder draws nothing, hence batches cannot differ but in the order of summation.
    config, data = tiny_config("ae"), noise_images(40, 1)
    model = build_model(config)
    whole = evaluate_totals(config.model, model, data, 1.0, torch.Generator())
    monkeypatch.setattr(loop, "VALIDATION_BATCH", 7)
    parts = evaluate_totals(config.model, model, data, 1.0, torch.Generator())
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=0)
    assert not whole.requires_grad


def test_everything_lives_on_the_device_of_the_run(tiny_config):
    # The meta device stands for a GPU: it holds shapes only.
    meta = torch.device("meta")
    split = Split(np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8), np.arange(3))
    images = DeviceImages.of(split, 10, meta)
    assert (images.images.device, images.labels.device) == (meta, meta)
    assert images.images.shape == (3, 784)
    x, y = images.batch(slice(0, 2))
    assert (x.device, y.device) == (meta, meta)
    assert len(images) == 3
    state = TrainState.new(tiny_config(), meta)
    assert {weights.device for weights in state.model.parameters()} == {meta}


@pytest.mark.parametrize("kind", ["ae", "vae", "cvae"])
def test_every_model_learns(kind, tiny_config, weird):
    config = tiny_config(kind, epochs=12)
    dataset = load_dataset(config.data, weird)
    images, val = (DeviceImages.of(split, 10, CPU) for split in (dataset.train, dataset.val))
    state = TrainState.new(config, CPU)
    assert list(train(config, state, images, val)) == list(range(1, 13))
    loss = state.history["val/loss"]
    assert loss[-1] < 0.8 * loss[0]
    if kind != "ae":
        total = [
            a + b for a, b in zip(state.history["val/sse"], state.history["val/kl"], strict=True)
        ]
        assert loss == pytest.approx(total, rel=1e-5)
        assert state.history["val/kl"][-1] > 0


def test_a_short_training_ends_with_the_variance_of_its_errors(tiny_config, weird):
    """Otherwise the likelihoods of a short sweep say nothing of its models."""
    config = tiny_config("sigma-vae", epochs=20)
    dataset = load_dataset(config.data, weird)
    images, val = (DeviceImages.of(split, 10, CPU) for split in (dataset.train, dataset.val))
    state = TrainState.new(config, CPU)
    list(train(config, state, images, val))
    stored = state.model.log_sigma.clone()
    noise = torch.Generator().manual_seed(0)
    loss, squared, kl = evaluate_totals(config.model, state.model, images, 1.0, noise) / len(images)
    assert torch.equal(state.model.log_sigma, stored)
    variance = torch.exp(2 * stored).item()
    assert variance == pytest.approx(squared.item() / 784, rel=0.05)
    # With the best variance, SSE / (2 sigma^2) is V/2 on average.
    at_optimum = 392 * (1 + math.log(2 * squared.item() / 784)) + kl.item()
    assert loss.item() == pytest.approx(at_optimum, abs=1)
    assert state.history["val/loss"][-1] < state.history["val/loss"][0]


# The rate becomes so large after the first epoch that the second is worse.
EARLY = {"schedule": "steps", "step_epochs": [1], "step_factor": 300.0, "early_stopping": 1}


@pytest.mark.parametrize(
    ("kind", "training", "images", "epochs"), [("cvae", EARLY, 300, 2), ("sigma-vae", {}, "all", 4)]
)
def test_a_stopped_run_goes_on_bit_for_bit(
    kind, training, images, epochs, weird, tiny_config, plan, small_evaluation
):
    config = tiny_config(kind)
    config = config.model_copy(
        update={
            "train": TrainConfig(epochs=4, batch_size=256, **training),
            "data": config.data.model_copy(update={"train_images": images}),
        }
    )
    found = []
    for stops in (False, True):
        sweep = SweepPaths(weird / str(stops))
        paths = plan(sweep, config)
        if stops:
            stop = StopRequest()
            stop.signal = signal.SIGUSR2
            with pytest.raises(Interrupted, match="SIGUSR2 after epoch 1"):
                execute(sweep, config.run_id, ExecutionConfig(threads=1), small_evaluation, stop)
            assert [p.name for p in paths.checkpoints()] == ["checkpoint-000001.pt"]
        execute(sweep, config.run_id, ExecutionConfig(threads=1), small_evaluation, StopRequest())
        with open_results(paths) as results:
            found.append({name: results.array(name).tobytes() for name in results.all_names()})
            assert results.provenance["attempt"] == 1 + stops
            assert results.shape("history/val/loss") == (epochs,)
            assert results.kept_epoch == (1 if training else epochs)
    differing = {name for name in found[0] if found[0][name] != found[1][name]}
    assert differing == {"history/epoch_seconds"}


def test_a_missing_device_is_said_at_once():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(RunFailed, match="no_device: device 'cuda' was asked for"):
        choose_device("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trains_to_about_the_same_loss_as_the_cpu(tiny_config, weird):
    config = tiny_config(epochs=5)
    dataset = load_dataset(config.data, weird)
    losses = []
    for device in (CPU, torch.device("cuda")):
        images, val = (DeviceImages.of(split, 10, device) for split in (dataset.train, dataset.val))
        state = TrainState.new(config, device)
        list(train(config, state, images, val))
        losses.append(state.history["val/loss"][-1])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
