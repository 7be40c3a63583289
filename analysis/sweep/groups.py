"""Which runs belong together in a panel, and which one stands for its model in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from aevae.axes import Axis, Value, value_of
from aevae.config import RunConfig
from aevae.kinds import KINDS
from analysis.sweep.axes import written
from analysis.sweep.load import MissingIngredient, Run, SweepResults

TITLES = {name: kind.title for name, kind in KINDS.items()}
PREFERRED_LATENT_SIZE = 20


@dataclass(frozen=True)
class Group:
    """Runs of one kind of model that differ in latent size and seed only."""

    title: str
    model: str
    runs: tuple[Run, ...]

    @property
    def config(self) -> RunConfig:
        """A configuration with the values that the runs have on every axis."""
        return self.runs[0].config

    @property
    def latent_sizes(self) -> list[int]:
        """Latent sizes of the runs, ascending."""
        return sorted({run.latent_size for run in self.runs})

    def of_size(self, latent_size: int) -> list[Run]:
        """Return the runs (one per seed) with this latent size."""
        return [run for run in self.runs if run.latent_size == latent_size]


def group_runs(sweep: SweepResults) -> list[Group]:
    """Group the runs of a sweep by model and by their values on its axes.

    No two groups have the same title. It names only what tells a group from the others of its
    model: ``AE``, or ``VAE (kl_weight=0.5)`` beside ``VAE (kl_weight=1)``.
    """
    members: dict[tuple[str, tuple[Value, ...]], list[Run]] = {}
    for run in sweep.runs:
        values = tuple(value_of(run.config, axis.key) for axis in sweep.axes)
        members.setdefault((run.model, values), []).append(run)
    models = dict.fromkeys(model for model, _ in members)
    differing = {model: _differing(sweep.axes, members, model) for model in models}
    return [
        Group(_title(model, dict(zip(sweep.axes, values, strict=True)), differing[model]),
              model, tuple(runs))
        for (model, values), runs in members.items()
    ]  # fmt: skip


def _differing(
    axes: Sequence[Axis], members: dict[tuple[str, tuple[Value, ...]], list[Run]], model: str
) -> list[Axis]:
    """Find the axes in which the groups of one model differ."""
    rows = [values for name, values in members if name == model]
    return [axis for axis, found in zip(axes, zip(*rows, strict=True), strict=False)
            if len(set(found)) > 1]  # fmt: skip


def _title(model: str, values: dict[Axis, Value], differing: Sequence[Axis]) -> str:
    detail = ", ".join(f"{axis.name}={written(values[axis])}" for axis in differing)
    return f"{TITLES[model]} ({detail})" if detail else TITLES[model]


def group_of(sweep: SweepResults, model: str) -> Group:
    """Return the runs of one kind of model at the reference cell of a sweep.

    Raises
    ------
    MissingIngredient
        The model has no finished run.
    """
    runs = tuple(run for run in sweep.runs if run.model == model)
    if not runs:
        raise MissingIngredient(f"no finished run of the {TITLES[model]}")
    return Group(TITLES[model], model, runs)


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


def representative(runs: Sequence[Run], model: str, latent_size: int) -> Run | None:
    """Choose the run that stands for a model and latent size: that with the lowest seed."""
    candidates = [run for run in runs if (run.model, run.latent_size) == (model, latent_size)]
    return min(candidates, key=lambda run: (run.config.seed, run.run_id), default=None)
