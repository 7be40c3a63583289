"""The decoder in NumPy must give the images that the trained models gave."""

import numpy as np
import pytest

from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.layout import SweepPaths
from aevae.files.schema import open_results
from aevae.training.run import execute
from analysis.maths.decoder import decode


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
