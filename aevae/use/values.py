"""What a model returns for N images."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aevae.models.plain import Floats

Classes = NDArray[np.int64]
Doubles = NDArray[np.float64]


class Codes(NamedTuple):
    """The posteriors of N images: mean and log-variance, (N, d) each.

    For an autoencoder `mu` is the code, and `logvar` is None.
    """

    mu: Floats
    logvar: Floats | None


class Generated(NamedTuple):
    """Generated images.

    Attributes
    ----------
    images
        Intensities in [0, 1], (N, *image_shape).
    z
        The latents that they were decoded from, (N, d).
    labels
        The class of each image, (N,), from 0; None for a model that takes no classes.
    """

    images: Floats
    z: Floats
    labels: Classes | None


class Reconstructed(NamedTuple):
    """Reconstructions of N images: their posterior means, decoded.

    Attributes
    ----------
    images
        Intensities in [0, 1], (N, *image_shape).
    sse
        Sum of squared errors of each image, (N,).
    kl
        KL(q(z|x) || N(0, I)) of each image in nats, (N,); 0 for an autoencoder.
    """

    images: Floats
    sse: Floats
    kl: Floats


class Scores(NamedTuple):
    """Anomaly scores of N images, (N,) each.

    Attributes
    ----------
    sse
        Sum of squared errors, decoding the posterior mean (the code, for an autoencoder).
    kl
        KL(q(z|x) || N(0, I)) in nats; 0 for an autoencoder.
    loss
        What the percentile compares: SSE + KL. For a decoder that learnt its variance s,
        SSE / 2s + V/2 ln(2s) + KL, for images of V values.
    percentile
        Percentage of the validation images that have a smaller loss.
    flagged
        Whether the loss is so large that at most the chosen share of images like the validation
        images is flagged.
    """

    sse: NDArray[np.float32]
    kl: NDArray[np.float32]
    loss: Doubles
    percentile: Doubles
    flagged: NDArray[np.bool_]
