"""A VAE that fits the variance of its decoder to its errors, instead of taking it to be 1/2."""

import math

import torch
from torch import Tensor

from aevae.config import RunConfig
from aevae.models.networks import VAE

MEMORY = 500
"""Images over which the weight of a batch in the stored variance falls to 1/e.

With more, the average lags behind in a short training: with 1000, it was 21 % above the error after
the second of three epochs on patches of pictures (d = 2), with 500 it was 6 %. With fewer, it is
noisier.
"""
LEAST_VARIANCE = 1 / (12 * 255**2)
"""Variance of the error of rounding intensities to whole steps of 1/255."""


class SigmaVAE(VAE):
    """A VAE whose decoder has one variance sigma^2, the same for every value of every image.

    With a fixed variance, the weight of the KL term against the squared errors is a choice. Here
    the variance is always the one that minimises the loss: the mean squared error of all values.
    Source: Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders (2021),
    section 3.2.

    In training mode, a batch has the variance that is best for this batch. In evaluation mode, all
    images have the variance stored in `log_sigma`. It is an exponential moving average over the
    batches. The mean over the last epoch would be larger than the error of the trained networks,
    because the errors fall during an epoch, and in a short training they fall much.

    No variance is less than `LEAST_VARIANCE`. Images that are decoded without error would have a
    variance of 0, and an infinite density. Since the intensities are rounded, the images do not
    tell smaller variances apart.

    Attributes
    ----------
    log_sigma
        ln(sigma) for evaluation, (1,); NaN before the first batch. Stored with the weights, but
        no parameter of the optimiser.
    """

    log_sigma: Tensor

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.register_buffer("log_sigma", torch.full((1,), math.nan))

    def reconstruction_loss(self, logits: Tensor, x: Tensor, squared: Tensor) -> Tensor:
        """-log p(x|z) per image, (B,), in nats, without the term V/2 ln(pi).

        That is SSE / (2 sigma^2) + V/2 ln(2 sigma^2): the squared errors where sigma^2 = 1/2. In
        training mode, sigma is fitted to these images, and `log_sigma` is updated.
        """
        values = x.shape[1]
        log_sigma = self._fit(squared, values) if self.training else self.log_sigma
        return squared / (2 * torch.exp(2 * log_sigma)) + values * (log_sigma + 0.5 * math.log(2))

    @torch.no_grad()
    def _fit(self, squared: Tensor, values: int) -> Tensor:
        """Return the best ln(sigma) for a batch, and move `log_sigma` towards it.

        It has no gradient. At the minimum, the derivative of the loss with respect to sigma is 0,
        so the gradient of the networks is the same as with a constant sigma.
        """
        variance = (squared.mean() / values).clamp(min=LEAST_VARIANCE)
        weight = -math.expm1(-len(squared) / MEMORY)
        average = torch.exp(2 * self.log_sigma).lerp(variance, weight)
        # The first batch meets no average. The choice is made on the device, without waiting.
        average = torch.where(self.log_sigma.isnan(), variance, average)
        self.log_sigma.copy_(0.5 * average.log())
        return 0.5 * variance.log()
