"""The output of an encoder: a distribution over the latents of each image, or a point."""

from typing import NamedTuple

import torch
from torch import Tensor


class Posterior(NamedTuple):
    """Diagonal Gaussian q(z|x) with mean and log-variance, (B, d) each.

    For an autoencoder `logvar` is None, and the posterior is the point `mu`.
    """

    mu: Tensor
    logvar: Tensor | None

    def float(self) -> "Posterior":
        """Return this posterior in float32."""
        return Posterior(self.mu.float(), None if self.logvar is None else self.logvar.float())

    def sample(self, generator: torch.Generator) -> Tensor:
        """Sample z = mu + sigma * eps, (B, d), by the reparameterisation trick; a point gives mu.

        Source: Kingma & Welling, Auto-Encoding Variational Bayes (2014), section 2.4.
        """
        if self.logvar is None:
            return self.mu
        eps = torch.empty_like(self.mu).normal_(generator=generator)
        return torch.addcmul(self.mu, torch.exp(0.5 * self.logvar), eps)
