"""The trained decoders in NumPy, so that any z can be decoded without torch.

Reads the parameters stored below ``/weights``; docs/results-format.md says how they fit together.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from aevae.files.hdf5 import Array


def layer_names(names: Iterable[str], part: str) -> list[str]:
    """Name the hidden layers of the ``encoder`` or ``decoder`` in order: ``decoder.0``, ..."""
    found = {name.rsplit(".", 1)[0] for name in names if name.startswith(f"{part}.")}
    return sorted(found, key=lambda name: int(name.rsplit(".", 1)[1]))


def decode(
    weights: Mapping[str, Array],
    z: Array,
    labels: Array | None = None,
    *,
    image_shape: tuple[int, ...],
) -> NDArray[Any]:
    """Decode latents as the trained model does; the images are not rounded.

    Parameters
    ----------
    weights
        Trained parameters by name: `aevae.files.schema.Results.weights`.
    z
        Latents, shape (..., d).
    labels
        Requested classes, shape (...), if the model is conditional.
    image_shape
        Of an image: (height, width), or (height, width, 3) in colour.

    Returns
    -------
    ndarray
        Intensities in [0, 1], shape (..., *image_shape).
    """
    hidden = z.reshape(-1, z.shape[-1]).astype(np.float32)
    layers = layer_names(weights, "decoder")
    if labels is not None:
        classes = weights[f"{layers[0]}.weight"].shape[1] - z.shape[-1]
        one_hot = np.eye(classes, dtype=np.float32)[labels.reshape(-1)]
        hidden = np.concatenate([hidden, one_hot], axis=1)
    for name in layers:
        hidden = np.maximum(_linear(weights, name, hidden), 0)
    return expit(_linear(weights, "output", hidden)).reshape(*z.shape[:-1], *image_shape)


def _linear(weights: Mapping[str, Array], name: str, inputs: Array) -> Array:
    product: Array = inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return product
