"""Generated images of every sampler."""

import numpy as np

from aevae.files import names
from aevae.files.fields import SCHEMA_VERSION, label_type
from aevae.models.samplers import Codes, draw
from aevae.training.evaluation.evaluator import Arrays, Evaluator
from aevae.training.seeds import derive_seed


def samples(run: Evaluator, codes: Codes) -> Arrays:
    """Return z and decoded images of each sampler, and the labels of a conditional model.

    `codes` are those of the images that the run was trained on.
    """
    traits, count = run.config.model.traits, run.evaluation.samples_per_sampler
    # The labels are sorted, and the numbers of images of two classes differ by at most one.
    kind = label_type(run.classes)
    labels = (np.arange(count) * run.classes // count).astype(kind)
    components = run.evaluation.mixture_components
    arrays: Arrays = {}
    for sampler in names.Translation(SCHEMA_VERSION, traits).samplers:
        rng = np.random.default_rng(derive_seed(run.config.seed, f"samples-{sampler}"))
        z = draw(sampler, codes, labels, components, rng)
        arrays[names.sample(sampler, names.Z)] = z
        arrays[names.sample(sampler, names.IMAGE)] = run.decode(z, labels)
        if traits.conditional:
            arrays[names.sample(sampler, names.LABEL)] = labels
    return arrays
