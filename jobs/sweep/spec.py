"""A sweep specification (TOML): which runs a sweep consists of, and how they execute."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Self

import tomli_w
from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from aevae.axes import KEYS
from aevae.config import (
    NAME,
    NAME_RULE,
    DataConfig,
    EvaluationConfig,
    Frozen,
    ModelKind,
    RunConfig,
    TrainConfig,
)
from aevae.errors import InputError, describe_validation_error
from aevae.execution import ExecutionConfig
from aevae.kinds import KINDS
from jobs.sweep.blocks import cells_of, read_blocks
from jobs.sweep.cells import RunMaker
from jobs.sweep.grid import Grid, dotted, read_grid, read_rows
from jobs.sweep.options import apply_setting, read_grids
from jobs.sweep.settings import check_key, check_value
from jobs.toml import read_toml

MOST_CELLS = 100_000
SHIPPED_SPECS = Path(__file__).parent / "shipped"

Settings = dict[str, Any]


class SweepSpec(Frozen):
    """The cells of a sweep, as products of lists, and what they have in common.

    The lists are the models, the latent sizes, the seeds and those of the grid. Models and latent
    sizes may be missing if there are rows of further cells (`include`).
    """

    name: str
    description: str = ""
    models: Annotated[tuple[ModelKind, ...], Field(strict=False)] = ()
    latent_sizes: Annotated[tuple[int, ...], Field(strict=False)] = ()
    seeds: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (0,)
    grid: Annotated[Grid, BeforeValidator(read_grid)] = Field(default_factory=dict)
    """Further lists, by the key of the setting that they vary."""
    exclude: Annotated[tuple[Grid, ...], BeforeValidator(read_rows)] = ()
    """Cells of the lists that are left out: those that agree with all keys of a row."""
    include: Annotated[tuple[Grid, ...], BeforeValidator(read_rows)] = ()
    """Further cells: the product of a row, which takes missing lists from above."""
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

    @model_validator(mode="after")
    def _check_lists(self) -> Self:
        for key, values in (("models", self.models), ("latent_sizes", self.latent_sizes)):
            if not values and not self.include:
                raise ValueError(f"{key} must name at least one value, as there is no include row")
        return self

    def runs(self, source: str, note: Callable[[str], None] = lambda _: None) -> list[RunConfig]:
        """Return the configurations of all cells, each once, in the order of the lists.

        Parameters
        ----------
        source
            Name of the specification in messages.
        note
            Receives a line for each row of `exclude` that no cell agrees with.

        Raises
        ------
        InputError
            A list varies nothing, or a cell is invalid or is there twice, or there are more than
            100,000.
        """
        lists = {"model": self.models, "latent_size": self.latent_sizes, "seed": self.seeds}
        blocks = read_blocks(lists, self.grid, self.include)
        if problem := next(filter(None, (block.problem() for block in blocks)), None):
            raise InputError(f"{problem} in {source}")
        cells = sum(block.count() for block in blocks)
        if cells > MOST_CELLS:
            raise InputError(
                f"{cells:,} cells are more than the {MOST_CELLS:,} possible in {source}"
            )
        runs: dict[str, RunConfig] = {}
        make = RunMaker(source)
        for cell in cells_of(blocks, self._tables, self.exclude, note):
            run = make(cell)
            same = runs.setdefault(run.run_id, run)
            if same is not run:
                raise InputError(
                    f"{source} has the cell {run.run_id} twice"
                    if same == run
                    else f"two different cells of {source} have the id {run.run_id}"
                )
        if not runs:
            raise InputError(f"all {cells:,} cells of {source} are excluded")
        return list(runs.values())

    @property
    def _tables(self) -> dict[str, dict[str, Settings]]:
        """The settings that the lists replace, by kind of model and part of a run."""
        shared = {"train": dict(self.train), "data": dict(self.data)}
        return {kind: {"model": self._model_table(kind), **shared} for kind in KINDS}

    def _model_table(self, kind: str) -> Settings:
        """Return the settings of a kind; lists, as TOML has them, become tuples."""
        table = self.model | self.by_kind.get(kind, {})
        for name, value in table.items():
            with suppress(ValueError):  # whoever makes the model reports what is wrong
                check_key(f"model.{name}")
                table[name] = check_value(f"model.{name}", value)
        return table

    @classmethod
    def dotted_keys(cls) -> tuple[str, ...]:
        """Return the dotted keys that a file may have."""
        own = [key for key in super().dotted_keys() if key != "by_kind"]
        return (*own, *(key for key in KEYS if key.startswith("model.")), *KINDS)

    def check_effective(self, key: str) -> None:
        """Make sure that a setting is not replaced in every cell.

        Raises
        ------
        InputError
            Lists replace the setting; the message says what to give instead.
        """
        table, _, name = key.partition(".")
        own = {"kind": "models", "latent_size": "latent_sizes"}
        if table in ("model", *KINDS) and name in own:
            raise InputError(f"--set {key} has no effect; give --set {own[name]}=[...] instead")
        # A list of model.kl_weight replaces vae.kl_weight too.
        keys = {key, f"model.{name}"} if table in KINDS else {key}
        products = [self.grid, *self.include] if self.models else list(self.include)
        if all(keys & product.keys() for product in products):
            advice = f"; give --grid {key}=... instead" if key in self.grid else ""
            raise InputError(f"--set {key} has no effect, because lists replace it{advice}")

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
        """Name the first setting, except lists of cells, that two sweeps differ in; or None.

        Lists of cells are also those of the grid, and the rows of `exclude` and `include`.
        """
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


def load_spec(path: Path, overrides: Sequence[str] = (), grids: Sequence[str] = ()) -> SweepSpec:
    """Read and validate a specification, except for its cells; see `SweepSpec.runs`.

    Parameters
    ----------
    path
        The file; a bare name such as ``quickstart`` means the one shipped with the package.
    overrides
        ``key=value`` settings that replace those of the file: ``train.epochs=2``.
    grids
        ``key=value,value,...`` lists of the grid, which replace those of the file.

    Raises
    ------
    InputError
        The file cannot be read, is not TOML or is invalid. The message is one line with the key,
        its value and what is valid.
    """
    # A folder of such a name may be that of a sweep.
    shipped = (not path.exists() or path.is_dir()) and path.parent == Path() and path.suffix == ""
    values = read_toml(_shipped(path.name) if shipped else path)
    replaced = [apply_setting(values, override) for override in overrides]
    try:
        if grids:
            values["grid"] = dict(dotted(values.get("grid", {}))) | read_grids(grids)
        spec = SweepSpec.model_validate(values)
    except ValidationError as error:
        source = named_source(path, overrides, grids)
        raise InputError(
            describe_validation_error(error, source, SweepSpec.dotted_keys())
        ) from None
    except ValueError as error:
        raise InputError(f"grid: {error} in {path}") from None
    for key in replaced:
        spec.check_effective(key)
    return spec


def named_source(path: Path, overrides: Sequence[str], grids: Sequence[str]) -> str:
    """Return a specification as messages name it: the file, and which options changed it."""
    options = [name for name, given in (("--set", overrides), ("--grid", grids)) if given]
    return " with ".join([str(path), *([" and ".join(options)] if options else [])])


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
        raise InputError(
            describe_validation_error(error, "--set", SweepSpec.dotted_keys())
        ) from None


def _shipped(name: str) -> Path:
    shipped = sorted(path.stem for path in SHIPPED_SPECS.glob("*.toml"))
    if name not in shipped:
        raise InputError(f"no sweep is called {name!r}: give a file or one of {', '.join(shipped)}")
    return SHIPPED_SPECS / f"{name}.toml"
