"""The sweeps of a comparison, and which of their cells belong together."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aevae.axes import Value, short, value_of
from aevae.errors import InputError
from aevae.kinds import KINDS
from analysis.sweep.axes import written
from analysis.sweep.load import Run, SweepResults
from analysis.write.prose import listed

MOST_NAMED = 6  # cells without a partner


@dataclass(frozen=True, eq=False)
class Replicates:
    """A cell of a sweep: the runs of one model that differ in their seed only.

    `settings` has the value of each axis of the sweep, by the key of the axis.
    """

    model: str
    latent_size: int
    settings: dict[str, Value]
    runs: tuple[Run, ...]

    def place(self, keys: Iterable[str]) -> tuple[Value, ...]:
        """Return what a cell of another sweep must have in common with this one."""
        return self.model, self.latent_size, *(self.settings[key] for key in keys)


@dataclass(frozen=True, eq=False)
class Member:
    """One sweep of a comparison; `label` names it, `axes` are the keys of its axes."""

    label: str
    sweep: SweepResults
    axes: tuple[str, ...]
    cells: tuple[Replicates, ...]

    @classmethod
    def of(cls, label: str, sweep: SweepResults) -> "Member":
        """Find the cells of a sweep, by model, latent size and values on its axes."""
        axes = tuple(axis.key for axis in sweep.axes)
        found: dict[tuple[Value, ...], list[Run]] = {}
        for run in sweep.runs:
            values = tuple(value_of(run.config, key) for key in axes)
            found.setdefault((run.model, run.latent_size, *values), []).append(run)
        cells = [
            Replicates(model, size, dict(zip(axes, values, strict=True)), tuple(runs))
            for (model, size, *values), runs in found.items()
        ]
        # The runs are ordered by model and the values on the axes.
        cells.sort(key=lambda cell: (list(KINDS).index(cell.model), cell.latent_size))
        return cls(label, sweep, axes, tuple(cells))


@dataclass(frozen=True)
class Pair:
    """A cell of the first sweep and the one of another sweep that is compared with it."""

    member: Member
    ours: Replicates
    theirs: Replicates

    def settings(self, keys: Iterable[str]) -> dict[str, Value]:
        """Return the value of each axis: that of the sweep that varies it."""
        known = self.ours.settings | self.theirs.settings
        return {key: known.get(key) for key in keys}


def label_folders(folders: Sequence[Path]) -> list[str]:
    """Name sweeps by their folders; where names are equal, the folders above are named too.

    Raises
    ------
    InputError
        There are fewer than two sweeps, or one is given twice.
    """
    if len(folders) < 2:
        raise InputError(f"a comparison needs at least two sweeps, got {len(folders)}")
    seen: dict[str, Path] = {}
    for folder in folders:
        other = seen.setdefault(os.path.realpath(folder), folder)
        if other is not folder:
            raise InputError(f"{other} and {folder} are the same sweep; give different ones")
    parts = [Path(os.path.abspath(folder)).parts for folder in folders]  # noqa: PTH100 - no links
    for count in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(names[-count:]) for names in parts]
        if len(set(labels)) == len(labels):
            break
    return labels


def find_pairs(first: Member, others: Sequence[Member]) -> list[Pair]:
    """Pair cells of the first sweep with those of the others, in the order of the first sweep.

    Two cells belong together if they have the same model, latent size and value of every axis that
    both sweeps have. If only one sweep varies a setting, each of its values is compared with the
    same cell of the other sweep.

    Raises
    ------
    InputError
        No cell has a partner.
    """
    pairs = []
    for member in others:
        shared = [key for key in first.axes if key in member.axes]
        theirs: dict[tuple[Value, ...], list[Replicates]] = {}
        for cell in member.cells:
            theirs.setdefault(cell.place(shared), []).append(cell)
        for ours in first.cells:
            partners = theirs.get(ours.place(shared), [])
            pairs += [Pair(member, ours, partner) for partner in partners]
    if not pairs:
        have = "; ".join(f"{m.label} has {in_words(m.cells)}" for m in (first, *others))
        raise InputError(f"the sweeps have no model and latent size in common: {have}")
    places = {cell: place for place, cell in enumerate(first.cells)}
    return sorted(pairs, key=lambda pair: places[pair.ours])


def without_partner(first: Member, others: Sequence[Member], pairs: Sequence[Pair]) -> str:
    """Say in one sentence which cells of which sweep are not compared; empty if all are."""
    paired = {cell for pair in pairs for cell in (pair.ours, pair.theirs)}
    parts = []
    for member in (first, *others):
        alone = [cell for cell in member.cells if cell not in paired]
        # Where some values of an axis have a partner, model and latent size do not name a cell.
        partly = {cell.place(()) for cell in member.cells if cell in paired}
        named = any(cell.place(()) in partly for cell in alone)
        if alone:
            words = _one_by_one(alone) if named else in_words(alone)
            parts.append(f"{len(alone)} of {member.label}: {words}")
    return f"Cells without a partner: {'; '.join(parts)}." if parts else ""


def in_words(cells: Sequence[Replicates]) -> str:
    """Name cells by model and latent size alone: ``AE, VAE (d = 2 and 20)``."""
    models: dict[tuple[int, ...], dict[str, None]] = {}
    for model in dict.fromkeys(cell.model for cell in cells):
        sizes = tuple(sorted({cell.latent_size for cell in cells if cell.model == model}))
        models.setdefault(sizes, {})[KINDS[model].title] = None
    return ", ".join(
        f"{', '.join(titles)} (d = {listed(sizes)})" for sizes, titles in models.items()
    )


def _one_by_one(cells: Sequence[Replicates]) -> str:
    """Name cells with the values of the axes: ``VAE (d = 2, kl_weight = 4)``."""
    names = []
    for cell in cells[:MOST_NAMED]:
        settings = {"d": cell.latent_size, **cell.settings}
        values = [f"{short(key)} = {written(v)}" for key, v in settings.items() if v is not None]
        names.append(f"{KINDS[cell.model].title} ({', '.join(values)})")
    more = len(cells) - MOST_NAMED
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
