"""The trained networks in NumPy, so that encoding and decoding need no torch.

Shapes: B images in a batch, V values in an image, C classes, d latent size. `PlainNetwork` reads
the parameters stored below ``/weights``; docs/results-format.md says how they fit together. All
numbers are float32. They differ from those of torch only by rounding.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aevae.config import RunConfig
from aevae.files.hdf5 import Array

Floats = NDArray[np.float32]


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x)); no exponential is larger than 1, so none overflows."""
    small = np.exp(-np.abs(x))
    found: Floats = np.where(x >= 0, np.float32(1), small) / (1 + small)
    return found


# By the setting `activation`; docs/results-format.md defines them.
ACTIVATIONS: Mapping[str, Callable[[Floats], Floats]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky-relu": lambda x: np.maximum(x, np.float32(0.01) * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: (
        x * sigmoid(np.float32(np.sqrt(8 / np.pi)) * (x + np.float32(0.044715) * x**3))
    ),
    "silu": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
}


def layer_names(names: Iterable[str], part: str) -> list[str]:
    """Name the hidden layers of the ``encoder`` or ``decoder`` in order: ``decoder.0``, ..."""
    found = {name.rsplit(".", 1)[0] for name in names if name.startswith(f"{part}.")}
    return sorted(found, key=lambda name: int(name.rsplit(".", 1)[1]))


def one_hot(labels: Array, classes: int) -> Floats:
    """Turn (B,) labels into (B, C) one-hot rows."""
    return np.eye(classes, dtype=np.float32)[labels]


@dataclass(frozen=True)
class PlainNetwork:
    """Encoder and decoder of a trained model.

    Parameters
    ----------
    config
        Settings of the run.
    weights
        Trained parameters by name: `aevae.files.schema.Results.weights`.
    """

    config: RunConfig
    weights: Mapping[str, Array]

    def encode(self, x: Floats, y: Floats | None = None) -> tuple[Floats, Floats | None]:
        """Encode images to the mean and log-variance of q(z|x).

        Parameters
        ----------
        x
            Intensities in [0, 1], (B, V).
        y
            Classes as one-hot rows, (B, C), if the model is conditional.

        Returns
        -------
        mu, logvar
            (B, d) each. For an autoencoder `mu` is the code, and `logvar` is None.
        """
        hidden = self._hidden("encoder", x, y)
        mu = self._linear("mu", hidden)
        if self.config.model.traits.variational:
            return mu, self._linear("logvar", hidden)
        return (np.maximum(mu, 0) if self.config.model.latent_activation == "relu" else mu), None

    def decode(self, z: Floats, y: Floats | None = None) -> Floats:
        """Decode codes (B, d), with (B, C) classes, to intensities in [0, 1], (B, V)."""
        return sigmoid(self._linear("output", self._hidden("decoder", z, y)))

    def _hidden(self, part: str, inputs: Floats, y: Floats | None) -> Floats:
        activation = ACTIVATIONS[self.config.model.activation]
        hidden = inputs if y is None else np.concatenate([inputs, y], axis=1)
        for name in layer_names(self.weights, part):
            hidden = activation(self._linear(name, hidden))
        return hidden

    def _linear(self, name: str, inputs: Floats) -> Floats:
        product: Floats = inputs @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return product
