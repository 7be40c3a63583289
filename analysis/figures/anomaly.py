"""Telling outliers from test images by their errors."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.metrics import roc_curve

from aevae.files import names
from aevae.kinds import KINDS, Kind
from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.maths import metrics
from analysis.maths.metrics import Floats
from analysis.measures import likelihood
from analysis.measures.naive_scores import NaiveScores, naive_scores
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import MissingIngredient, Run
from analysis.tables import auroc
from analysis.tables.auroc import BOTH, KL, SSE
from analysis.write import prose

# PCA and the sum of the intensities, which know nothing of the models.
PCA_LINE: dict[str, Any] = {"color": style.MODEL_COLOURS["pca"], "linewidth": 1}
BRIGHT_LINE: dict[str, Any] = {"color": "#e69f00", "linewidth": 1, "linestyle": (0, (5, 1, 1, 1))}
NAIVE = {"PCA SSE": PCA_LINE, "summed intensity": BRIGHT_LINE}
DASHES: dict[str, Any] = {SSE: "-", KL: (0, (1, 1.5)), BOTH: (0, (4, 1.5))}


@dataclass(frozen=True)
class Roc:
    """False and true positive rates for one set of outliers, (T,) each.

    `label` names the model and the score, or one of `NAIVE`; `look` is that of its line.
    """

    label: str
    outliers: str
    false_rate: Floats
    true_rate: Floats
    look: Mapping[str, Any]


@dataclass(frozen=True)
class NaiveAreas:
    """AUROC of PCA by number of components, and of the summed intensity."""

    pca: Mapping[int, float]
    bright: float


@dataclass(frozen=True)
class Anomaly:
    """What the figure shows: curves of one run per model, and the AUROC of all runs.

    `naive` has the AUROC of what needs no model, for the outliers whose images are known. `note`
    says what the loss is where a model learns its variance.
    """

    curves: list[Roc]
    naive: Mapping[str, NaiveAreas]
    size: int
    table: pd.DataFrame
    runs: tuple[Run, ...]
    dataset: StoredDataset
    n_test: int
    note: str

    @property
    def sets(self) -> list[str]:
        """Names of the outlier sets."""
        return list(self.table["outliers"].unique())


def gather(study: Study, table: pd.DataFrame) -> Anomaly:
    """Read the scores of one run per model, and take the AUROC of all runs from the table."""
    curves = []
    runs = representatives(study.sweep.runs)
    for run in runs:
        with study.sweep.open(run) as results:
            inside = auroc.scores(results, "test")
            for name in results.names(names.OUTLIERS):
                for score, outside in auroc.scores(results, names.outlier_set(name)).items():
                    label, look = f"{TITLES[run.model]} {score}", _line(run.kind, score)
                    curves.append(_roc(label, name, inside[score], outside, look))
    naive: dict[str, NaiveAreas] = {}
    size = runs[0].latent_size
    for name in table["outliers"].unique():
        with suppress(MissingIngredient):
            scores = naive_scores(study, name)
            naive[name] = _areas(scores)
            pairs = (scores.pca_inside[size], scores.pca_outside[size]), (
                scores.bright_inside, scores.bright_outside,
            )  # fmt: skip
            for (label, look), (inside_, outside) in zip(NAIVE.items(), pairs, strict=True):
                curves.append(_roc(label, name, inside_, outside, look))
    sweep, note = study.sweep, likelihood.note_on_loss(study.sweep)
    n_test = study.data.counts["test"]
    return Anomaly(curves, naive, size, table, sweep.runs, study.data, n_test, note)


def _roc(
    label: str, outliers: str, inside: Floats, outside: Floats, look: Mapping[str, Any]
) -> Roc:
    false_rate, true_rate, _ = roc_curve(*auroc.labelled(inside, outside))
    return Roc(label, outliers, false_rate, true_rate, look)


def _areas(scores: NaiveScores) -> NaiveAreas:
    pca = {
        size: metrics.auroc(inside, scores.pca_outside[size])
        for size, inside in scores.pca_inside.items()
    }
    return NaiveAreas(pca, metrics.auroc(scores.bright_inside, scores.bright_outside))


@style.styled()
def draw(data: Anomaly) -> Figure:
    """Draw, for each set of outliers, the ROC curves and below them the AUROC by latent size."""
    columns = len(data.sets)
    figure = style.new_figure(max(style.COLUMN_INCHES, 1.79 * columns), 4.5)
    figure.set_layout_engine("constrained", hspace=0.08)
    all_axes = figure.subplots(2, columns, sharey="row", squeeze=False)
    for name, (upper, lower) in zip(data.sets, all_axes.T, strict=True):
        upper.set_title(name)
        curves = [curve for curve in data.curves if curve.outliers == name]
        _draw_roc(upper, curves, 1 / data.n_test)
        _draw_areas(lower, data.table[data.table["outliers"] == name], data.naive.get(name))
    all_axes[0, 0].set_ylabel("true positive rate")
    all_axes[1, 0].set_ylabel("AUROC")
    _add_legend(figure, data)
    return figure


def _draw_roc(axes: Axes, curves: Sequence[Roc], least: float) -> None:
    """Draw curves from the least false positive rate that the test images can show."""
    chance = np.geomspace(least, 1, 50)
    axes.plot(chance, chance, color="#bbbbbb", linewidth=0.6)
    for curve in curves:
        axes.plot(*_from(curve, least), label=curve.label, **curve.look)
    axes.set(xlabel="false positive rate", xscale="log", xlim=(least, 1.15), yticks=[0, 0.5, 1])


def _from(curve: Roc, least: float) -> tuple[Floats, Floats]:
    """Return the part of a curve at a false positive rate of at least `least`."""
    shown = curve.false_rate >= least
    below = np.flatnonzero(~shown)
    first = curve.true_rate[below[-1]] if len(below) else 0.0
    return (
        np.concatenate([[least], curve.false_rate[shown]]),
        np.concatenate([[first], curve.true_rate[shown]]),
    )


def _draw_areas(axes: Axes, table: pd.DataFrame, naive: NaiveAreas | None) -> None:
    axes.axhline(0.5, color="#bbbbbb", linewidth=0.6)
    for (model, score), part in table.groupby(["model", "score"], sort=False):
        areas = part.groupby("latent_size")["auroc"].mean()
        axes.plot(areas.index, areas, **_line(KINDS[str(model)], str(score)), marker=".",
                  label=f"{TITLES[str(model)]} {score}")  # fmt: skip
    sizes = sorted(table["latent_size"].unique())
    if naive is not None:
        axes.plot(sizes, [naive.pca[size] for size in sizes], **PCA_LINE, marker=".",
                  label="PCA SSE")  # fmt: skip
        axes.axhline(naive.bright, **BRIGHT_LINE, label="summed intensity")
    style.latent_size_axis(axes, sizes)
    axes.set(xlabel="latent size d", ylim=(-0.03, 1.03))
    axes.grid(which="major", axis="y")


def _line(kind: Kind, score: str) -> dict[str, Any]:
    return {"color": kind.colour, "linewidth": _width(kind), "linestyle": DASHES[score]}


def _width(kind: Kind) -> float:
    """Return a width: a curve remains visible below a narrower one that coincides with it."""
    if not kind.variational:
        return 2.6
    if kind.conditional:
        return 0.9
    return 1.3 if kind.learns_variance else 1.7


def _add_legend(figure: Figure, data: Anomaly) -> None:
    models = data.table["model"].unique()
    handles = [Line2D([], [], color=style.MODEL_COLOURS[m], label=TITLES[m]) for m in models]
    handles += [
        Line2D([], [], color="#444444", linestyle=DASHES[score], label=f"score: {score}")
        for score in data.table["score"].unique()
    ]
    if data.naive:
        handles += [Line2D([], [], label=label, **look) for label, look in NAIVE.items()]
    fitting = int(figure.get_figwidth() / 0.95)
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), fitting))


def outliers(dataset: StoredDataset) -> str:
    """Name the images that are told from those of a dataset."""
    if dataset.subject == dataset.noun:
        return dataset.worded("images that are no {subjects}")
    return "images of other kinds"


def caption(data: Anomaly) -> str:
    """Say what is told apart, by what, and how well."""
    counts = data.table.groupby("outliers", sort=False)["n_outliers"].first()
    sets = [f"{name} ({count:,})" for name, count in counts.items()]
    dataset = data.dataset
    normal = dataset.plural if dataset.subject == dataset.noun else "test images"
    told = "".join(
        f" A {title} is told the label of the image an outlier was made from."
        for title in prose.conditional(data.runs)
    )
    scores = "the SSE of the decoded code"
    if prose.variational(data.runs):
        encoded = prose.mean_or_code(data.runs)
        scores = f"the SSE of the decoded {encoded}, the KL, and their sum, the negative ELBO"
    return (
        f"Telling {outliers(dataset)} from the {data.n_test:,} test images of "
        f"{dataset.title}, {prose.seeds(data.runs)}: {prose.listed(sets)}. Scores are "
        f"{scores}; the higher, the less normal.{_naive(data)} Above, ROC curves at latent size "
        f"{data.size}, of one run per model, over a logarithmic false positive rate, from that of "
        "one test image on; below, the area under them (AUROC) at each latent "
        f"size{prose.over_seeds(data.runs)}, without intervals. "
        f"Grey is chance; below it, outliers look more normal than {normal}.{told}{data.note}"
    )


def _naive(data: Anomaly) -> str:
    """Say what the lines are that need no trained model."""
    if not data.naive:
        return ""
    known = "" if len(data.naive) == len(data.sets) else f" ({prose.listed(data.naive)} only)"
    return (
        " PCA's SSE, with as many components as latents, and the summed intensity of an image need "
        f"no trained model{known}: what they can do too shows nothing that a model has learnt."
    )


FIGURE = FigureRecipe("anomaly", gather, draw, caption, needs=("auroc",))
