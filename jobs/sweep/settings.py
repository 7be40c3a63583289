"""The settings that may differ between the runs of a sweep: their keys and their valid values.

A setting has a dotted key, such as ``train.learning_rate``. ``model.kl_weight`` is the setting of
every kind of model that it applies to, and ``vae.kl_weight`` that of one kind. Kind, latent size
and seed of a run are called ``model``, ``latent_size`` and ``seed``.
"""

from collections.abc import Iterable
from functools import cache

from pydantic import ConfigDict, TypeAdapter, ValidationError

from aevae.axes import KEYS, Value
from aevae.config import DataConfig, Frozen, ModelConfig, RunConfig, TrainConfig
from aevae.errors import problem_message, short_repr
from aevae.kinds import KINDS

Values = tuple[Value, ...]

PARTS: dict[str, type[Frozen]] = {"model": ModelConfig, "train": TrainConfig, "data": DataConfig}

# These three have lists of their own in a specification.
LISTS = {"model": "models", "latent_size": "latent_sizes", "seed": "seeds"}
_FIELDS: dict[str, tuple[type[Frozen], str]] = {
    "model": (ModelConfig, "kind"),
    "latent_size": (ModelConfig, "latent_size"),
    "seed": (RunConfig, "seed"),
}


def check_key(key: str) -> None:
    """Check that a setting exists and may differ between the runs of a sweep.

    Raises
    ------
    ValueError
        It does not; the message says which do.
    """
    part, _, name = key.partition(".")
    if part in KINDS and f"model.{name}" in KEYS:
        if not KINDS[part].has(name):
            raise ValueError(f"{key}: {name} does not apply to the {part}")
    elif key not in KEYS:
        raise ValueError(
            f"no setting {short_repr(key)} may vary; valid are {', '.join(KEYS)}, and those of the "
            "model for one kind, such as vae.kl_weight"
        )


def check_value(key: str, value: object) -> Value:
    """Return the value of a setting in the type of the setting.

    Raises
    ------
    ValueError
        The value is not valid.
    """
    try:
        return _type_of(key).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]
        message, given = problem_message(problem), short_repr(problem["input"])
        raise ValueError(f"{message}, got {given}") from None


def check_values(key: str, values: Iterable[object]) -> Values:
    """Return the values of a list in the type of the setting.

    Raises
    ------
    ValueError
        There is no value, or one is not valid, or one is named twice.
    """
    given, checked = list(values), dict[Value, None]()
    for number, value in enumerate(given, 1):
        try:
            valid = check_value(key, value)
        except ValueError as error:
            raise ValueError(f"{key}: value {number} of {len(given)}: {error}") from None
        if valid in checked:
            raise ValueError(f"{key}: {short_repr(value)} is named twice")
        checked[valid] = None
    if not checked:
        raise ValueError(f"{key}: the list has no value")
    return tuple(checked)


def shown_value(value: Value) -> str:
    """Return a value as a user writes it on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{','.join(map(str, value))}]"
    return str(value).removesuffix(".0")


@cache
def _type_of(key: str) -> TypeAdapter[Value]:
    part, _, name = key.partition(".")
    owner, name = _FIELDS.get(key) or (PARTS.get(part, ModelConfig), name)
    kind = owner.model_fields[name].rebuild_annotation()
    return TypeAdapter(kind, config=ConfigDict(strict=True, allow_inf_nan=False))
