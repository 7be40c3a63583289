"""The trained decoders in NumPy, so that any z can be decoded without torch.

Reads the parameters stored below ``/weights``; docs/results-format.md says how they fit together.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from aevae.config import RunConfig
from aevae.files.hdf5 import Array

# By the setting `activation`; docs/results-format.md defines them.
ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky-relu": lambda x: np.maximum(x, np.float32(0.01) * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * expit(np.float32(np.sqrt(8 / np.pi)) * (x + np.float32(0.044715) * x**3)),
    "silu": lambda x: x * expit(x),
    "tanh": np.tanh,
}


def layer_names(names: Iterable[str], part: str) -> list[str]:
    """Name the hidden layers of the ``encoder`` or ``decoder`` in order: ``decoder.0``, ..."""
    found = {name.rsplit(".", 1)[0] for name in names if name.startswith(f"{part}.")}
    return sorted(found, key=lambda name: int(name.rsplit(".", 1)[1]))


def decode(
    config: RunConfig, weights: Mapping[str, Array], z: Array, labels: Array | None = None
) -> NDArray[Any]:
    """Decode latents as the trained model does; the images are not rounded.

    Parameters
    ----------
    config
        Settings of the run: the activation, and the shape of an image.
    weights
        Trained parameters by name: `aevae.files.schema.Results.weights`.
    z
        Latents, shape (..., d).
    labels
        Requested classes, shape (...), if the model is conditional.

    Returns
    -------
    ndarray
        Intensities in [0, 1], shape (..., *image_shape).
    """
    hidden = z.reshape(-1, z.shape[-1]).astype(np.float32)
    layers, activation = layer_names(weights, "decoder"), ACTIVATIONS[config.model.activation]
    if labels is not None:
        classes = weights[f"{layers[0]}.weight"].shape[1] - z.shape[-1]
        one_hot = np.eye(classes, dtype=np.float32)[labels.reshape(-1)]
        hidden = np.concatenate([hidden, one_hot], axis=1)
    for name in layers:
        hidden = activation(_linear(weights, name, hidden))
    intensities = expit(_linear(weights, "output", hidden))
    return intensities.reshape(*z.shape[:-1], *config.data.image_shape)


def _linear(weights: Mapping[str, Array], name: str, inputs: Array) -> Array:
    product: Array = inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return product
