"""Posteriors, errors and reconstructions of the images."""

import torch
from torch import Tensor

from aevae.files import names
from aevae.models.losses import kl_divergence, sse
from aevae.models.posterior import Posterior
from aevae.training.evaluation.evaluator import Arrays, Evaluator, join
from aevae.training.loop import DeviceImages


def training_posteriors(run: Evaluator, data: DeviceImages) -> Arrays:
    """Encode the training images to means and log-variances, or to codes, (N, d) each."""
    means, logvars = [], []
    for x, y in run.batches(data, "train"):
        posterior = run.model.encode(x, y)
        means.append(posterior.mu)
        if posterior.logvar is not None:
            logvars.append(posterior.logvar)
    arrays = {names.of_split("train", names.MU): join(means)}
    return arrays | ({names.of_split("train", names.LOGVAR): join(logvars)} if logvars else {})


def split_arrays(run: Evaluator, data: DeviceImages, name: str) -> Arrays:
    """Return posteriors, errors and reconstructions of the validation or test images.

    For validation images, sampled z and reconstructions are not returned.
    """
    noise = run.generator(f"sample-{name}")
    parts: dict[str, list[Tensor]] = {}
    for x, y in run.batches(data, name):
        posterior = run.model.encode(x, y)
        for key, value in _image_values(run, posterior, x, y, noise).items():
            parts.setdefault(key, []).append(value)
    stored = {key: torch.cat(values) for key, values in parts.items()}
    if name == "val":
        stored = {key: v for key, v in stored.items() if key not in (names.Z, *_IMAGES)}
    return {
        names.of_split(name, key): run.images(value) if key in _IMAGES else value.cpu().numpy()
        for key, value in stored.items()
    }


_IMAGES = (names.RECONSTRUCTION_AT_MEAN, names.RECONSTRUCTION_AT_SAMPLE)


def _image_values(
    run: Evaluator, posterior: Posterior, x: Tensor, y: Tensor, noise: torch.Generator
) -> dict[str, Tensor]:
    logits = run.model.decode(posterior.mu, y)
    values = {
        names.MU: posterior.mu,
        names.SSE_AT_MEAN: sse(logits, x),
        names.RECONSTRUCTION_AT_MEAN: torch.sigmoid(logits),
    }
    if posterior.logvar is not None:
        z = posterior.sample(noise)
        sampled = run.model.decode(z, y)
        values |= {
            names.LOGVAR: posterior.logvar,
            names.KL: kl_divergence(posterior),
            names.Z: z,
            names.SSE_AT_SAMPLE: sse(sampled, x),
            names.RECONSTRUCTION_AT_SAMPLE: torch.sigmoid(sampled),
        }
    return values
