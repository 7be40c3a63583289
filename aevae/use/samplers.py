"""Where z is drawn from: the samplers of `aevae.models.samplers`, fitted to a stored run."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from aevae.errors import InputError, importing
from aevae.files import names
from aevae.files.dataset import open_dataset
from aevae.files.hdf5 import Array, InvalidFile
from aevae.models.plain import Floats
from aevae.models.samplers import Codes, Mixture, fit_mixture
from aevae.training.seeds import derive_seed
from aevae.use.runs import TrainedRun

SamplerName = Literal["prior", "diagonal", "mixture", "mixture_of_means"]
Draw = Callable[[NDArray[np.int64], np.random.Generator], Floats]
"""Function that draws z, (B, d), for (B,) classes; without classes, all are 0."""


def sampler(run: TrainedRun, name: SamplerName) -> Draw:
    """Return what draws z for a run; see docs/methods.md for the samplers.

    What is fitted does not depend on the seed of the images.

    Raises
    ------
    InputError
        There is no such sampler, or the run lacks what it is fitted to.
    """
    if name not in get_args(SamplerName):
        raise InputError(f"sampler must be {' or '.join(get_args(SamplerName))}, got {name!r}")
    if name == names.PRIOR:
        d = run.config.model.latent_size
        return lambda classes, rng: rng.standard_normal((len(classes), d), dtype=np.float32)
    with importing("analysis"):
        import sklearn  # noqa: F401 - a mixture is fitted by it, deep below
    rng = np.random.default_rng(derive_seed(run.config.seed, f"use-{name}"))
    codes, components = _codes(run, name)
    if name == names.MIXTURE_OF_MEANS:
        return _of_all(fit_mixture(components, codes.mu, rng))
    z = codes.sampled(rng)
    if name == names.DIAGONAL:
        return _diagonal(z.mean(axis=0), z.std(axis=0))
    if codes.labels is None:
        return _of_all(fit_mixture(components, z, rng))
    return _by_class(z, codes.labels, run.config.data.classes, components, rng)


def _codes(run: TrainedRun, name: SamplerName) -> tuple[Codes, int]:
    """Read what a sampler is fitted to, and the number of components of a mixture."""
    traits, rows = run.config.model.traits, run.config.data.trained_rows
    logvar = None
    with run.results() as results:
        mu = results.array(names.of_split("train", names.MU))[rows]
        if traits.variational and name != names.MIXTURE_OF_MEANS:
            stored = names.of_split("train", names.LOGVAR)
            if stored not in results:
                raise InputError(
                    f"an older aevae evaluated {run.run_id}, without {stored}, which the sampler "
                    f"{name} needs: aevae evaluate {run.paths.sweep.root} --again stores it, and "
                    "the sampler mixture_of_means does not need it"
                )
            logvar = results.array(stored)[rows]
        components = results.evaluation.mixture_components
    labels = None
    if traits.conditional and name == names.MIXTURE:
        labels = _training_labels(run)[rows]
    return Codes(mu, logvar, labels), components


def _training_labels(run: TrainedRun) -> Array:
    path = run.paths.sweep.dataset
    try:
        with open_dataset(path) as file:
            return file.array(names.of_split("train", names.LABEL))
    except FileNotFoundError:
        raise InputError(f"{path} is missing: a mixture by class needs its labels") from None
    except InvalidFile as error:
        raise InputError(str(error)) from None


def _diagonal(mean: Array, deviation: Array) -> Draw:
    def draw(classes: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        noise = rng.standard_normal((len(classes), len(mean)), dtype=np.float32)
        return np.asarray(mean + deviation * noise, dtype=np.float32)

    return draw


def _of_all(mixture: Mixture) -> Draw:
    return lambda classes, rng: mixture.draw(len(classes), rng)


def _by_class(
    z: Array, labels: Array, classes: int, components: int, rng: np.random.Generator
) -> Draw:
    """Draw from a mixture for each class, with its part of the components."""
    share = max(1, components // len(np.unique(labels)))
    mixtures = {}
    for label in range(classes):
        own = z[labels == label]
        # A class of one image or none has no spread, so it is given latents of all images.
        mixtures[label] = fit_mixture(share, own if len(own) > 1 else z, rng)

    def draw(classes: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        drawn = np.empty((len(classes), z.shape[1]), np.float32)
        for label in np.unique(classes).tolist():
            asked = classes == label
            drawn[asked] = mixtures[label].draw(int(asked.sum()), rng)
        return drawn

    return draw
