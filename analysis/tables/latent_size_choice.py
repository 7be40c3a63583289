"""Which latent size the validation error chooses, and by what rule."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aevae.files import names
from analysis.maths import metrics
from analysis.maths.metrics import Floats
from analysis.measures import likelihood
from analysis.measures.cells import Cell, axis_columns, cells, errors
from analysis.measures.cells import for_readers as for_readers_of_cells
from analysis.measures.study import Study
from analysis.tables.recipe import TableRecipe
from analysis.write import prose

RULE = "smallest d within one standard error of the least validation error"
SSE, LOSS = "SSE", likelihood.LOSS


def make(study: Study) -> pd.DataFrame:
    """Return the validation error of each cell under each criterion, and the choice by `RULE`.

    Source of the rule: Breiman et al., Classification and Regression Trees (1984), sec. 3.4.3.
    Criteria are the reconstruction error (of one sampled z if there is one, as in the article)
    and the negative ELBO without constants. Columns: identity of the cell; criterion, error (mean
    over images and seeds), standard_error (over the images), excess (over the least error of the
    model) with its paired standard error over the images, excess_error; chosen, rule. All sizes see
    the same images, so the excess is known far better than the errors themselves.
    """
    curves: dict[tuple[str, str], list[tuple[dict[str, str | float], Floats]]] = {}
    for cell in cells(study.sweep):
        for criterion, values in _criteria(study, cell).items():
            row = (cell.identity | {"criterion": criterion}, values.mean(axis=0))
            curves.setdefault((cell.group, criterion), []).append(row)
    table = pd.DataFrame([row for curve in curves.values() for row in _rows(curve)])
    marks = [chosen(curve) for _, curve in table.groupby(["group", "criterion"], sort=False)]
    return table.assign(chosen=pd.concat(marks), rule=RULE)


def _rows(
    curve: Sequence[tuple[dict[str, str | float], Floats]],
) -> list[dict[str, str | float]]:
    """Describe the errors (N,) of one model at each latent size under one criterion."""
    best = min((values for _, values in curve), key=np.mean)
    return [
        identity
        | {
            "error": float(values.mean()),
            "standard_error": metrics.standard_error(values),
            "excess": float((values - best).mean()),
            "excess_error": metrics.standard_error(values - best),
        }
        for identity, values in curve
    ]


def chosen(curve: pd.DataFrame) -> "pd.Series[bool]":
    """Mark the row that `RULE` chooses among those of one model under one criterion."""
    best = curve.sort_values("error").iloc[0]
    within = curve["error"] <= best["error"] + best["standard_error"]
    return curve["latent_size"].eq(curve.loc[within, "latent_size"].min())


def _criteria(study: Study, cell: Cell) -> dict[str, Floats]:
    """Return what may be minimised, by name: errors of the validation images, (S, N)."""
    if not cell.variational:
        return {SSE: errors(study, cell, "val", names.SSE_AT_MEAN)}
    sse = errors(study, cell, "val", names.SSE_AT_SAMPLE)
    if cell.runs[0].config.model.likelihood != "gaussian":
        return {SSE: sse}
    losses = []
    for run, sse_of_run, kl in zip(
        cell.runs, sse, errors(study, cell, "val", names.KL), strict=True
    ):
        with study.sweep.open(run) as results:
            losses.append(likelihood.loss(results, sse_of_run, kl))
    return {SSE: sse, LOSS: np.stack(losses)}


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model and criterion: the error at each latent size, and the choice."""
    sizes = sorted(table["latent_size"].unique())
    rows = []
    for (_, criterion), curve in table.groupby(["group", "criterion"], sort=False):
        by_size = curve.set_index("latent_size")["error"].reindex(sizes)
        best = curve.sort_values("error").iloc[0]
        first = for_readers_of_cells(curve).iloc[0]
        row = first[["model", *axis_columns(curve)]].to_dict() | {"criterion": criterion}
        row |= by_size.rename(str).to_dict()
        row["standard error"] = best["standard_error"]
        rows.append(row | {"chosen d": curve.loc[curve["chosen"], "latent_size"].item()})
    return pd.DataFrame(rows).astype({name: table[name].dtype for name in axis_columns(table)})


def caption(study: Study) -> str:
    """Say what is minimised, and state the rule."""
    return (
        f"Error of the {study.data.counts['val']:,} validation images of {study.data.title} by "
        f"latent size d, and the choice: the {RULE} of the model. The standard error is that of "
        f"the least error, over the images. SSE is that {_decoded(study)}."
        + likelihood.note_on_loss(study.sweep)
    )


def _decoded(study: Study) -> str:
    """Say what each model decodes, and in which unit a KL is."""
    runs = study.sweep.runs
    of_code = f"of the code for {prose.listed([*prose.deterministic(runs), 'PCA'])}"
    if not (sampled := prose.variational(runs)):
        return of_code
    return f"of one sampled z for {prose.listed(sampled)}, {of_code}; KL in nats"


TABLE = TableRecipe("latent_size_choice", make, caption, for_readers)
