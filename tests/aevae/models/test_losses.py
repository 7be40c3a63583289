"""The published numbers are sums of these: each against an independent computation."""

import math

import numpy as np
import torch
from torch.distributions import Normal, kl_divergence

from aevae.models import losses
from aevae.models.posterior import Posterior

RNG = torch.Generator().manual_seed(1)
LOGITS = torch.randn(5, 784, generator=RNG)
TARGET = torch.rand(5, 784, generator=RNG)
POSTERIOR = Posterior(torch.randn(5, 3, generator=RNG), torch.randn(5, 3, generator=RNG))
Z = torch.randn(5, 3, generator=RNG)


def test_errors_equal_naive_numpy():
    p = 1 / (1 + np.exp(-LOGITS.numpy().astype("f8")))
    x = TARGET.numpy().astype("f8")
    bce = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1)
    np.testing.assert_allclose(losses.sse(LOGITS, TARGET), ((p - x) ** 2).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(losses.bce(LOGITS, TARGET), bce, rtol=1e-5)


def test_kl_equals_torch_distributions():
    q = Normal(POSTERIOR.mu, (POSTERIOR.logvar / 2).exp())
    expected = kl_divergence(q, Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(losses.kl_divergence(POSTERIOR), expected)


def test_a_code_that_is_a_point_has_no_kl():
    point = Posterior(POSTERIOR.mu, None)
    assert torch.equal(losses.kl_divergence(point), torch.zeros(5))
    assert torch.equal(losses.kl_per_dimension(point), torch.zeros(5, 3))


def test_importance_weights_carry_all_constants():
    p_x = torch.randn(5, generator=RNG) - 900
    q = Normal(POSTERIOR.mu, (POSTERIOR.logvar / 2).exp())
    expected = p_x + Normal(0.0, 1.0).log_prob(Z).sum(1) - q.log_prob(Z).sum(1)
    found = losses.log_importance_weight(p_x, Z, POSTERIOR)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-3)


def test_samples_have_the_posterior_s_moments_and_follow_the_generator():
    many = Posterior(torch.full((20_000, 1), 2.0), torch.full((20_000, 1), math.log(9.0)))
    z = many.sample(torch.Generator().manual_seed(3))
    assert abs(z.mean() - 2) < 0.1
    assert abs(z.std() - 3) < 0.1
    assert torch.equal(z, many.sample(torch.Generator().manual_seed(3)))
    assert not torch.equal(z, many.sample(torch.Generator().manual_seed(4)))
