"""Where z is drawn from: the prior, or a mixture fitted to the codes of the training images."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from aevae.errors import InputError
from aevae.models.plain import Floats
from aevae.use.runs import TrainedRun

SamplerName = Literal["prior", "mixture"]
Draw = Callable[[np.random.Generator, NDArray[np.int64]], Floats]
"""Function that draws z, (B, d), for (B,) classes."""


def sampler(run: TrainedRun, name: SamplerName) -> Draw:
    """Return what draws z for a run.

    Raises
    ------
    InputError
        There is no such sampler.
    """
    if name not in get_args(SamplerName):
        raise InputError(f"sampler must be {' or '.join(get_args(SamplerName))}, got {name!r}")
    latent_size = run.config.model.latent_size
    return lambda rng, classes: rng.standard_normal((len(classes), latent_size), dtype=np.float32)
