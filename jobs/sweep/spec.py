"""A sweep specification (TOML): which runs a sweep consists of, and how they execute."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from aevae.config import (
    NAME,
    NAME_RULE,
    DataConfig,
    EvaluationConfig,
    Frozen,
    ModelConfig,
    ModelKind,
    RunConfig,
    TrainConfig,
)
from aevae.errors import InputError, describe_validation_error
from aevae.execution import ExecutionConfig
from aevae.kinds import KINDS
from jobs.sweep.options import apply_setting
from jobs.toml import read_toml

MOST_CELLS = 100_000
SHIPPED_SPECS = Path(__file__).parent / "shipped"

Settings = dict[str, Any]


class SweepSpec(Frozen):
    """The cells of a sweep (models x latent sizes x seeds) and what they have in common."""

    name: str
    description: str = ""
    models: Annotated[tuple[ModelKind, ...], Field(strict=False, min_length=1)]
    latent_sizes: Annotated[tuple[int, ...], Field(strict=False, min_length=1)]
    seeds: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (0,)
    model: Settings = Field(default_factory=dict)
    """Settings of every model; a table with the name of a kind, such as [vae], adds to them."""
    by_kind: dict[ModelKind, Settings] = Field(default_factory=dict)
    """The tables of the kinds; a file has each under its own name, and no key of this name."""
    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    execution: ExecutionConfig = ExecutionConfig()

    @model_validator(mode="before")
    @classmethod
    def _gather_kinds(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        if "by_kind" in values:
            raise ValueError("unknown key 'by_kind'")
        tables = {kind: values[kind] for kind in KINDS if kind in values}
        rest = {key: value for key, value in values.items() if key not in tables}
        return {**rest, "by_kind": tables} if tables else rest

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(NAME_RULE)
        return name

    def runs(self, source: str) -> list[RunConfig]:
        """Return the configurations of all cells, each once, in the order of the lists.

        Raises
        ------
        InputError
            A cell is invalid, or there are more than 100,000; `source` names the specification
            in the message.
        """
        cells = len(self.models) * len(self.latent_sizes) * len(self.seeds)
        if cells > MOST_CELLS:
            raise InputError(
                f"{cells:,} cells are more than the {MOST_CELLS:,} possible in {source}"
            )
        runs: dict[str, RunConfig] = {}
        for kind in self.models:
            for latent_size in self.latent_sizes:
                for seed in self.seeds:
                    run = self._cell(kind, latent_size, seed, source)
                    if runs.setdefault(run.run_id, run) != run:
                        raise InputError(
                            f"two different cells of {source} have the id {run.run_id}"
                        )
        return list(runs.values())

    def _cell(self, kind: ModelKind, latent_size: int, seed: int, source: str) -> RunConfig:
        settings = {**self.model, **self.by_kind.get(kind, {})}
        try:
            model = ModelConfig(**{**settings, "kind": kind, "latent_size": latent_size})
            return RunConfig(
                model=model,
                train=self.train,
                data=self.data,
                seed=seed,
            )
        except ValidationError as error:
            raise InputError(describe_validation_error(error, f"{source} ({kind})")) from None

    @property
    def duplicates(self) -> list[str]:
        """The values that a list names more than once, for example ``latent_sizes: 2``."""
        lists = {"models": self.models, "latent_sizes": self.latent_sizes, "seeds": self.seeds}
        return [
            f"{key}: {value}"
            for key, values in lists.items()
            for value in dict.fromkeys(values)
            if values.count(value) > 1
        ]

    def science_difference(self, other: Self) -> str | None:
        """Name the first setting, except lists of cells, that two sweeps differ in; or None."""
        for table in ("model", *KINDS, "train", "data"):
            mine, theirs = self._table(table), other._table(table)
            for key in sorted(mine.keys() | theirs.keys()):
                if mine.get(key) != theirs.get(key):
                    return f"{table}.{key} is {theirs.get(key)} there and {mine.get(key)} here"
        return None

    def to_toml(self) -> str:
        """Render the resolved specification; reading it back gives the same one."""
        return tomli_w.dumps(self.to_values())

    def to_values(self) -> dict[str, Any]:
        """Return what a file has: plain values, and the table of each kind under its name."""
        values = self.model_dump(mode="json")
        tables: dict[str, Any] = values.pop("by_kind")
        return values | tables

    def _table(self, name: str) -> Settings:
        """Return the settings of a table as plain values."""
        if name in KINDS:
            return self.by_kind.get(name, {})
        table = getattr(self, name)
        return table if isinstance(table, dict) else table.model_dump(mode="json")

    def on(self, data: DataConfig) -> Self:
        """Return the same sweep on a dataset that has been looked up."""
        return self.model_copy(update={"data": data})


def load_spec(path: Path, overrides: Sequence[str] = ()) -> SweepSpec:
    """Read and validate a specification, except for its cells; see `SweepSpec.runs`.

    Parameters
    ----------
    path
        The file; a bare name such as ``quickstart`` means the one shipped with the package.
    overrides
        ``key=value`` settings that replace those of the file: ``train.epochs=2``.

    Raises
    ------
    InputError
        The file cannot be read, is not TOML or is invalid. The message is one line with the key,
        its value and what is valid.
    """
    if not path.exists() and path.parent == Path() and path.suffix == "":
        path = _shipped(path.name)
    values = read_toml(path)
    for override in overrides:
        apply_setting(values, override)
    source = f"{path} with --set" if overrides else str(path)
    try:
        return SweepSpec.model_validate(values)
    except ValidationError as error:
        raise InputError(describe_validation_error(error, source)) from None


def change_evaluation(spec: SweepSpec, overrides: Sequence[str]) -> SweepSpec:
    """Return a specification with other settings of the evaluation.

    Parameters
    ----------
    spec
        The specification of a sweep.
    overrides
        Settings such as ``evaluation.grid_size=40``.

    Raises
    ------
    InputError
        A setting is invalid, or is no setting of the evaluation.
    """
    values = spec.to_values()
    for override in overrides:
        if not override.strip().startswith("evaluation."):
            raise InputError(f"--set takes evaluation.key=value here, got {override!r}")
        apply_setting(values, override)
    try:
        return SweepSpec.model_validate(values)
    except ValidationError as error:
        raise InputError(describe_validation_error(error, "--set")) from None


def _shipped(name: str) -> Path:
    shipped = sorted(path.stem for path in SHIPPED_SPECS.glob("*.toml"))
    if name not in shipped:
        raise InputError(f"no sweep is called {name!r}: give a file or one of {', '.join(shipped)}")
    return SHIPPED_SPECS / f"{name}.toml"
