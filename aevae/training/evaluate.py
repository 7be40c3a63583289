"""Everything that needs the trained model, as arrays for the results file.

`evaluate` fills the schema of `aevae.files.schema`; images are rounded to uint8 only after the
errors are computed. A conditional model is told the true label of an image, or the requested digit.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aevae.config import RunConfig
from aevae.data.outliers import make_outliers
from aevae.data.sources import Dataset
from aevae.files.hdf5 import Array
from aevae.files.schema import INTERPOLATION_PAIRS, SAMPLERS
from aevae.models.losses import kl_divergence, kl_per_dimension, log_importance_weight, sse
from aevae.models.networks import CLASSES, Autoencoder, Posterior, one_hot
from aevae.training.loop import DeviceImages, seeded_generator
from aevae.training.seeds import derive_seed

BATCH = 2000
MIXTURE_ROWS = 10_000
MIXTURE_TOLERANCE = 1e-2  # nats per code: finer ones gain nothing on held-out codes
GRID_TAIL = 0.025
TRAVERSAL_SIGMAS = 3.0

Arrays = dict[str, Array]


@dataclass(frozen=True)
class _Evaluator:
    """A trained model with what every part of the evaluation needs."""

    config: RunConfig
    model: Autoencoder
    device: torch.device

    @property
    def variational(self) -> bool:
        return self.config.model.kind != "ae"

    def generator(self, purpose: str) -> torch.Generator:
        return seeded_generator(self.device, self.config.seed, purpose)

    def batches(self, data: DeviceImages, purpose: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (B, 784) inputs and (B, 10) labels of a split.

        A run with dynamic binarisation sees binary images here too, always the same draw.
        """
        generator = self.generator(f"binarise-{purpose}")
        for start in range(0, len(data), BATCH):
            x, y = data.batch(slice(start, start + BATCH))
            if self.config.model.dynamic_binarisation:
                x = torch.bernoulli(x, generator=generator)
            yield x, y

    def decode(self, z: Array, labels: Array) -> NDArray[np.uint8]:
        """Decode (..., d) codes with (...) labels or (..., 10) label weights to uint8 images."""
        soft = labels.ndim == z.ndim
        codes = torch.tensor(z.reshape(-1, z.shape[-1]), dtype=torch.float32)
        flat_labels = torch.tensor(labels.reshape(len(codes), -1) if soft else labels.reshape(-1))
        images = []
        for code, label in zip(codes.split(BATCH), flat_labels.split(BATCH), strict=True):
            y = label.float().to(self.device) if soft else one_hot(label.to(self.device))
            images.append(_to_uint8(torch.sigmoid(self.model.decode(code.to(self.device), y))))
        return np.concatenate(images).reshape(*z.shape[:-1], 28, 28)


@torch.no_grad()
def evaluate(
    config: RunConfig,
    model: Autoencoder,
    dataset: Dataset,
    train_data: DeviceImages,
    data_dir: Path,
) -> Arrays:
    """Compute all datasets of the results file except history and weights.

    Parameters
    ----------
    config, model
        The run and its trained model, on the device of `train_data`.
    dataset
        All splits.
    train_data
        The training split as it already lives on the device.
    data_dir
        Where outlier datasets are staged.

    Returns
    -------
    dict
        Arrays by path, as declared in `aevae.files.schema.result_fields`.
    """
    device = train_data.images.device
    run = _Evaluator(config, model, device)
    val_data = DeviceImages.of(dataset.val.images, dataset.val.labels, device)
    test_data = DeviceImages.of(dataset.test.images, dataset.test.labels, device)
    arrays: Arrays = {"train/mu": _means(run, train_data, "train")}
    arrays |= _split_arrays(run, val_data, "val")
    arrays |= _split_arrays(run, test_data, "test")
    if run.variational:
        arrays["test/log_weights"] = _log_weights(run, test_data)
    arrays |= _samples(run, arrays["train/mu"])
    if config.model.latent_size == 2:
        arrays |= _grids(run, arrays["test/mu"])
    arrays |= _traversal(run, arrays, dataset.test.labels[0])
    arrays |= _interpolations(run, arrays["test/mu"], dataset.test.labels)
    arrays |= _outlier_errors(run, dataset, data_dir)
    return arrays


def weight_arrays(model: Autoencoder) -> Arrays:
    """Trained parameters as arrays for the results file, bit for bit."""
    return {f"weights/{name}": value.cpu().numpy() for name, value in model.state_dict().items()}


def _means(run: _Evaluator, data: DeviceImages, name: str) -> Array:
    return _join(run.model.encode(x, y).mu for x, y in run.batches(data, name))


