"""The training loop, a generator that yields after every epoch."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from aevae.config import ModelConfig, RunConfig, TrainConfig
from aevae.data.sources import Split
from aevae.errors import RunFailed
from aevae.models.losses import kl_divergence, sse
from aevae.models.networks import Autoencoder, build_model, one_hot
from aevae.training.graphed import GraphedStep, has_graphs
from aevae.training.precision import Precision, choose_precision
from aevae.training.seeds import derive_seed

VALIDATION_BATCH = 2000
METRICS = ("loss", "sse", "kl")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceImages:
    """Images, (N, V) uint8, and labels, (N,) int64, on the device; batches are scaled to [0, 1]."""

    images: Tensor
    labels: Tensor
    classes: int

    @classmethod
    def of(cls, split: Split, classes: int, device: torch.device) -> "DeviceImages":
        """Copy images and labels to the device; images without classes count as one class."""
        flat = torch.tensor(split.images.reshape(len(split.images), -1), device=device)
        labels = torch.tensor(split.labels.astype(np.int64), device=device)
        return cls(flat, labels, max(classes, 1))

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, rows: slice) -> "DeviceImages":
        """Return some of these images, without copying them."""
        return DeviceImages(self.images[rows], self.labels[rows], self.classes)

    def batch(self, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return (B, V) intensities in [0, 1] and (B, C) one-hot labels."""
        return self.images[rows].float().div_(255), one_hot(self.labels[rows], self.classes)


@dataclass(frozen=True)
class Best:
    """The epoch with the least validation loss so far: its number (from 1), loss and weights."""

    epoch: int
    loss: float
    weights: dict[str, Tensor]


@dataclass
class TrainState:
    """The state of training. A checkpoint stores it, and training can continue from it exactly."""

    model: Autoencoder
    optimizer: torch.optim.Optimizer
    precision: Precision
    scaler: torch.amp.GradScaler
    epoch: int = 0
    """Epochs completed."""
    history: dict[str, list[float]] = field(default_factory=dict)
    """Per epoch: ``train/loss`` ... ``val/kl`` per image, ``epoch_seconds``, ``learning_rate``."""
    best: Best | None = None
    """With early stopping, as soon as an epoch counts."""

    @classmethod
    def new(
        cls, config: RunConfig, device: torch.device, precision: Precision | None = None
    ) -> "TrainState":
        """Build the state before the first epoch; `precision` None: chosen for the device."""
        if precision is None:
            precision, reason = choose_precision(config.train.precision, device)
            if config.train.precision != "float32":
                log.info("precision %s", reason)
        model = build_model(config, derive_seed(config.seed, "init")).to(device)
        optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=config.train.learning_rate,
            betas=(config.train.adam_beta1, config.train.adam_beta2),
            weight_decay=config.train.weight_decay,
            fused=True,
        )
        return cls(model, optimizer, precision, precision.scaler(device))

    @property
    def kept_epoch(self) -> int:
        """Number (from 1) of the epoch whose weights are those of the trained model."""
        return self.best.epoch if self.best else self.epoch

    @property
    def kept_weights(self) -> dict[str, Tensor]:
        """Weights of the kept epoch."""
        return self.best.weights if self.best else self.model.state_dict()

    def keep_best(self, config: RunConfig) -> None:
        """Keep the weights if early stopping is on and no epoch so far has a lower loss.

        In the warm-up, the weight of the KL term rises from epoch to epoch. Losses with different
        weights cannot be compared, so the first epoch that counts is the first with full weight.
        """
        if not config.train.early_stopping or self.epoch < config.model.kl_warmup_epochs:
            return
        loss = self.history["val/loss"][-1]
        if self.best is None or loss < self.best.loss:
            weights = {name: value.clone() for name, value in self.model.state_dict().items()}
            self.best = Best(self.epoch, loss, weights)


def train(
    config: RunConfig, state: TrainState, train_data: DeviceImages, val_data: DeviceImages
) -> Iterator[int]:
    """Train `state` in place until it is finished; yield the completed epochs after each epoch.

    All random numbers derive from the run's seed and the epoch. So training that continues from a
    saved state gives the same numbers as training without an interruption.

    Raises
    ------
    RunFailed
        The loss became NaN or infinite (``diverged``).
    """
    device = train_data.images.device
    batch_size, seed = config.train.batch_size, config.seed
    steps_per_epoch = math.ceil(len(train_data) / batch_size)
    total_steps = steps_per_epoch * config.train.epochs
    noise = torch.Generator(device)
    step = make_step(config, state, train_data, noise)

    while not is_finished(config, state):
        started, epoch = time.perf_counter(), state.epoch
        kl_weight = kl_weight_at(config.model, epoch)
        noise.manual_seed(derive_seed(seed, "noise", epoch))
        order = torch.randperm(
            len(train_data),
            generator=seeded_generator(device, seed, "shuffle", epoch),
            device=device,
        )
        totals = torch.zeros(len(METRICS), device=device)
        rate = config.train.learning_rate
        for number, rows in enumerate(order.split(batch_size)):
            rate = learning_rate_at(config.train, epoch * steps_per_epoch + number, total_steps)
            totals += step(rows, rate, kl_weight)

        validation = seeded_generator(device, seed, "validation", epoch)
        val_totals = evaluate_totals(config.model, state.model, val_data, kl_weight, validation)
        # Copying these totals to the CPU is the only wait for the device in an epoch.
        _record(state, "train", (totals / len(train_data)).tolist())
        _record(state, "val", (val_totals / len(val_data)).tolist())
        state.history.setdefault("learning_rate", []).append(rate)
        state.history.setdefault("epoch_seconds", []).append(time.perf_counter() - started)
        state.epoch = epoch + 1
        state.keep_best(config)
        yield state.epoch


