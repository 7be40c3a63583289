"""How images change along straight lines between the codes of test images."""

from dataclasses import fields

import pandas as pd

from analysis.measures.cells import run_identity
from analysis.measures.interpolation import STEPS, Lines, measure_lines, pairs_of_a_class
from analysis.measures.judges.panel import described, why_no_judges
from analysis.measures.study import Call, Study
from analysis.tables import by_class
from analysis.tables.recipe import TableRecipe


def make(study: Study) -> pd.DataFrame:
    """Return one row per run: means over lines of `analysis.measures.interpolation.Lines`.

    Columns: identity of the run; length, jump, and with judges changes and unsure.
    """
    rows = []
    for run in study.sweep.runs:
        lines = measure_lines(study, run)
        found = {field.name: getattr(lines, field.name) for field in fields(Lines)}
        means = {name: values.mean() for name, values in found.items() if len(values)}
        rows.append({**run_identity(run, study.sweep.axes), **means})
    return pd.DataFrame(rows)


def measures(study: Study) -> list[Call]:
    """List the measuring of lines for every run."""
    why_no_judges(study)
    return [(measure_lines, (run,)) for run in study.sweep.runs]


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the run id."""
    return table.drop(columns="run_id")


def caption(study: Study) -> str:
    """Say what is measured."""
    data, (_, pairs) = study.data, pairs_of_a_class(study)
    each = f", each of one {data.noun}" if data.classes else ""
    return (
        f"Images of {data.title} decoded in {STEPS} steps along straight lines between the "
        f"codes of {len(pairs)} pairs of test images{each}; means over the lines. length: "
        "of the path through the images over the distance of its ends, 1 if straight; jump: "
        f"largest step over the mean step, 1 if even{_about_judges(study)}"
    )


def _about_judges(study: Study) -> str:
    if reason := why_no_judges(study):
        return f". What needs judges is left out: {reason}."
    noun = study.data.noun
    return (
        f"; changes: how often the {noun} that a judge sees changes; unsure: share of images of "
        f"whose {noun} it is less than 90% sure; means over {described(study)}."
        + by_class.named("With too few test images", study.sweep.rare_classes("test", 2))
    )


TABLE = TableRecipe("smoothness", make, caption, for_readers, measures=measures)
