"""Which runs belong together in a panel, and which one stands for its model in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from aevae.kinds import KINDS
from analysis.sweep.load import MissingIngredient, Run

TITLES = {name: kind.title for name, kind in KINDS.items()}
PLAIN_VARIANTS = ("linear", "gaussian")
PREFERRED_LATENT_SIZE = 20


@dataclass(frozen=True)
class Group:
    """Runs that differ in latent size and seed only."""

    title: str
    model: str
    runs: tuple[Run, ...]

    @property
    def latent_sizes(self) -> list[int]:
        """Latent sizes of the runs, ascending."""
        return sorted({run.latent_size for run in self.runs})

    def of_size(self, latent_size: int) -> list[Run]:
        """Return the runs (one per seed) with this latent size."""
        return [run for run in self.runs if run.latent_size == latent_size]


def group_runs(runs: Sequence[Run]) -> list[Group]:
    """Group runs by model, variant and whatever else of training and data differs among them.

    A title names only what is needed to tell a group from the others of its model: ``AE``, or
    ``AE (relu)`` beside ``AE (linear)``, or ``VAE (gaussian, epochs=2)``.
    """
    settings = _varying_settings(runs)
    members: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        members.setdefault((run.model, run.variant, settings[run.run_id]), []).append(run)
    models = [model for model, _, _ in members]
    groups = []
    for (model, variant, setting), group in members.items():
        detail = ", ".join(part for part in (variant, setting) if part)
        title = TITLES[model] if models.count(model) == 1 else f"{TITLES[model]} ({detail})"
        groups.append(Group(title, model, tuple(group)))
    return groups


def titles(runs: Sequence[Run]) -> dict[str, str]:
    """Name the group of each run, by run id."""
    return {run.run_id: group.title for group in group_runs(runs) for run in group.runs}


def _varying_settings(runs: Sequence[Run]) -> dict[str, str]:
    """Name, for each run id, the training and data settings that are not the same in all runs."""
    settings = {
        run.run_id: run.config.train.model_dump() | run.config.data.model_dump() for run in runs
    }
    keys = sorted({key for values in settings.values() for key in values})
    varying = [key for key in keys if len({values[key] for values in settings.values()}) > 1]
    return {
        run_id: ", ".join(f"{key}={values[key]}" for key in varying)
        for run_id, values in settings.items()
    }


def representatives(runs: Sequence[Run]) -> list[Run]:
    """Choose one run per model, all of the same latent size: 20, or the largest they share.

    Raises
    ------
    MissingIngredient
        There is no run, or no latent size that every model has.
    """
    models = [model for model in KINDS if any(run.model == model for run in runs)]
    sizes = [{run.latent_size for run in runs if run.model == model} for model in models]
    common = set.intersection(*sizes) if sizes else set()
    if not common:
        raise MissingIngredient("no latent size for which every model has a finished run")
    size = PREFERRED_LATENT_SIZE if PREFERRED_LATENT_SIZE in common else max(common)
    return [run for model in models if (run := representative(runs, model, size)) is not None]


def planar(runs: Sequence[Run]) -> list[Run]:
    """Choose one run with two latent dimensions per model.

    Raises
    ------
    MissingIngredient
        No model has one.
    """
    chosen = [run for model in KINDS if (run := representative(runs, model, 2)) is not None]
    if not chosen:
        raise MissingIngredient("no finished run with latent size 2")
    return chosen


def plain_group(runs: Sequence[Run], model: str) -> Group:
    """Choose the group that stands for a model: that of its plainest run.

    Raises
    ------
    MissingIngredient
        The model has no finished run.
    """
    groups = [group for group in group_runs(runs) if group.model == model]
    if not groups:
        raise MissingIngredient(f"no finished run of the {TITLES[model]}")
    return min(groups, key=lambda group: min(map(_plainness, group.runs)))


def plain_runs(runs: Sequence[Run]) -> list[Run]:
    """List the runs of the groups that stand for the models, in the order of the models."""
    models = dict.fromkeys(run.model for run in runs)
    return [run for model in models for run in plain_group(runs, model).runs]


def representative(runs: Sequence[Run], model: str, latent_size: int) -> Run | None:
    """Choose the run that stands for a model: plain variant, longest training, lowest seed."""
    candidates = [run for run in runs if (run.model, run.latent_size) == (model, latent_size)]
    return min(candidates, key=_plainness, default=None)


def _plainness(run: Run) -> tuple[bool, str, int, int, str]:
    config = run.config
    unusual = run.variant not in PLAIN_VARIANTS
    return unusual, run.variant, -config.train.epochs, config.seed, run.run_id
