"""Autoencoder, variational autoencoder and conditional variational autoencoder.

All three have the same two methods:

    posterior = model.encode(x, y)         x (B, 784) in [0, 1], y (B, 10) one-hot
    logits = model.decode(z, y)            z (B, d); the image is sigmoid(logits)

The posterior of the autoencoder is a single point: `mu` is the code, and `logvar` is None. Only the
conditional model uses `y`.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from aevae.config import ModelConfig
from aevae.files.hdf5 import Array

PIXELS = 784
CLASSES = 10


class Posterior(NamedTuple):
    """Diagonal Gaussian q(z|x) with mean and log-variance, (B, d) each.

    If `logvar` is None, the posterior is the point `mu` (autoencoder).
    """

    mu: Tensor
    logvar: Tensor | None

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw z, (B, d), by the reparameterisation trick: z = mu + sigma * eps; a point gives mu.

        Source: Kingma & Welling, Auto-Encoding Variational Bayes (2014), section 2.4.
        """
        if self.logvar is None:
            return self.mu
        eps = torch.empty_like(self.mu).normal_(generator=generator)
        return torch.addcmul(self.mu, torch.exp(0.5 * self.logvar), eps)


class Autoencoder(nn.Module):
    """Encoder and decoder of linear layers with ReLU; the base class of the other two models."""

    label_size = 0

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hidden = config.hidden_sizes
        self.latent_activation = nn.ReLU() if config.latent_activation == "relu" else nn.Identity()
        self.encoder = _hidden_layers([PIXELS + self.label_size, *hidden])
        self.mu = nn.Linear(hidden[-1], config.latent_size)
        self.decoder = _hidden_layers([config.latent_size + self.label_size, *reversed(hidden)])
        self.output = nn.Linear(hidden[0], PIXELS)

    def encode(self, x: Tensor, y: Tensor) -> Posterior:
        """Encode (B, 784) intensities to codes (B, d)."""
        return Posterior(self.latent_activation(self.mu(self.encoder(x))), None)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Decode (B, d) codes to (B, 784) logits of the intensities."""
        logits: Tensor = self.output(self.decoder(z))
        return logits


class VAE(Autoencoder):
    """The layers of the autoencoder, and a layer for the log-variance beside that for the mean."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.logvar = nn.Linear(config.hidden_sizes[-1], config.latent_size)

    def encode(self, x: Tensor, y: Tensor) -> Posterior:
        """Encode (B, 784) intensities to the mean and log-variance of q(z|x), (B, d) each."""
        hidden = self.encoder(x)
        return Posterior(self.mu(hidden), self.logvar(hidden))


class ConditionalVAE(VAE):
    """A VAE that gets the label as input: the one-hot y is appended to x and to z."""

    label_size = CLASSES

    def encode(self, x: Tensor, y: Tensor) -> Posterior:
        """Encode (B, 784) intensities and (B, 10) labels to q(z|x,y)."""
        return super().encode(torch.cat([x, y], dim=1), y)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Decode (B, d) codes and (B, 10) labels to (B, 784) logits."""
        return super().decode(torch.cat([z, y], dim=1), y)


_CLASSES: dict[str, type[Autoencoder]] = {"ae": Autoencoder, "vae": VAE, "cvae": ConditionalVAE}


def build_model(config: ModelConfig, seed: int = 0) -> Autoencoder:
    """Build a model with random parameters drawn from `seed`.

    They are drawn on the CPU, so that they are the same for every device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _CLASSES[config.kind](config)


def load_weights(config: ModelConfig, weights: Mapping[str, Array]) -> Autoencoder:
    """Rebuild a trained model from the parameters of a results file, which is not a pickle."""
    model = build_model(config)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model


def one_hot(labels: Tensor) -> Tensor:
    """Turn (B,) integer labels into (B, 10) float one-hot rows."""
    # functional.one_hot checks the range of the labels, for which it waits for the device. Looking
    # up rows of the identity matrix does not wait.
    return torch.eye(CLASSES, device=labels.device)[labels.long()]


def _hidden_layers(sizes: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
