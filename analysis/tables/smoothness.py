"""How images change along straight lines between the codes of test images."""

from dataclasses import fields

import pandas as pd

from analysis.measures.cells import run_identity
from analysis.measures.interpolation import PAIRS, STEPS, Lines, measure_lines
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe


def make(study: Study) -> pd.DataFrame:
    """Return one row per run: means over lines of `analysis.measures.interpolation.Lines`.

    Columns: identity of the run; length, jump, changes and unsure.
    """
    rows = []
    for run in study.sweep.runs:
        lines = measure_lines(study, run)
        means = {field.name: getattr(lines, field.name).mean() for field in fields(Lines)}
        rows.append({**run_identity(run), **means})
    return pd.DataFrame(rows)


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the run id."""
    return table.drop(columns="run_id")


def caption(study: Study) -> str:
    """Say what is measured."""
    return (
        f"Images of {study.data.title} decoded in {STEPS} steps along straight lines between the "
        f"codes of {PAIRS} pairs of test images, each of one digit; means over the lines. length: "
        "of the path through the images over the distance of its ends, 1 if straight; jump: "
        "largest step over the mean step, 1 if even; changes: how often the digit that a "
        "classifier sees changes; unsure: share of images of whose digit it is less than 90% sure."
    )


TABLE = TableRecipe("smoothness", make, caption, for_readers)
