"""A VAE that learns the variance of its decoder, instead of taking it to be 1/2."""

import math

import torch
from torch import Tensor, nn

from aevae.config import RunConfig
from aevae.models.networks import VAE


class SigmaVAE(VAE):
    """A VAE with one trained variance sigma^2, the same for every value of every image.

    With a fixed variance, the weight of the KL term against the squared errors is a choice. Here
    it is trained with the networks. Source: Rybkin et al., Simple and Effective VAE Training with
    Calibrated Decoders (2021), section 3.
    """

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        self.log_sigma = nn.Parameter(torch.zeros(1))

    def reconstruction_loss(self, logits: Tensor, x: Tensor, squared: Tensor) -> Tensor:
        """-log p(x|z) per image, (B,), in nats, without the term V/2 ln(pi).

        That is SSE / (2 sigma^2) + V/2 ln(2 sigma^2): the squared errors where sigma^2 = 1/2.
        """
        twice_variance = 2 * torch.exp(2 * self.log_sigma)
        return squared / twice_variance + x.shape[1] * (self.log_sigma + 0.5 * math.log(2))
