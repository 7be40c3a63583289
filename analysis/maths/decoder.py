"""The trained decoders in NumPy, so that any z can be decoded without torch.

Reads the parameters stored below ``/weights``; docs/results-format.md says how they fit together.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from aevae.files.hdf5 import Array
from analysis.maths import metrics


def layer_names(names: Iterable[str], part: str) -> list[str]:
    """Name the hidden layers of the ``encoder`` or ``decoder`` in order: ``decoder.0``, ..."""
    found = {name.rsplit(".", 1)[0] for name in names if name.startswith(f"{part}.")}
    return sorted(found, key=lambda name: int(name.rsplit(".", 1)[1]))


def decode(weights: Mapping[str, Array], z: Array, digits: Array | None = None) -> NDArray[Any]:
    """Decode latents as the trained model does; the images are not rounded.

    Parameters
    ----------
    weights
        Trained parameters by name: `aevae.files.schema.Results.weights`.
    z
        Latents, shape (..., d).
    digits
        Requested digits of a CVAE, shape (...).

    Returns
    -------
    ndarray
        Intensities in [0, 1], shape (..., 28, 28).
    """
    hidden = z.reshape(-1, z.shape[-1]).astype(np.float32)
    if digits is not None:
        one_hot = np.eye(metrics.DIGITS, dtype=np.float32)[digits.reshape(-1)]
        hidden = np.concatenate([hidden, one_hot], axis=1)
    for name in layer_names(weights, "decoder"):
        hidden = np.maximum(_linear(weights, name, hidden), 0)
    return expit(_linear(weights, "output", hidden)).reshape(*z.shape[:-1], 28, 28)


def _linear(weights: Mapping[str, Array], name: str, inputs: Array) -> Array:
    product: Array = inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return product