def _split_arrays(run: _Evaluator, data: DeviceImages, name: str) -> Arrays:
    """Posteriors, errors and reconstructions of the validation or test images."""
    noise = run.generator(f"sample-{name}")
    parts: dict[str, list[Tensor]] = {}
    for x, y in run.batches(data, name):
        posterior = run.model.encode(x, y)
        for key, value in _image_values(run, posterior, x, y, noise).items():
            parts.setdefault(key, []).append(value)
    stored = {key: torch.cat(values) for key, values in parts.items()}
    if name == "val":
        stored = {key: v for key, v in stored.items() if key not in ("z", *_IMAGES)}
    return {
        f"{name}/{key}": _images(value) if key in _IMAGES else value.cpu().numpy()
        for key, value in stored.items()
    }


_IMAGES = ("recon_mean", "recon_sample")


def _image_values(
    run: _Evaluator, posterior: Posterior, x: Tensor, y: Tensor, noise: torch.Generator
) -> dict[str, Tensor]:
    logits = run.model.decode(posterior.mu, y)
    values = {"mu": posterior.mu, "sse_mean": sse(logits, x), "recon_mean": torch.sigmoid(logits)}
    if posterior.logvar is not None:
        z = posterior.sample(noise)
        sampled = run.model.decode(z, y)
        values |= {
            "logvar": posterior.logvar,
            "kl": kl_divergence(posterior),
            "z": z,
            "sse_sample": sse(sampled, x),
            "recon_sample": torch.sigmoid(sampled),
        }
    return values


def _log_weights(run: _Evaluator, data: DeviceImages) -> Array:
    """(N, K) log-weights of K draws of the posterior of each test image."""
    count = run.config.evaluation.importance_samples
    likelihood = run.config.model.likelihood
    noise = run.generator("importance")
    rows = []
    for x, y in run.batches(data, "test"):
        posterior = run.model.encode(x, y)
        draws = []
        for _ in range(count):
            z = posterior.sample(noise)
            logits = run.model.decode(z, y)
            draws.append(log_importance_weight(logits, x, z, posterior, likelihood))
        rows.append(torch.stack(draws, dim=1))
    return _join(rows)


