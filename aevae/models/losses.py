"""Reconstruction errors and KL divergence, one value per image.

Shapes: B images in a batch, V values in an image (pixels, times 3 in colour), d latent size. KL
divergences and log-weights are in nats.
"""

import torch
from torch import Tensor
from torch.nn import functional

from aevae.models.posterior import Posterior


def sse(logits: Tensor, target: Tensor) -> Tensor:
    """Return the sum of squared pixel errors per image, (B,).

    `logits` and `target` have shape (B, V). The decoded image is sigmoid(logits); `target` has
    intensities in [0, 1].
    """
    return functional.mse_loss(torch.sigmoid(logits), target, reduction="none").sum(dim=1)


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Return the binary cross-entropy per image, (B,): -log p(x|z) of a Bernoulli decoder."""
    losses = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return losses.sum(dim=1)


def kl_divergence(posterior: Posterior) -> Tensor:
    """Return KL(q(z|x) || N(0, I)) per image, (B,), in nats; zero for the posterior of an AE.

    Source: Kingma & Welling (2014), appendix B: 1/2 sum(mu^2 + sigma^2 - 1 - log sigma^2).
    """
    return kl_per_dimension(posterior).sum(dim=1)


def kl_per_dimension(posterior: Posterior) -> Tensor:
    """Return the terms of `kl_divergence`, one per latent dimension: (B, d), in nats."""
    mu, logvar = posterior
    if logvar is None:
        return torch.zeros_like(mu)
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def log_importance_weight(log_likelihood: Tensor, z: Tensor, posterior: Posterior) -> Tensor:
    """Return log(p(x|z) p(z) / q(z|x)) per image, (B,), in nats.

    `z` holds one sample of the posterior per image, (B, d); `log_likelihood` is log p(x|z), (B,).
    Source: Burda et al., Importance Weighted Autoencoders (2016), equation 7.
    """
    mu, logvar = posterior
    assert logvar is not None
    # Prior and posterior have the same term -d/2 log(2 pi), which cancels in the ratio.
    log_prior = -0.5 * z.square().sum(dim=1)
    log_posterior = -0.5 * ((z - mu).square() * (-logvar).exp() + logvar).sum(dim=1)
    return log_likelihood + log_prior - log_posterior
