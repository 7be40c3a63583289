"""A run that was trained before must be trained again with the same numbers."""

import torch

from aevae.training.loop import seeded_generator
from aevae.training.seeds import derive_seed


def test_seeds_are_those_of_every_earlier_version():
    assert derive_seed(0, "init") == 7615695542073086227
    assert derive_seed(3, "shuffle", 12) == 11067598828950259


def test_without_a_step_the_seed_is_that_of_step_zero():
    assert derive_seed(3, "init") == derive_seed(3, "init", 0)
    generators = (seeded_generator(torch.device("cpu"), 3, "init", *step) for step in ((), (0,)))
    first, second = (generator.initial_seed() for generator in generators)
    assert first == second == derive_seed(3, "init", 0)
