"""The decoder in NumPy must give the images that the trained models gave."""

import numpy as np
import pytest

from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.layout import SweepPaths
from aevae.files.schema import open_results
from aevae.training.run import execute
from analysis.maths.decoder import decode, layer_names


@pytest.mark.parametrize("kind", ["ae", "vae", "cvae"])
def test_stored_grids_are_decoded_again_from_the_stored_weights(weird, tiny_config, plan, kind):
    sweep, config = SweepPaths(weird), tiny_config(kind, hidden_sizes=[32, 24])
    paths = plan(sweep, config)
    execute(sweep, config.run_id, ExecutionConfig(device="cpu", threads=1), StopRequest())
    with open_results(paths) as results:
        weights = results.weights()
        grids = [
            (results.array(f"grid/{name}/z"), results.array(f"grid/{name}/image"))
            for name in ("quantile", "range")
        ]
    for z, stored in grids:
        digits = np.repeat(np.arange(10), 9).reshape(10, 3, 3) if kind == "cvae" else None
        decoded = decode(weights, z, digits)
        assert decoded.shape == stored.shape
        # Half a grey level is the rounding of what is stored.
        assert np.abs(decoded * 255 - stored).max() <= 0.5 + 1e-3


def test_layers_are_in_order_of_their_number():
    names = ["decoder.10.weight", "decoder.2.bias", "decoder.2.weight", "encoder.0.weight", "mu"]
    assert layer_names(names, "decoder") == ["decoder.2", "decoder.10"]
