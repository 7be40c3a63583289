"""Every table there is, and how the tables of a study are computed."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import pandas as pd

from analysis.measures.study import Call, Study, kept_for_commands, once_per_study
from analysis.sweep.axes import is_whole
from analysis.sweep.groups import TITLES, group_runs
from analysis.sweep.load import MissingIngredient, SweepResults
from analysis.tables import (
    TABLES,
    auroc,
    calibration,
    control,
    history,
    latent_dimensions,
    latent_size_choice,
    latent_space,
    literature,
    memorisation,
    per_digit_error,
    pixel_costs,
    plane_structure,
    probes,
    published,
    sample_quality,
    smoothness,
    summary,
)
from analysis.tables.recipe import Table, TableRecipe, captioned

RECIPES: dict[str, TableRecipe] = {
    recipe.name: recipe
    for recipe in (
        per_digit_error.TABLE,
        summary.TABLE,
        history.TABLE,
        latent_size_choice.TABLE,
        published.TABLE,
        literature.TABLE,
        latent_space.TABLE,
        latent_dimensions.TABLE,
        pixel_costs.TABLE,
        auroc.TABLE,
        sample_quality.TABLE,
        calibration.TABLE,
        control.TABLE,
        smoothness.TABLE,
        plane_structure.TABLE,
        memorisation.TABLE,
        probes.TABLE,
    )
}

MOST_KEPT = 1000  # runs; of more, a table is too large to keep it for the next command


def compute_table(study: Study, name: str) -> pd.DataFrame:
    """Compute a table of a study from the tables it needs.

    At the reference cell, the rows of its runs are taken from the table of the whole sweep, so
    that no table is computed twice.

    Raises
    ------
    MissingIngredient
        The table does not apply to this sweep.
    """
    table = _whole_table(study, name)
    return table if study.whole is None else _rows_of(study.sweep, study.whole.sweep, table)


@once_per_study
def _whole_table(study: Study, name: str) -> pd.DataFrame:
    is_small = len(study.sweep.runs) <= MOST_KEPT
    return (kept_for_commands(_make_table) if is_small else _make_table)(study, name)


def _make_table(study: Study, name: str) -> pd.DataFrame:
    recipe = RECIPES[name]
    table = recipe.make(study, *(compute_table(study, need) for need in recipe.needs))
    # Where a setting does not apply, its column is empty, and pandas makes the numbers fractions.
    whole = [axis.name for axis in study.sweep.axes if is_whole(axis) and axis.name in table]
    return table.astype(dict.fromkeys(whole, "Int64"))


def _rows_of(part: SweepResults, sweep: SweepResults, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the runs of a part, and those of no run, such as PCA's and pixels'."""
    if "model" not in table:
        return table  # of no run, such as what a pixel costs
    runs = set(part.runs)
    without_run = ~table["model"].isin([run.model for run in sweep.runs])
    if "run_id" in table:
        chosen = table["run_id"].isin([run.run_id for run in runs])
    else:
        groups = [group.title for group in group_runs(sweep) if runs & set(group.runs)]
        chosen = table["group"].isin(groups)
    rows = table[chosen | without_run].reset_index(drop=True)
    if "group" not in rows:
        return rows
    return rows.assign(group=rows["model"].map(TITLES).fillna(rows["group"]))


def compute_measures(study: Study, names: Iterable[str], jobs: int) -> None:
    """Compute what takes long in tables, side by side."""
    calls: list[Call] = []
    for measures in (RECIPES[name].measures for name in names):
        if measures is not None:
            with suppress(MissingIngredient):  # said where the table is made
                calls += measures(study)
    study.compute(calls, jobs)


def concerns(study: Study, name: str) -> bool:
    """Tell whether a table has a meaning for a study."""
    asked = RECIPES[name].concerns
    return asked is None or asked(study)


def make_tables(
    study: Study,
    track: Callable[[Sequence[str]], Iterable[str]] = iter,
    names: Sequence[str] = tuple(TABLES),
) -> tuple[list[Table], dict[str, str]]:
    """Compute tables one after the other.

    Returns
    -------
    made
        The tables, in the order of their names.
    omitted
        Reason by name, for each table that does not apply to this sweep.
    """
    made: list[Table] = []
    omitted: dict[str, str] = {}
    for name in track([name for name in names if concerns(study, name)]):
        try:
            made.append(captioned(study, RECIPES[name], compute_table(study, name)))
        except MissingIngredient as error:
            omitted[name] = str(error)
    return made, omitted
