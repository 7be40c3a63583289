"""The axes of a sweep: settings, other than model, latent size and seed, that vary among its runs.

A setting is named by a dotted key, such as ``model.kl_weight`` or ``train.learning_rate``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aevae.config import ModelConfig, RunConfig, TrainConfig
from aevae.kinds import KINDS

Value = Any  # of a setting: a number, a string, a boolean, or a tuple of numbers

# Names of the settings that can be axes. Model and latent size have columns of their own in every
# table; the dataset and its split are the same in all runs of a sweep, but runs can be trained on
# subsets of the training images.
_FIELDS = {
    "model": [name for name in ModelConfig.model_fields if name not in ("kind", "latent_size")],
    "train": list(TrainConfig.model_fields),
    "data": ["train_images"],
}
KEYS = tuple(f"{part}.{name}" for part, names in _FIELDS.items() for name in names)


@dataclass(frozen=True)
class Axis:
    """A setting that at least two runs of one kind of model differ in.

    `values` has the values of all runs: first numbers and tuples, ascending, and then other values
    in the order of the runs.
    """

    key: str
    values: tuple[Value, ...]

    @property
    def name(self) -> str:
        """Short name, as in the columns of tables: ``kl_weight``."""
        return short(self.key)


def short(key: str) -> str:
    """Return the name of a setting without its part, which no two settings share."""
    return key.rpartition(".")[2]


def value_of(config: RunConfig, key: str) -> Value:
    """Return the value of a setting, or None if the setting does not apply to the model."""
    part, _, name = key.partition(".")
    if part == "model" and not config.model.traits.has(name):
        return None
    return getattr(getattr(config, part), name)


def find_axes(configs: Iterable[RunConfig]) -> tuple[Axis, ...]:
    """Return the axes of a sweep, in the order of `KEYS`."""
    by_kind: dict[str, list[RunConfig]] = {}
    for config in configs:
        by_kind.setdefault(config.model.kind, []).append(config)
    ordered = [_with_each_part(by_kind[kind]) for kind in KINDS if kind in by_kind]
    axes = []
    for key in KEYS:
        part = key.partition(".")[0]
        found = [dict.fromkeys(value_of(config, key) for config in runs[part]) for runs in ordered]
        if any(len(values) > 1 for values in found):
            values = dict.fromkeys(value for values in found for value in values)
            axes.append(Axis(key, _ascending([v for v in values if v is not None])))
    return tuple(axes)


def _with_each_part(configs: list[RunConfig]) -> dict[str, list[RunConfig]]:
    """Return, by part, enough runs to have each part once: the runs of a large sweep share them."""
    return {
        part: list({id(getattr(config, part)): config for config in configs}.values())
        for part in _FIELDS
    }


def _ascending(values: list[Value]) -> tuple[Value, ...]:
    numbers = [value for value in values if isinstance(value, int | float | tuple)]
    return (*sorted(numbers), *(value for value in values if value not in numbers))
