"""Numbers of the cells of a sweep with axes, for figures that compare settings.

Such a figure changes one or two settings. All others stay as they are at the reference cell.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aevae.axes import Axis, Value, value_of
from aevae.kinds import KINDS
from analysis.maths.metrics import Floats, seed_interval
from analysis.measures.cells import Cell, cells
from analysis.measures.nearest_training import BEST_SAMPLERS
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, group_runs
from analysis.sweep.load import MissingIngredient, Run, SweepResults
from analysis.sweep.reference import described, values_by_kind
from analysis.write import prose

ERROR, DISTORTION, RATE, UNITS, QUALITY = "error", "distortion", "rate", "units", "quality"
KL_WEIGHT = "model.kl_weight"
MOST_SIZES = 4  # latent sizes that a figure shows; lines of more could not be told apart


@dataclass(frozen=True)
class Line:
    """One model with one latent size at several values of a setting.

    `numbers` has a row for each run of the sweep.
    """

    model: str
    latent_size: int
    values: tuple[Value, ...]
    runs: tuple[tuple[Run, ...], ...]
    numbers: pd.DataFrame

    def means(self, name: str) -> Floats:
        """Return means over the seeds, one for each value; NaN where the model has no such."""
        return np.array([seeds.mean() for seeds in self._by_value(name)])

    def half_widths(self, name: str) -> Floats:
        """Return half of each mean's 95% interval (Student's t); NaN where there is one seed."""
        halves = []
        for seeds in self._by_value(name):
            low, high = seed_interval(seeds) if len(seeds) > 1 else (np.nan, np.nan)
            halves.append((high - low) / 2)
        return np.array(halves)

    def _by_value(self, name: str) -> list[Floats]:
        column = self.numbers[name]
        return [column[[run.run_id for run in runs]].to_numpy(float) for runs in self.runs]


def numbers_of_runs(summary: pd.DataFrame, quality: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row for each run, by run id, from the tables `summary` and `sample_quality`.

    Columns: error (SSE of the decoded mean or code), distortion (SSE of the decoded sample of the
    posterior, or of the code), rate (KL), units (active); and quality, the share of recognisable
    samples, or without judges their coverage of the test images.
    """
    rows = summary[summary["run_id"].notna()].set_index("run_id")
    numbers = pd.DataFrame({
        ERROR: rows["test_sse_mean"],
        DISTORTION: rows["test_sse_sample"].fillna(rows["test_sse_mean"]),
        RATE: rows["test_kl"],
        UNITS: rows["active_units"],
    })  # fmt: skip
    if quality is None:
        return numbers
    best = quality[quality["sampler"] == quality["model"].map(BEST_SAMPLERS)].set_index("run_id")
    return numbers.assign(**{QUALITY: best[quality_column(quality)]})


def quality_column(quality: pd.DataFrame) -> str:
    """Name the column of the table `sample_quality` that is shown."""
    return "recognisable" if "recognisable" in quality else "coverage_pca"


def varying_cells(study: Study, keys: Collection[str]) -> list[Cell]:
    """List the cells that differ from the reference cell in some settings only.

    Models to which one of these settings does not apply have no such cells.
    """
    reference = values_by_kind(study.reference.sweep)
    fixed = [axis.key for axis in study.sweep.axes if axis.key not in keys]
    return [
        cell
        for cell in cells(study.sweep)
        if cell.config is not None
        and all(_has(cell, key) for key in keys)
        and all(value_of(cell.config, k) == reference[cell.model].get(k) for k in fixed)
    ]


def _has(cell: Cell, key: str) -> bool:
    return cell.config is not None and value_of(cell.config, key) is not None


@dataclass(frozen=True)
class AlongAxes:
    """Lines along each axis of a sweep; `reference` is the part of the sweep where they meet."""

    rows: Mapping[Axis, Sequence[Line]]
    reference: SweepResults

    @property
    def lines(self) -> list[Line]:
        """All lines."""
        return [line for lines in self.rows.values() for line in lines]

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return runs_of(self.lines)


