"""On which runs a claim is tested."""

from collections.abc import Sequence

from analysis.sweep.groups import PREFERRED_LATENT_SIZE, TITLES, group_of
from analysis.sweep.load import MissingIngredient, Run, SweepResults


def matched(
    sweep: SweepResults, models: Sequence[str], size: int | None = None
) -> list[tuple[Run, ...]]:
    """Match runs of some models: for each seed that all have, one run each, in that order.

    All have the latent size asked for; else 20, or the largest that they share.

    Raises
    ------
    MissingIngredient
        A model has no finished run, or they share no latent size or seed.
    """
    groups = [group_of(sweep, model) for model in models]
    shared = set.intersection(*({run.latent_size for run in group.runs} for group in groups))
    if size is None and shared:
        size = PREFERRED_LATENT_SIZE if PREFERRED_LATENT_SIZE in shared else max(shared)
    by_seed = [
        {run.config.seed: run for run in group.runs if run.latent_size == size} for group in groups
    ]
    seeds = set.intersection(*map(set, by_seed))
    if not seeds:
        names = " and ".join(TITLES[model] for model in models)
        raise MissingIngredient(f"no finished {names} of {_shape(size)} and the same seed")
    return [tuple(runs[seed] for runs in by_seed) for seed in sorted(seeds)]


def size_of(sweep: SweepResults, models: Sequence[str]) -> int:
    """Return the latent size of the runs that `matched` finds."""
    return matched(sweep, models)[0][0].latent_size


def _shape(size: int | None) -> str:
    return "one latent size" if size is None else f"latent size {size}"
