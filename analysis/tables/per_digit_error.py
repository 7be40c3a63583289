"""Test error of each class, by model and latent size."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aevae.files import names
from analysis.maths import metrics
from analysis.maths.metrics import Floats
from analysis.measures.cells import cells, errors
from analysis.measures.cells import for_readers as for_readers_of_cells
from analysis.measures.pca import note_on_targets
from analysis.measures.study import Study
from analysis.tables import by_class
from analysis.tables.by_class import ALL
from analysis.tables.recipe import TableRecipe
from analysis.write import prose

# Columns of the table, and the datasets that they are means of.
ERRORS = {"sse_mean": names.SSE_AT_MEAN, "sse_sample": names.SSE_AT_SAMPLE, "kl": names.KL}
COLUMNS = ("n", "sse_mean", "sse_mean_low", "sse_mean_high", "sse_sample", "kl")


def make(study: Study) -> pd.DataFrame:
    """Return mean errors of the test images by class, with one row ``all`` at the end of each cell.

    Columns: identity of the cell; digit or class, n (images), sse_mean (decoding the posterior
    mean) with the bounds of its 95 % interval, sse_sample (decoding one sampled z), kl (nats).
    Errors are means per image and over the seeds; those of a class without test images are empty.

    Raises
    ------
    MissingIngredient
        The images have no labels.
    """
    labels = study.sweep.labels("test")
    every = cells(study.sweep)
    values = {
        column: [errors(study, cell, "test", name) for cell in every]
        for column, name in ERRORS.items()
    }
    classes, column_name = study.data.classes, by_class.column(study.data)
    members = [*(labels == label for label in range(classes)), np.full(len(labels), True)]
    bounds = np.array([_intervals([v[:, m] for v in values["sse_mean"]]) for m in members])
    parts = []
    for place, cell in enumerate(every):
        names_of_rows = [*study.data.class_names, ALL]
        rows = pd.DataFrame({column_name: names_of_rows, "n": [m.sum() for m in members]})
        for column in ERRORS:
            value = values[column][place].mean(axis=0)
            rows[column] = [*metrics.mean_by_class(value, labels, classes), value.mean()]
        rows["sse_mean_low"], rows["sse_mean_high"] = bounds[:, :, place].T
        parts.append(rows.assign(**cell.identity)[[*cell.identity, column_name, *COLUMNS]])
    return pd.concat(parts, ignore_index=True)


def _intervals(values: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the bounds for each cell (S, N): over the seeds, or over the images of the only one.

    All cells share the resamples, so that their intervals do not differ by chance.
    """
    per_image = np.stack([value.mean(axis=0) for value in values], axis=1)
    low, high = metrics.bootstrap_interval(per_image)
    for place, value in enumerate(values):
        if len(value) > 1 and value.size:
            low[place], high[place] = metrics.seed_interval(value.mean(axis=1))
    return low, high


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cell, with the `sse_mean` of each class and of all, and its interval."""
    parts = [part for _, part in table.groupby(["group", "latent_size"], sort=False)]
    sse = np.stack([part["sse_mean"] for part in parts])
    column = by_class.column_of(table)
    overall = for_readers_of_cells(pd.concat([part.iloc[-1:] for part in parts]))
    shown = overall.loc[:, :"seeds"].reset_index(drop=True)
    bounds = {ALL: "sse_mean", "low": "sse_mean_low", "high": "sse_mean_high"}
    taken = {*shown.columns, *bounds}
    for place in by_class.shown(sse[:, :-1].mean(axis=0)):
        name = str(table[column].iloc[place])
        shown[f"{column} {name}" if name in taken else name] = sse[:, place]
    return shown.assign(**{name: overall[of].to_numpy() for name, of in bounds.items()})


def caption(study: Study) -> str:
    """Say what the numbers are, and what the interval covers."""
    return (
        f"Sum of squared pixel errors per image by {study.data.noun}, mean over the "
        f"{study.data.counts['test']:,} test images of {study.data.title} and the seeds, decoding "
        f"{prose.decoded(study.sweep.runs)}; PCA keeps as many components. low and high "
        f"bound the 95 % interval of all {study.data.plural}: with one seed a bootstrap over the "
        "images, with several Student's t over the seeds."
        + note_on_targets(study.sweep)
        + by_class.note(study.data, study.data.classes, "mean error")
        + by_class.named("Without test images", study.sweep.rare_classes("test"))
    )


TABLE = TableRecipe("per_digit_error", make, caption, for_readers)