def _samples(run: _Evaluator, train_mu: Array) -> Arrays:
    """Decoder-only generation: from the prior, and from a mixture fitted on the codes."""
    count = run.config.evaluation.samples_per_sampler
    labels = np.repeat(np.arange(CLASSES, dtype=np.uint8), count // CLASSES)
    arrays: Arrays = {}
    for sampler in SAMPLERS:
        rng = np.random.default_rng(derive_seed(run.config.seed, f"samples-{sampler}"))
        if sampler == "prior":
            z = rng.standard_normal((count, train_mu.shape[1]), dtype=np.float32)
        else:
            z = _mixture_samples(run.config, train_mu, count, rng)
        arrays[f"samples/{sampler}/z"] = z
        arrays[f"samples/{sampler}/image"] = run.decode(z, labels)
        if run.config.model.kind == "cvae":
            arrays[f"samples/{sampler}/label"] = labels
    return arrays


def _mixture_samples(
    config: RunConfig, codes: Array, count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Fit a Gaussian mixture with full covariances on the codes and draw (count, d) from it."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    rows = rng.permutation(len(codes))[:MIXTURE_ROWS]
    mixture = GaussianMixture(
        min(config.evaluation.mixture_components, len(rows)),
        reg_covar=1e-4 * float(codes.var(axis=0).mean()) + 1e-6,
        max_iter=50,
        tol=MIXTURE_TOLERANCE,
        random_state=np.random.RandomState(rng.integers(2**32)),  # what scikit-learn takes
    )
    with warnings.catch_warnings():
        # 50 iterations are enough for a sampler; nothing depends on full convergence.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(codes[rows])
    # Fitted in single precision like the codes, too coarse for the checks of mixture.sample().
    shares = mixture.weights_.astype(np.float64)
    parts = [
        mean + rng.standard_normal((size, len(mean))) @ np.linalg.cholesky(covariance).T
        for size, mean, covariance in zip(
            rng.multinomial(count, shares / shares.sum()),
            mixture.means_,
            mixture.covariances_.astype(np.float64),
            strict=True,
        )
    ]
    # Component by component so far; the labels must not follow that order.
    return rng.permutation(np.concatenate(parts), axis=0).astype(np.float32)


def _grids(run: _Evaluator, test_mu: Array) -> Arrays:
    """Planes of codes (rows: z2 upwards, columns: z1), decoded; ten planes if conditional."""
    size = run.config.evaluation.grid_size
    probabilities = np.linspace(GRID_TAIL, 1 - GRID_TAIL, size)
    quantiles = np.array([NormalDist().inv_cdf(p) for p in probabilities])
    low, high = test_mu.min(axis=0), test_mu.max(axis=0)
    axes = {
        "quantile": (quantiles, quantiles),
        "range": (np.linspace(low[0], high[0], size), np.linspace(low[1], high[1], size)),
    }
    arrays: Arrays = {}
    for name, (first, second) in axes.items():
        plane = np.stack(np.meshgrid(first, second), axis=-1).astype(np.float32)
        if run.config.model.kind == "cvae":
            plane = np.repeat(plane[None], CLASSES, axis=0)
            labels = np.broadcast_to(np.arange(CLASSES)[:, None, None], plane.shape[:-1])
        else:
            labels = np.zeros(plane.shape[:-1], dtype=np.int64)
        arrays[f"grid/{name}/z"] = plane
        arrays[f"grid/{name}/image"] = run.decode(plane, np.ascontiguousarray(labels))
    return arrays


def _traversal(run: _Evaluator, arrays: Arrays, label: int) -> Arrays:
    """Vary one dimension at a time around the code of the first test image.

    Each row spans three standard deviations of the training codes about their mean. Order: mean
    KL per dimension, or the codes' variance for the autoencoder, largest first.
    """
    codes, anchor = arrays["train/mu"], arrays["test/mu"][0]
    if run.variational:
        posterior = Posterior(
            torch.from_numpy(arrays["val/mu"]), torch.from_numpy(arrays["val/logvar"])
        )
        information = kl_per_dimension(posterior).mean(dim=0).numpy()
    else:
        information = codes.var(axis=0)
    dims = np.argsort(-information, kind="stable").astype(np.int32)
    steps = np.linspace(-1, 1, run.config.evaluation.traversal_steps) * TRAVERSAL_SIGMAS
    z = np.tile(anchor, (len(dims), len(steps), 1)).astype(np.float32)
    for row, dim in enumerate(dims):
        z[row, :, dim] = codes[:, dim].mean() + steps * codes[:, dim].std()
    labels = np.full(z.shape[:-1], label, dtype=np.int64)
    return {"traversal/z": z, "traversal/image": run.decode(z, labels), "traversal/dim": dims}


def _interpolations(run: _Evaluator, test_mu: Array, labels: Array) -> Arrays:
    """Straight lines between the codes of test images; the label weights move along too.

    Ten pairs within a digit, then ten from each digit to the next.
    """
    rows = [np.flatnonzero(labels == digit) for digit in range(CLASSES)]
    within = [(r[0], r[1]) for r in rows]
    across = [(rows[digit][0], rows[(digit + 1) % CLASSES][0]) for digit in range(CLASSES)]
    pairs = np.array(within + across, dtype=np.int32)
    assert len(pairs) == INTERPOLATION_PAIRS
    share = np.linspace(0, 1, run.config.evaluation.interpolation_steps)[None, :, None]
    start, end = pairs[:, 0], pairs[:, 1]

    def line(values: Array) -> NDArray[np.float32]:
        mixed: NDArray[Any] = (1 - share) * values[start, None] + share * values[end, None]
        return mixed.astype(np.float32)

    z = line(test_mu)
    weights = line(np.eye(CLASSES)[labels])
    return {
        "interpolation/z": z,
        "interpolation/image": run.decode(z, weights),
        "interpolation/pair": pairs,
    }


def _outlier_errors(run: _Evaluator, dataset: Dataset, data_dir: Path) -> Arrays:
    """Errors on images that are no digits, to be compared with those on the test images."""
    arrays: Arrays = {}
    for name in run.config.evaluation.outliers:
        images, labels = make_outliers(name, dataset.test, data_dir)
        data = DeviceImages.of(images, labels, run.device)
        errors, divergences = [], []
        for x, y in run.batches(data, name):
            posterior = run.model.encode(x, y)
            errors.append(sse(run.model.decode(posterior.mu, y), x))
            divergences.append(kl_divergence(posterior))
        arrays[f"ood/{name}/sse_mean"] = _join(errors)
        if run.variational:
            arrays[f"ood/{name}/kl"] = _join(divergences)
    return arrays


def _join(parts: Any) -> Array:  # noqa: ANN401 - any iterable of tensors
    joined: Array = torch.cat(list(parts)).cpu().numpy()
    return joined


def _to_uint8(intensities: Tensor) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = (intensities * 255).round().to(torch.uint8).cpu().numpy()
    return rounded


def _images(intensities: Tensor) -> NDArray[np.uint8]:
    return _to_uint8(intensities).reshape(-1, 28, 28)
