"""The trained decoders, so that any z can be decoded without torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aevae.config import RunConfig
from aevae.files.hdf5 import Array
from aevae.models.plain import PlainNetwork, one_hot


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
    codes = z.reshape(-1, z.shape[-1]).astype(np.float32)
    y = None if labels is None else one_hot(labels.reshape(-1), config.data.classes)
    intensities = PlainNetwork(config, weights).decode(codes, y)
    return intensities.reshape(*z.shape[:-1], *config.data.image_shape)
