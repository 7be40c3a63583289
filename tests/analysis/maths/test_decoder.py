"""The decoder in NumPy must give the images that the trained models gave."""

from typing import get_args

import numpy as np
import pytest
import torch

from aevae.config import Activation, ModelConfig, RunConfig
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.layout import SweepPaths
from aevae.files.schema import open_results
from aevae.models.networks import build_model, one_hot
from aevae.training.run import execute
from analysis.maths.decoder import decode, layer_names


@pytest.mark.parametrize(
    ("kind", "activation"),
    [("ae", "relu"), ("cvae", "relu"), *(("vae", name) for name in get_args(Activation))],
)
def test_images_are_those_that_torch_decodes(kind, activation):
    settings = {"latent_size": 3, "hidden_sizes": [16, 12, 8], "activation": activation}
    config = RunConfig(model=ModelConfig(kind=kind, **settings))
    model = build_model(config, seed=1)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    rng = np.random.default_rng(0)
    z, digits = rng.normal(0, 3, (2, 5, 3)), rng.integers(0, 10, (2, 5))
    found = decode(config, weights, z, digits if kind == "cvae" else None)
    codes = torch.as_tensor(z, dtype=torch.float32).reshape(10, 3)
    with torch.no_grad():
        logits = model.decode(codes, one_hot(torch.as_tensor(digits.reshape(-1)), 10))
    assert found.shape == (2, 5, 28, 28)
    assert found.reshape(10, 784) == pytest.approx(torch.sigmoid(logits).numpy(), abs=1e-6)
    # Codes in double precision are no reason to decode in it, at half the speed.
    assert found.dtype == np.float32


@pytest.mark.parametrize("kind", ["ae", "vae", "cvae"])
def test_stored_grids_are_decoded_again_from_the_stored_weights(
    weird, tiny_config, plan, small_evaluation, kind
):
    sweep, config = SweepPaths(weird), tiny_config(kind, hidden_sizes=[32, 24])
    paths = plan(sweep, config)
    execution = ExecutionConfig(device="cpu", threads=1)
    execute(sweep, config.run_id, execution, small_evaluation, StopRequest())
    with open_results(paths) as results:
        weights = results.weights()
        grids = [
            (results.array(f"grid/{name}/z"), results.array(f"grid/{name}/image"))
            for name in ("quantile", "range")
        ]
    for z, stored in grids:
        digits = np.repeat(np.arange(10), 9).reshape(10, 3, 3) if kind == "cvae" else None
        decoded = decode(config, weights, z, digits)
        assert decoded.shape == stored.shape
        # Half a grey level is the rounding of what is stored.
        assert np.abs(decoded * 255 - stored).max() <= 0.5 + 1e-3


def test_layers_are_in_order_of_their_number():
    names = ["decoder.10.weight", "decoder.2.bias", "decoder.2.weight", "encoder.0.weight", "mu"]
    assert layer_names(names, "decoder") == ["decoder.2", "decoder.10"]
