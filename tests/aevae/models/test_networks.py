"""The models must be the article's, and told the label only where they should be."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Normal

from aevae.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from aevae.kinds import KINDS
from aevae.models.losses import sse
from aevae.models.networks import build_model, load_weights, one_hot

X = torch.rand(6, 784, generator=torch.Generator().manual_seed(1))
Y = one_hot(torch.arange(6), 10)


def small(kind, **settings):
    model = ModelConfig(kind=kind, latent_size=3, hidden_sizes=[16, 8], **settings)
    return RunConfig(model=model)


@pytest.mark.parametrize("kind", list(KINDS))
def test_shapes(kind):
    model = build_model(small(kind))
    posterior = model.encode(X, Y)
    assert posterior.mu.shape == (6, 3)
    assert (posterior.logvar is None) == (kind == "ae")
    assert model.decode(posterior.mu, Y).shape == (6, 784)


def test_parameter_counts_are_those_of_the_article():
    d = 20
    counts = {
        kind: sum(
            p.numel()
            for p in build_model(
                RunConfig(model=ModelConfig(kind=kind, latent_size=d))
            ).parameters()
        )
        for kind in ("ae", "vae", "cvae")
    }
    # Encoder 784-784-784-d, decoder d-784-784-784; the VAE has a second head for the variance.
    square, code = 784 * 784 + 784, 784 * d + d
    assert counts["ae"] == 2 * square + code + (d * 784 + 784) + 2 * square
    assert counts["vae"] == counts["ae"] + code
    encoder = 2 * (794 * 794 + 794) + 2 * (794 * d + d)
    decoder = ((d + 10) * 794 + 794) + (794 * 794 + 794) + (794 * 784 + 784)
    assert counts["cvae"] == encoder + decoder


@pytest.mark.parametrize(
    ("kind", "matters"), [("ae", False), ("vae", False), ("cvae", True), ("sigma-vae", False)]
)
def test_only_the_conditional_model_looks_at_the_label(kind, matters):
    model = build_model(small(kind))
    other = Y.roll(1, dims=0)
    z = torch.zeros(6, 3)
    assert torch.equal(model.encode(X, Y).mu, model.encode(X, other).mu) != matters
    assert torch.equal(model.decode(z, Y), model.decode(z, other)) != matters


def test_the_activation_follows_every_hidden_layer_and_no_other():
    model = build_model(small("vae", activation="tanh"))
    layers = [torch.nn.Linear, torch.nn.Tanh] * 2
    assert [type(layer) for layer in (*model.encoder, *model.decoder)] == 2 * layers


@pytest.mark.parametrize("kind", list(KINDS))
def test_he_initialisation_keeps_the_signal_in_the_encoder_and_changes_nothing_else(kind):
    """A layer with ReLU keeps the mean square of its input: He et al. (2015), equation 10."""
    wide = RunConfig(model=ModelConfig(kind=kind, latent_size=3, hidden_sizes=[400, 300]))
    he = wide.model_copy(update={"train": TrainConfig(initialisation="he-encoder")})
    plain, model = build_model(wide, seed=4), build_model(he, seed=4)
    generator = torch.Generator().manual_seed(1)
    signal = torch.randn(64, model.encoder[0].in_features, generator=generator)
    before, after = (layer.detach().square().mean() for layer in (signal, model.encoder(signal)))
    assert after == pytest.approx(before, rel=0.5)  # the default initialisation leaves a 36th
    for (name, layer), other in zip(plain.named_modules(), model.modules(), strict=True):
        if isinstance(layer, torch.nn.Linear):
            same = torch.equal(layer.weight, other.weight) and torch.equal(layer.bias, other.bias)
            assert same != name.startswith("encoder."), name


def test_the_relu_code_is_never_negative():
    codes = build_model(small("ae", latent_activation="relu")).encode(X, Y).mu
    assert codes.min() >= 0
    assert build_model(small("ae")).encode(X, Y).mu.min() < 0


def test_the_same_seed_builds_the_same_model_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    first, second, other = (build_model(small("vae"), seed) for seed in (5, 5, 6))
    assert torch.equal(first.mu.weight, second.mu.weight)
    assert not torch.equal(first.mu.weight, other.mu.weight)
    assert torch.equal(state, torch.get_rng_state())


def test_without_a_seed_the_model_is_that_of_seed_zero():
    assert torch.equal(build_model(small("vae")).mu.weight, build_model(small("vae"), 0).mu.weight)


def test_one_hot_labels_stay_on_their_device():
    # The meta device stands for a GPU, on which a batch must not wait for the CPU.
    labels = torch.zeros(3, dtype=torch.int64, device="meta")
    assert one_hot(labels, 10).device == labels.device


def test_weights_come_back_bit_for_bit():
    model = build_model(small("cvae"), seed=3)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    again = load_weights(small("cvae"), weights)
    assert torch.equal(model.encode(X, Y).mu, again.encode(X, Y).mu)


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
def test_the_likelihood_carries_all_constants(likelihood):
    model = build_model(small("vae", likelihood=likelihood))
    logits = torch.randn(6, 784, generator=torch.Generator().manual_seed(2))
    if likelihood == "gaussian":
        x, p = X, Normal(torch.sigmoid(logits), math.sqrt(0.5))
    else:
        x, p = X.round(), Bernoulli(logits=logits)
    expected = p.log_prob(x).sum(dim=1)
    torch.testing.assert_close(model.log_likelihood(logits, x), expected, rtol=1e-5, atol=1e-2)


def test_a_model_has_the_shape_of_its_images_and_the_classes_of_its_labels():
    images = {"dataset": "mine", "fingerprint": "0", "image_shape": (4, 6, 3)}
    data = DataConfig(**images, class_names=["a", "b", "c"])
    config = RunConfig(model=ModelConfig(kind="cvae", latent_size=2), data=data)
    model = build_model(config)
    x, y = torch.rand(5, 72), one_hot(torch.tensor([0, 1, 2, 2, 0]), 3)
    assert config.model.hidden_sizes == (75, 75)
    assert model.decode(model.encode(x, y).mu, y).shape == x.shape


def test_the_sigma_vae_has_the_likelihood_of_its_stored_variance():
    weights = {
        n: value.numpy() for n, value in build_model(small("sigma-vae")).state_dict().items()
    }
    logits = torch.randn(6, 784, generator=torch.Generator().manual_seed(2))
    for sigma in (0.1, math.sqrt(0.5), 1.0):
        stored = np.array([math.log(sigma)], dtype="f4")
        model = load_weights(small("sigma-vae"), weights | {"log_sigma": stored})
        expected = Normal(torch.sigmoid(logits), sigma).log_prob(X).sum(dim=1)
        torch.testing.assert_close(model.log_likelihood(logits, X), expected, rtol=1e-4, atol=1e-2)
        # Without this, the likelihood of an image would depend on the images evaluated before.
        assert model.log_sigma.numpy() == stored


def test_the_sigma_vae_with_variance_one_half_has_the_loss_of_the_vae():
    vae, sigma_vae = build_model(small("vae")), build_model(small("sigma-vae")).eval()
    logits, squared = torch.zeros(6, 784), torch.arange(6.0)
    sigma_vae.log_sigma.fill_(0.5 * math.log(0.5))
    expected = vae.reconstruction_loss(logits, X, squared)
    found = sigma_vae.reconstruction_loss(logits, X, squared)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-4)


def test_the_sigma_vae_trains_a_batch_with_the_variance_that_is_best_for_it():
    """The loss and its gradient are those of a trained variance that has reached its minimum."""
    model = build_model(small("sigma-vae"))
    logits = torch.randn(6, 784, generator=torch.Generator().manual_seed(2)).requires_grad_()
    log_sigma = (0.5 * sse(logits, X).mean().div(784).log()).detach().requires_grad_()
    expected = -Normal(torch.sigmoid(logits), log_sigma.exp()).log_prob(X).sum()
    expected.backward()
    assert log_sigma.grad.abs() < 1e-3 * 6 * 784
    wanted, logits.grad = logits.grad, None
    found = model.reconstruction_loss(logits, X, sse(logits, X)).sum()
    found.backward()
    torch.testing.assert_close(found + 6 * 392 * math.log(math.pi), expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(logits.grad, wanted, rtol=1e-4, atol=1e-6)


def test_the_sigma_vae_stores_a_moving_average_in_which_a_batch_counts_by_its_images():
    model = build_model(small("sigma-vae"))
    mean_squares = []
    for images, squared in ((250, 8.0), (250, 4.0), (1, 400.0)):
        x = torch.zeros(images, 784)
        model.reconstruction_loss(x, x, torch.full((images,), squared))
        mean_squares.append(torch.exp(2 * model.log_sigma).item() * 784)
    share = math.exp(-0.5)
    second = 8 * share + 4 * (1 - share)
    third = second * math.exp(-0.002) + 400 * (1 - math.exp(-0.002))
    assert mean_squares == pytest.approx([8, second, third], rel=1e-5)


def test_the_sigma_vae_can_learn_images_without_error():
    """Constant images would have the variance 0, hence a loss that is not finite."""
    model = build_model(small("sigma-vae"))
    logits = torch.full((6, 784), 20.0, requires_grad=True)
    white = torch.ones(6, 784)
    loss = model.reconstruction_loss(logits, white, sse(logits, white)).sum()
    loss.backward()
    least = 1 / 255 / math.sqrt(12)
    assert loss.item() == pytest.approx(6 * 784 * math.log(least * math.sqrt(2)), rel=1e-5)
    assert logits.grad.isfinite().all()
    assert model.log_sigma.exp().item() == pytest.approx(least, rel=1e-5)
