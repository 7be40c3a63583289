"""Every table there is, and how the tables of a study are computed."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import pandas as pd

from analysis.measures.study import Call, Study, once_per_study
from analysis.sweep.load import MissingIngredient
from analysis.tables import (
    TABLES,
    auroc,
    control,
    history,
    latent_dimensions,
    latent_size_choice,
    latent_space,
    memorisation,
    per_digit_error,
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
        latent_space.TABLE,
        latent_dimensions.TABLE,
        auroc.TABLE,
        sample_quality.TABLE,
        control.TABLE,
        smoothness.TABLE,
        memorisation.TABLE,
        probes.TABLE,
    )
}


@once_per_study
def compute_table(study: Study, name: str) -> pd.DataFrame:
    """Compute a table of a study from the tables it needs.

    Raises
    ------
    MissingIngredient
        The table does not apply to this sweep.
    """
    recipe = RECIPES[name]
    return recipe.make(study, *(compute_table(study, need) for need in recipe.needs))


def compute_measures(study: Study, names: Iterable[str], jobs: int) -> None:
    """Compute what takes long in tables, side by side."""
    calls: list[Call] = []
    for measures in (RECIPES[name].measures for name in names):
        if measures is not None:
            with suppress(MissingIngredient):  # said where the table is made
                calls += measures(study)
    study.compute(calls, jobs)


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
    for name in track(names):
        try:
            made.append(captioned(study, RECIPES[name], compute_table(study, name)))
        except MissingIngredient as error:
            omitted[name] = str(error)
    return made, omitted
