"""The cells of a sweep: products of lists, without the cells that are excluded."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from aevae.axes import Value
from aevae.kinds import KINDS
from jobs.sweep.grid import Grid
from jobs.sweep.settings import LISTS, PARTS, Values

Settings = Mapping[str, Value]


@dataclass(frozen=True, eq=False)
class Choice:
    """Settings of one part of a run, which many cells share; two are equal only if identical."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class Cell:
    """What one run of a sweep is made from; the settings need not fit together yet."""

    kind: str
    latent_size: int
    seed: int
    model: Choice
    train: Choice
    data: Choice

    def among(self, row: Grid) -> bool:
        """Whether each key of a row applies to this cell and names its value."""
        return all(self._has(key, values) for key, values in row.items())

    def _has(self, key: str, values: Values) -> bool:
        part, _, name = key.partition(".")
        if key in LISTS:
            return (self.kind if key == "model" else getattr(self, key)) in values
        if part in KINDS:
            return part == self.kind and self._has(f"model.{name}", values)
        if part == "model" and not KINDS[self.kind].has(name):
            return False
        default = PARTS[part].model_fields[name].get_default()
        return getattr(self, part).settings.get(name, default) in values


@dataclass(frozen=True, kw_only=True)
class Block:
    """A product of lists: each model with each latent size, each setting and each seed."""

    name: str
    """What the specification has it from, for messages: ``grid`` or ``include row 1``."""
    models: tuple[str, ...]
    latent_sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    settings: Grid
    may_be_empty: bool = False

    def problem(self) -> str | None:
        """Return what is missing in the lists or is there without need; None if all is right."""
        for key, values in (("model", self.models), ("latent_size", self.latent_sizes)):
            if not values and not self.may_be_empty:
                return f"{self.name} names no {key}, and the list {LISTS[key]} is empty"
        for key in self.settings:
            if not any(self._applies(key, kind) for kind in self.models):
                models = ", ".join(self.models) or "no model"
                return f"{self.name}: {key} decides nothing for {models}"
        return None

    def count(self) -> int:
        """Return the number of cells, without making any."""
        cells = len(self.latent_sizes) * len(self.seeds)
        return sum(cells * prod(map(len, self._of(kind).values())) for kind in self.models)

    def cells(self, tables: Mapping[str, Mapping[str, Settings]]) -> Iterator[Cell]:
        """Yield the cells, in the order of the lists.

        Parameters
        ----------
        tables
            By kind of model and part of a run, the settings that the lists replace.
        """
        for kind in self.models:
            lists = self._of(kind)
            model, train, data = (_choices(part, tables[kind][part], lists) for part in PARTS)
            for latent_size, *chosen, seed in product(
                self.latent_sizes, model, train, data, self.seeds
            ):
                yield Cell(kind, latent_size, seed, *chosen)

    def _of(self, kind: str) -> Grid:
        """Return the lists that apply to a kind, with ``model.`` in place of the kind's name."""
        lists = {}
        for key, values in self.settings.items():
            if self._applies(key, kind):
                part, _, name = key.partition(".")
                lists[f"model.{name}" if part == kind else key] = values
        return lists

    def _applies(self, key: str, kind: str) -> bool:
        """Whether a key varies a kind of model; ``vae.X`` takes the place of ``model.X``."""
        part, _, name = key.partition(".")
        if part == "model":
            return KINDS[kind].has(name) and f"{kind}.{name}" not in self.settings
        return part == kind or part not in KINDS


def _choices(part: str, table: Settings, lists: Grid) -> Iterator[Choice]:
    """Yield the settings of one part of a run, once for each combination of values."""
    varied = {key: values for key, values in lists.items() if key.startswith(f"{part}.")}
    names = [key.partition(".")[2] for key in varied]
    for values in product(*varied.values()):
        yield Choice({**table, **dict(zip(names, values, strict=True))})


def read_blocks(lists: Grid, grid: Grid, include: tuple[Grid, ...]) -> list[Block]:
    """Return the product of the lists of a specification, and those of its further rows.

    Parameters
    ----------
    lists
        The models, latent sizes and seeds of the specification, by the keys of `LISTS`.
    grid
        Further lists of the first product.
    include
        The rows. A row takes the lists of `lists` that it does not name; the grid has no effect on
        it.
    """
    rows = {f"include row {number}": row for number, row in enumerate(include, 1)}
    return [
        Block(
            name=name,
            models=tuple(dict.fromkeys(row.get("model", lists["model"]))),
            latent_sizes=tuple(dict.fromkeys(row.get("latent_size", lists["latent_size"]))),
            seeds=tuple(dict.fromkeys(row.get("seed", lists["seed"]))),
            settings={key: values for key, values in row.items() if key not in LISTS},
            may_be_empty=row is grid,
        )
        for name, row in {"grid": grid, **rows}.items()
    ]


def cells_of(
    blocks: Iterable[Block],
    tables: Mapping[str, Mapping[str, Settings]],
    exclude: tuple[Grid, ...],
    note: Callable[[str], None],
) -> Iterator[Cell]:
    """Yield the cells of the first product without the excluded ones, then those of the others.

    Parameters
    ----------
    blocks
        The products; see `read_blocks`.
    tables
        By kind of model and part of a run, the settings that the lists replace.
    exclude
        Rows; a cell that agrees with all keys of one of them is left out of the first product.
    note
        Receives a line for each row that no cell agrees with.
    """
    first, *others = (block.cells(tables) for block in blocks)
    idle = set(range(len(exclude)))
    for cell in first:
        agreeing = [number for number, row in enumerate(exclude) if cell.among(row)]
        idle.difference_update(agreeing)
        if not agreeing:
            yield cell
    for number in sorted(idle):
        note(f"exclude row {number + 1} agrees with no cell")
    for cells in others:
        yield from cells
