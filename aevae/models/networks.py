"""Autoencoder, variational autoencoder and conditional variational autoencoder.

Shapes: B images in a batch, V values in an image (pixels, times 3 in colour), C classes, d latent
size. All kinds of models have the same methods:

    posterior = model.encode(x, y)         x (B, V) in [0, 1], y (B, C) one-hot
    logits = model.decode(z, y)            z (B, d); the image is sigmoid(logits)
    loss = model.reconstruction_loss(logits, x, sse(logits, x))

The posterior of the autoencoder is a single point: `mu` is the code, and `logvar` is None. Only the
conditional model uses `y`.
"""

import importlib
import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from aevae.config import RunConfig
from aevae.files.hdf5 import Array
from aevae.models.losses import bce, sse
from aevae.models.posterior import Posterior

# By the setting `activation`. `aevae.models.plain` has the same functions in NumPy.
ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": partial(nn.ReLU, inplace=True),
    "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": partial(nn.GELU, approximate="tanh"),
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


class Autoencoder(nn.Module):
    """Encoder and decoder of linear layers; the base class of all other models."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        hidden, values = config.model.hidden_sizes, config.data.values
        class_inputs = config.data.classes if config.model.traits.conditional else 0
        relu = config.model.latent_activation == "relu"
        self.gaussian = config.model.likelihood == "gaussian"
        self.latent_activation = nn.ReLU() if relu else nn.Identity()
        activation = ACTIVATIONS[config.model.activation]
        self.encoder = _hidden_layers([values + class_inputs, *hidden], activation)
        self.mu = nn.Linear(hidden[-1], config.model.latent_size)
        latents = config.model.latent_size + class_inputs
        self.decoder = _hidden_layers([latents, *reversed(hidden)], activation)
        self.output = nn.Linear(hidden[0], values)

    def encode(self, x: Tensor, y: Tensor) -> Posterior:
        """Encode (B, V) intensities to codes (B, d)."""
        return Posterior(self.latent_activation(self.mu(self.encoder(x))), None)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Decode (B, d) codes to (B, V) logits of the intensities."""
        logits: Tensor = self.output(self.decoder(z))
        return logits

    def reconstruction_loss(self, logits: Tensor, x: Tensor, squared: Tensor) -> Tensor:
        """Return -log p(x|z) per image, (B,), in nats; for a Gaussian without the term V/2 ln(pi).

        The Gaussian decoder has variance 1/2, so its loss is `squared`, the sum of squared errors
        of each image, (B,). The loss of the Bernoulli decoder is the binary cross-entropy.
        """
        return squared if self.gaussian else bce(logits, x)

    def log_likelihood(self, logits: Tensor, x: Tensor) -> Tensor:
        """Return log p(x|z) per image, (B,), in nats, with all constants."""
        log_p = -self.reconstruction_loss(logits, x, sse(logits, x))
        return log_p - 0.5 * x.shape[1] * math.log(math.pi) if self.gaussian else log_p


class VAE(Autoencoder):
    """An autoencoder with a second output of the encoder: the log-variance beside the mean."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.logvar = nn.Linear(config.model.hidden_sizes[-1], config.model.latent_size)

    def encode(self, x: Tensor, y: Tensor) -> Posterior:
        """Encode (B, V) intensities to the mean and log-variance of q(z|x), (B, d) each."""
        hidden = self.encoder(x)
        return Posterior(self.mu(hidden), self.logvar(hidden))


class ConditionalVAE(VAE):
    """A VAE that gets the label as input: the one-hot y is appended to x and to z."""

    def encode(self, x: Tensor, y: Tensor) -> Posterior:
        """Encode (B, V) intensities and (B, C) labels to mean and log-variance of q(z|x,y)."""
        return super().encode(torch.cat([x, y], dim=1), y)

    def decode(self, z: Tensor, y: Tensor) -> Tensor:
        """Decode (B, d) codes and (B, C) labels to (B, V) logits."""
        return super().decode(torch.cat([z, y], dim=1), y)


def build_model(config: RunConfig, seed: int = 0) -> Autoencoder:
    """Build a model with random parameters drawn from `seed`.

    By default they are those of `torch.nn.Linear`: weights and biases are uniform within
    1 / sqrt(inputs) of zero. With the initialisation ``he-encoder``, the weights of the encoder's
    hidden layers are normal with variance 2 / inputs and their biases are zero. With ReLU, the mean
    square of a signal then stays the same from layer to layer. Source: He et al., Delving Deep into
    Rectifiers (2015), equation 10.

    The parameters are drawn on the CPU, so that they are the same for every device.
    """
    module, name = config.model.traits.network.split(":")
    network: type[Autoencoder] = getattr(importlib.import_module(module), name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = network(config)
        if config.train.initialisation == "he-encoder":
            for layer in model.encoder:
                if isinstance(layer, nn.Linear):
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                    nn.init.zeros_(layer.bias)
        return model


def load_weights(config: RunConfig, weights: Mapping[str, Array]) -> Autoencoder:
    """Rebuild a trained model from the parameters that a file of results holds as arrays.

    The model is in evaluation mode.
    """
    model = build_model(config)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model.eval()


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Turn (B,) int64 labels into (B, C) float one-hot rows."""
    # functional.one_hot waits for the device, because it checks the range of the labels. Selecting
    # rows of the identity matrix does not wait.
    return torch.eye(classes, device=labels.device)[labels]


def _hidden_layers(sizes: list[int], activation: Callable[[], nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers)
