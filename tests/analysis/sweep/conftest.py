from pathlib import Path

import pytest

from aevae.axes import find_axes
from aevae.config import EvaluationConfig
from aevae.files.layout import RunPaths
from aevae.files.schema import CheckedResults
from analysis.sweep.load import Run, SweepResults


@pytest.fixture
def sweep_of(make_config):
    """Make a sweep without files, from kind, latent size and settings of its runs."""

    def make(*keys):
        # Without hidden sizes these are the article's.
        configs = [make_config(kind, d, **{"hidden_sizes": ()} | rest) for kind, d, rest in keys]
        runs = [
            Run(
                RunPaths(Path(c.run_id)),
                CheckedResults(c.run_id, c, EvaluationConfig(), {}, "", {}, 2, 1),
            )
            for c in configs
        ]
        return SweepResults(Path("sweep"), None, tuple(runs), (), find_axes(configs))

    return make
