"""What a sampler draws must be like the latents that it was fitted on."""

import numpy as np
import pytest

from aevae.models.samplers import Codes, draw

COUNT = 6000


@pytest.fixture
def codes():
    """Two classes, far apart: the first latent tells them, the second has collapsed."""
    labels = np.repeat([0, 1], COUNT // 2)
    noise = np.random.default_rng(0).normal(0, 0.3, (COUNT, 2))
    mu = np.column_stack([6 * labels - 3, np.zeros(COUNT)]) + noise * [1, 0]
    logvar = np.log(np.tile([0.04, 1.0], (COUNT, 1)))
    return Codes(mu.astype("f4"), logvar.astype("f4"), labels)


def drawn(sampler, codes, requested=None):
    requested = codes.labels if requested is None else requested
    return draw(sampler, codes, requested, 2, np.random.default_rng(1))


def test_the_spread_of_sampled_latents_is_that_of_means_and_posteriors(codes):
    by_class, of_means = (drawn(name, codes) for name in ("mixture", "mixture_of_means"))
    first = codes.labels == 0
    assert by_class[first].var(axis=0) == pytest.approx([0.09 + 0.04, 1.0], rel=0.1)
    # The mean of a collapsed latent does not vary, and so says nothing of its noise.
    assert of_means[:, 1].std() < 0.1


def test_a_conditional_model_gets_latents_of_the_class_that_is_asked_for(codes):
    z = drawn("mixture", codes)
    assert z[codes.labels == 0, 0].max() < 0 < z[codes.labels == 1, 0].min()
    unlabelled = drawn("mixture", Codes(codes.mu, codes.logvar), codes.labels)
    assert (unlabelled[codes.labels == 0, 0] > 0).mean() == pytest.approx(0.5, abs=0.05)


def test_a_diagonal_gaussian_has_the_moments_of_each_latent(codes):
    z = drawn("diagonal", codes)
    assert z.dtype == np.float32
    assert z.mean(axis=0) == pytest.approx([0, 0], abs=0.2)
    assert z.var(axis=0) == pytest.approx([9 + 0.13, 1.0], rel=0.1)
    assert (abs(z[:, 0]) < 1).mean() > 0.2, "the gap between the classes is not known to it"


@pytest.mark.parametrize("sampler", ["mixture", "mixture_of_means"])
def test_a_single_training_image_is_a_mixture_of_one(sampler):
    z = drawn(sampler, Codes(np.array([[3.0, -1.0]], np.float32)), np.zeros(4, int))
    assert z == pytest.approx(np.tile([3.0, -1.0], (4, 1)), abs=0.01)


def test_a_class_that_was_hardly_seen_is_given_latents_of_all(codes):
    few = Codes(codes.mu, codes.logvar, np.where(np.arange(COUNT) == 0, 2, codes.labels))
    z = drawn("mixture", few, np.array([2, 2, 3]))
    assert z.shape == (3, 2)
    assert np.isfinite(z).all()