def is_finished(config: RunConfig, state: TrainState) -> bool:
    """Whether all epochs are trained, or the validation loss has not fallen for too many."""
    patience = config.train.early_stopping
    if patience and state.best and state.epoch - state.best.epoch >= patience:
        return True
    return state.epoch >= config.train.epochs


def make_step(
    config: RunConfig, state: TrainState, data: DeviceImages, noise: torch.Generator
) -> Callable[[Tensor, float, float], Tensor]:
    """Return the optimisation step of a run.

    It takes the rows of a batch, (B,), the learning rate and the weight of the KL term. It changes
    `state` and returns the `batch_metrics`. On a CUDA device it is a replayed graph.
    """

    def step(rows: Tensor, kl_weight: float | Tensor) -> Tensor:
        state.model.train()
        x, y = data.batch(rows)
        state.optimizer.zero_grad(set_to_none=True)
        with state.precision.tf32():
            with state.precision.autocast(x.device):
                metrics = batch_metrics(config.model, state.model, x, y, kl_weight, noise)
            state.scaler.scale(metrics[0] / len(rows)).backward()
        state.scaler.step(state.optimizer)
        state.scaler.update()
        return metrics.detach()

    if has_graphs(noise.device) and len(data) >= config.train.batch_size:
        return GraphedStep(
            step, state.model, state.optimizer, state.scaler, noise, config.train.batch_size
        )

    def plain(rows: Tensor, rate: float, kl_weight: float) -> Tensor:
        state.optimizer.param_groups[0]["lr"] = rate
        return step(rows, kl_weight)

    return plain


def batch_metrics(
    config: ModelConfig,
    model: Autoencoder,
    x: Tensor,
    y: Tensor,
    kl_weight: float | Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Return the sums over a batch of the loss, the SSE and the KL, (3,); loss and KL in nats.

    With the Gaussian likelihood of variance 1/2, the loss is SSE + kl_weight * KL. For a weight of
    1, that is the negative ELBO up to a constant (Kingma & Welling 2014, equation 10).
    """
    if config.dynamic_binarisation:
        x = torch.bernoulli(x, generator=generator)
    # Under mixed precision, the layers return 16-bit numbers.
    posterior = model.encode(x, y).float()
    logits = model.decode(posterior.sample(generator), y).float()
    errors = sse(logits, x)
    squared = errors.sum()
    error = model.reconstruction_loss(logits, x, errors).sum()
    if posterior.logvar is None:
        return torch.stack([error, squared, torch.zeros_like(error)])
    kl = kl_divergence(posterior).sum()
    return torch.stack([error + kl_weight * kl, squared, kl])


@torch.no_grad()
def evaluate_totals(
    config: ModelConfig,
    model: Autoencoder,
    data: DeviceImages,
    kl_weight: float,
    generator: torch.Generator,
) -> Tensor:
    """Return the sums of `batch_metrics` over a whole split, (3,); z is sampled.

    The model is in evaluation mode afterwards.
    """
    model.eval()
    totals = torch.zeros(len(METRICS), device=data.images.device)
    for start in range(0, len(data), VALIDATION_BATCH):
        x, y = data.batch(slice(start, start + VALIDATION_BATCH))
        totals += batch_metrics(config, model, x, y, kl_weight, generator)
    return totals


def learning_rate_at(config: TrainConfig, step: int, total_steps: int) -> float:
    """Return the learning rate of a step (from 0); it depends on no earlier step.

    ``constant`` is always the peak, and ``cosine`` falls from the peak to 0 along a cosine.
    ``one-cycle`` rises from 1/25 of the peak to the peak in the first 30 % of the steps, and then
    falls to 1/250,000 of the peak, both along a cosine. Source: Smith & Topin, Super-Convergence
    (2018). ``triangular`` is a line from 0 to the peak over the first half of the training, and a
    line back to 0 over the second; step n has the value at n + 1/2, so that no rate is 0. Source:
    Smith, Cyclical Learning Rates (2017). ``steps`` is the peak times `step_factor` for each of the
    `step_epochs` that are over.
    """
    peak, done = config.learning_rate, step / total_steps
    if config.schedule == "steps":
        epoch = step * config.epochs // total_steps
        return peak * config.step_factor ** sum(epoch >= end for end in config.step_epochs)
    if config.schedule == "cosine":
        return _cosine(peak, 0.0, done)
    if config.schedule == "triangular":
        middle = (step + 0.5) / total_steps
        return peak * 2 * min(middle, 1 - middle)
    if config.schedule == "one-cycle":
        if done < 0.3:
            return _cosine(peak / 25, peak, done / 0.3)
        return _cosine(peak, peak / 250_000, (done - 0.3) / 0.7)
    return peak


def kl_weight_at(config: ModelConfig, epoch: int) -> float:
    """Return the weight of the KL term in an epoch (from 0); it rises linearly in the warm-up."""
    if config.kl_warmup_epochs == 0:
        return config.kl_weight
    return config.kl_weight * min(1.0, (epoch + 1) / config.kl_warmup_epochs)


def seeded_generator(
    device: torch.device, run_seed: int, purpose: str, step: int = 0
) -> torch.Generator:
    """Return the random generator on `device` for one purpose and step of a run."""
    return torch.Generator(device).manual_seed(derive_seed(run_seed, purpose, step))


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * done))


def _record(state: TrainState, split: str, values: list[float]) -> None:
    for name, value in zip(METRICS, values, strict=True):
        if not math.isfinite(value):
            raise RunFailed("diverged", f"{split} {name} is {value} in epoch {state.epoch + 1}")
        state.history.setdefault(f"{split}/{name}", []).append(value)
