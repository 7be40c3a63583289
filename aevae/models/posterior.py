"""What an encoder says of an image: a distribution of its latents, or a point."""

from typing import NamedTuple

import torch
from torch import Tensor


class Posterior(NamedTuple):
    """Diagonal Gaussian q(z|x) with mean and log-variance, (B, d) each.

    If `logvar` is None, the posterior is the point `mu` (autoencoder).
    """

    mu: Tensor
    logvar: Tensor | None

    def float(self) -> "Posterior":
        """Return this posterior in float32."""
        return Posterior(self.mu.float(), None if self.logvar is None else self.logvar.float())

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw z, (B, d), by the reparameterisation trick: z = mu + sigma * eps; a point gives mu.

        Source: Kingma & Welling, Auto-Encoding Variational Bayes (2014), section 2.4.
        """
        if self.logvar is None:
            return self.mu
        eps = torch.empty_like(self.mu).normal_(generator=generator)
        return torch.addcmul(self.mu, torch.exp(0.5 * self.logvar), eps)