def lines_by_axis(study: Study, numbers: pd.DataFrame) -> dict[Axis, list[Line]]:
    """Return the lines along each axis that has some.

    Raises
    ------
    MissingIngredient
        No setting varies while the others stay.
    """
    rows = {axis: lines_along(study, axis, numbers) for axis in study.sweep.axes}
    rows = {axis: lines for axis, lines in rows.items() if lines}
    if not rows:
        raise MissingIngredient("no setting varies while the others are as at the reference cell")
    return rows


def lines_along(study: Study, axis: Axis, numbers: pd.DataFrame) -> list[Line]:
    """Return a line for each model and shown latent size along an axis, in ascending order.

    The list is empty if no model has several values on it while the others stay.
    """
    members: dict[tuple[str, int], dict[Value, Cell]] = {}
    for cell in varying_cells(study, [axis.key]):
        assert cell.config is not None
        by_value = members.setdefault((cell.model, cell.latent_size), {})
        by_value[value_of(cell.config, axis.key)] = cell
    lines, sizes = [], shown_sizes(study.sweep)
    for (model, size), by_value in members.items():
        values = tuple(value for value in axis.values if value in by_value)
        runs = tuple(by_value[value].runs for value in values)
        if size in sizes:
            lines.append(Line(model, size, values, runs, numbers))
    return lines if any(len(line.values) > 1 for line in lines) else []


def lines_of_codes(reference: SweepResults, numbers: pd.DataFrame) -> list[Line]:
    """Return models without a rate at the reference cell, as lines of one value."""
    return [
        Line(group.model, size, (None,), (tuple(group.of_size(size)),), numbers)
        for group in group_runs(reference)
        for size in shown_sizes(reference)
        if not KINDS[group.model].variational and size in group.latent_sizes
    ]


def shown_sizes(sweep: SweepResults) -> list[int]:
    """Choose the latent sizes that are shown: all, or four from the least to the greatest."""
    sizes = sorted({run.latent_size for run in sweep.every})
    if len(sizes) <= MOST_SIZES:
        return sizes
    places = np.linspace(0, len(sizes) - 1, MOST_SIZES).round().astype(int)
    return [sizes[place] for place in places]


def runs_of(lines: Sequence[Line]) -> list[Run]:
    """List the runs of some lines, each once."""
    return list(dict.fromkeys(run for line in lines for runs in line.runs for run in runs))


# --- phrases of captions --------------------------------------------------------------------------


def note_on_sizes(sweep: SweepResults) -> str:
    """Say that some latent sizes are not shown, if so."""
    count, shown = len({run.latent_size for run in sweep.every}), shown_sizes(sweep)
    if count == len(shown):
        return ""
    return f" Of {count} latent sizes, {prose.listed(shown)} are shown; the tables have all."


def note_on_seeds(lines: Sequence[Line], bars: str) -> str:
    """Say what the intervals are that some bars show, or why there are none."""
    counts = {len(runs) for line in lines for runs in line.runs}
    if max(counts) == 1:
        return " With one seed of each, there are no intervals."
    lacking = "; where there is one seed only, there is none" if 1 in counts else ""
    return (
        f" {bars} are 95% intervals over {prose.seeds(runs_of(lines))} (Student's t){lacking}. "
        "Where they are wide, they leave the panel."
    )


def note_on_reference(reference: SweepResults, also: str = "") -> str:
    """Say what is as at the reference cell: the settings that do not vary in a row, and a model."""
    others = ["the other settings"] if len(reference.axes) > 1 else []
    subjects = [*others, *([f"the {also}"] if also else [])]
    if not subjects:
        return ""
    verb = "are" if others else "is"
    named = prose.sentence(f"{prose.listed(subjects)} {verb} as at the reference cell")
    return f" {named[:-1]}: {described(reference)}."


def note_on_models(sweep: SweepResults, axes: Sequence[Axis]) -> str:
    """Say to which models a setting does not apply, if to any."""
    texts = []
    for axis in axes:
        lacking = [m for m, values in values_by_kind(sweep).items() if axis.key not in values]
        if lacking:
            titles = prose.listed(TITLES[model] for model in lacking)
            texts.append(f" {axis.name} does not apply to the {titles}.")
    return "".join(texts)
