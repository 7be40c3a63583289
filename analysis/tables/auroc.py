"""How well reconstruction error and KL tell the test images from images of other kinds."""

import numpy as np
import pandas as pd

from aevae.files import names
from aevae.files.schema import Results
from aevae.outliers import MADE_OUTLIERS
from analysis.maths import metrics
from analysis.maths.metrics import Floats
from analysis.measures import likelihood
from analysis.measures.cells import axis_columns, several_rows
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.load import MissingIngredient
from analysis.tables.recipe import TableRecipe
from analysis.write import prose

SSE, KL, BOTH = "SSE", "KL", likelihood.LOSS


def make(study: Study) -> pd.DataFrame:
    """Return the area under the ROC curve of every run, set of outliers and score.

    Columns: identity of the run; outliers, score (SSE of the posterior mean, KL, or the loss at the
    mean, which is their sum if the decoder has variance 1/2), n_test and n_outliers (images),
    auroc: the probability that an outlier scores higher than a test image.

    Raises
    ------
    MissingIngredient
        No run has errors on outliers.
    """
    parts = (
        (results, _columns(results))
        for results in study.sweep.results()
        if results.names(names.OUTLIERS)
    )
    table = several_rows(parts, study.sweep.axes)
    if table.empty:
        raise MissingIngredient("no run was evaluated on outliers")
    return table


def _columns(results: Results) -> dict[str, object]:
    columns: dict[str, list[object]] = {}
    inside = scores(results, "test")
    for name in results.names(names.OUTLIERS):
        for score, values in scores(results, names.outlier_set(name)).items():
            row = {
                "outliers": name,
                "score": score,
                "n_test": len(inside[score]),
                "n_outliers": len(values),
                "auroc": metrics.auroc(inside[score], values),
            }
            for column, value in row.items():
                columns.setdefault(column, []).append(value)
    return {**columns}


def scores(results: Results, group: str) -> dict[str, Floats]:
    """Read the anomaly scores of the images of a group, ``test`` or an outlier set, (N,) each."""
    sse = results.array(names.of_split(group, names.SSE_AT_MEAN)).astype(np.float64)
    if not results.config.model.traits.variational:
        return {SSE: sse}
    kl = results.array(names.of_split(group, names.KL)).astype(np.float64)
    return {SSE: sse, KL: kl, BOTH: likelihood.loss(results, sse, kl)}


def labelled(inside: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Join scores of test images (class 0) and outliers (class 1), as scikit-learn takes them."""
    truth = np.repeat([0.0, 1.0], [len(inside), len(outside)])
    return truth, np.concatenate([inside, outside])


def for_readers(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run and score, a column per set of outliers."""
    row = ["run_id", "score"]
    wide = table.pivot(index=row, columns="outliers", values="auroc")[table["outliers"].unique()]
    identity = ["model", "variant", "latent_size", *axis_columns(table), "seed", *row]
    rows = table[identity].drop_duplicates(row)
    return rows.join(wide, on=row).drop(columns="run_id").reset_index(drop=True)


def caption(study: Study) -> str:
    """Say what the numbers are."""
    return (
        f"Area under the ROC curve for telling outliers from the {study.data.counts['test']:,} "
        f"test images of {study.data.title} by {_scores(study)}: 0.5 is chance, 1 is "
        "perfect, below 0.5 outliers "
        f"look more normal than {_normal(study.data)}. The outliers are made from the test "
        f"images{_but_for(study)}{_told(study)}." + likelihood.note_on_loss(study.sweep)
    )


def _scores(study: Study) -> str:
    """Name the scores that the models of the sweep have."""
    if not prose.variational(study.sweep.runs):
        return "their SSE (decoding the code)"
    code = ", or the code" if prose.deterministic(study.sweep.runs) else ""
    return f"their SSE (decoding the posterior mean{code}), their KL, or the sum of both"


def _told(study: Study) -> str:
    return "".join(
        f"; a {title} is told the label of the image an outlier was made from"
        for title in prose.conditional(study.sweep.runs)
    )


def _normal(data: StoredDataset) -> str:
    return data.worded("{subjects}") if data.subject == data.noun else "test images"


def _but_for(study: Study) -> str:
    """Name the outliers that are not made from the test images: noise, and other datasets."""
    sets = {name for run in study.sweep.runs for name in run.evaluation.outliers}
    elsewhere = [*sorted(sets & {"noise"}), *sorted(sets - set(MADE_OUTLIERS))]
    return f", but for {prose.listed(elsewhere)}" if elsewhere else ""


TABLE = TableRecipe("auroc", make, caption, for_readers)
