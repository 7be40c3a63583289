"""The networks in NumPy must give the codes and images that the trained models give in torch."""

from typing import get_args

import numpy as np
import pytest
import torch

from aevae.config import Activation, ModelConfig, RunConfig
from aevae.models.networks import build_model
from aevae.models.plain import PlainNetwork, layer_names, one_hot, sigmoid

CASES = [
    *({"kind": kind} for kind in ("ae", "cvae", "sigma-vae")),
    {"kind": "ae", "latent_activation": "relu"},
    *({"kind": "vae", "activation": name} for name in get_args(Activation)),
]


@pytest.mark.parametrize("settings", CASES)
def test_codes_and_images_are_those_of_torch(settings):
    config = RunConfig(model=ModelConfig(latent_size=3, hidden_sizes=[16, 12, 8], **settings))
    model = build_model(config, seed=1)
    plain = PlainNetwork(config, {n: value.numpy() for n, value in model.state_dict().items()})
    rng = np.random.default_rng(0)
    x, z = rng.random((10, 784), dtype="f4"), rng.normal(0, 3, (10, 3)).astype("f4")
    y = one_hot(rng.integers(0, 10, 10), 10)
    given = y if config.model.traits.conditional else None
    mu, logvar = plain.encode(x, given)
    images = plain.decode(z, given)
    with torch.no_grad():
        posterior = model.encode(torch.from_numpy(x), torch.from_numpy(y))
        decoded = torch.sigmoid(model.decode(torch.from_numpy(z), torch.from_numpy(y)))
    assert mu == pytest.approx(posterior.mu.numpy(), abs=1e-6)
    assert (logvar is None) == (posterior.logvar is None)
    if logvar is not None:
        assert logvar == pytest.approx(posterior.logvar.numpy(), abs=1e-6)
    assert images == pytest.approx(decoded.numpy(), abs=1e-6)
    # Double precision would take twice the time.
    assert mu.dtype == images.dtype == np.float32


def test_no_logit_is_too_large():
    with np.errstate(all="raise", under="ignore"):
        found = sigmoid(np.array([-1e30, -90, 0, 90, 1e30], dtype="f4"))
    assert found == pytest.approx([0, np.exp(-90.0), 0.5, 1, 1], rel=1e-6)


def test_layers_are_in_order_of_their_number():
    names = ["decoder.10.weight", "decoder.2.bias", "decoder.2.weight", "encoder.0.weight", "mu"]
    assert layer_names(names, "decoder") == ["decoder.2", "decoder.10"]
