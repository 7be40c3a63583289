"""Telling outliers from test images by their errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.metrics import roc_curve

from aevae.files import names
from aevae.kinds import KINDS, Kind
from analysis.figures.parts import style
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures import likelihood
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import Run
from analysis.tables import auroc
from analysis.tables.auroc import BOTH, KL, SSE
from analysis.write import prose

DASHES: dict[str, Any] = {SSE: "-", KL: (0, (1, 1.5)), BOTH: (0, (4, 1.5))}


@dataclass(frozen=True)
class Roc:
    """False and true positive rates of one run, set of outliers and score, (T,) each."""

    run: Run
    outliers: str
    score: str
    false_rate: Floats
    true_rate: Floats


@dataclass(frozen=True)
class Anomaly:
    """What the figure shows: curves of one run per model, and the AUROC of all runs.

    `note` says what the loss is where a model learns its variance.
    """

    curves: list[Roc]
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
    for run in representatives(study.sweep.runs):
        with study.sweep.open(run) as results:
            inside = auroc.scores(results, "test")
            for name in results.names(names.OUTLIERS):
                for score, outside in auroc.scores(results, names.outlier_set(name)).items():
                    false_rate, true_rate, _ = roc_curve(*auroc.labelled(inside[score], outside))
                    curves.append(Roc(run, name, score, false_rate, true_rate))
    note = likelihood.note_on_loss(study.sweep)
    return Anomaly(curves, table, study.sweep.runs, study.data, study.data.counts["test"], note)


@style.styled()
def draw(data: Anomaly) -> Figure:
    """Draw, for each set of outliers, the ROC curves and below them the AUROC by latent size."""
    columns = len(data.sets)
    figure = style.new_figure(max(style.COLUMN_INCHES, 1.79 * columns), 4.3)
    figure.set_layout_engine("constrained", hspace=0.08)
    all_axes = figure.subplots(2, columns, sharey="row", squeeze=False)
    for name, (upper, lower) in zip(data.sets, all_axes.T, strict=True):
        upper.set_title(name)
        _draw_roc(upper, [curve for curve in data.curves if curve.outliers == name])
        _draw_areas(lower, data.table[data.table["outliers"] == name])
    all_axes[0, 0].set_ylabel("true positive rate")
    all_axes[1, 0].set_ylabel("AUROC")
    _add_legend(figure, data)
    return figure


def _draw_roc(axes: Axes, curves: Sequence[Roc]) -> None:
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=0.6)
    for curve in curves:
        axes.plot(curve.false_rate, curve.true_rate, **_line(curve.run.kind, curve.score),
                  label=f"{TITLES[curve.run.model]} {curve.score}")  # fmt: skip
    axes.set(xlabel="false positive rate", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")


def _draw_areas(axes: Axes, table: pd.DataFrame) -> None:
    axes.axhline(0.5, color="#bbbbbb", linewidth=0.6)
    for (model, score), part in table.groupby(["model", "score"], sort=False):
        areas = part.groupby("latent_size")["auroc"].mean()
        axes.plot(areas.index, areas, **_line(KINDS[str(model)], str(score)), marker=".",
                  label=f"{TITLES[str(model)]} {score}")  # fmt: skip
    style.latent_size_axis(axes, sorted(table["latent_size"].unique()))
    axes.set(xlabel="latent size d", ylim=(-0.03, 1.03))
    axes.grid(which="major", axis="y")


def _line(kind: Kind, score: str) -> dict[str, Any]:
    return {"color": kind.colour, "linewidth": _width(kind), "linestyle": DASHES[score]}


def _width(kind: Kind) -> float:
    """Return a width: a curve remains visible below a narrower one that coincides with it."""
    if not kind.variational:
        return 2.2
    if kind.conditional:
        return 0.9
    return 1.2 if kind.learns_variance else 1.5


def _add_legend(figure: Figure, data: Anomaly) -> None:
    models = data.table["model"].unique()
    handles = [Line2D([], [], color=style.MODEL_COLOURS[m], label=TITLES[m]) for m in models]
    handles += [
        Line2D([], [], color="#444444", linestyle=DASHES[score], label=f"score: {score}")
        for score in data.table["score"].unique()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def outliers(dataset: StoredDataset) -> str:
    """Name the images that are told from those of a dataset."""
    if dataset.subject == dataset.noun:
        return dataset.worded("images that are no {subjects}")
    return "images of other kinds"


def caption(data: Anomaly) -> str:
    """Say what is told apart, by what, and how well."""
    size = data.curves[0].run.latent_size
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
        f"{scores}; the higher, the less normal. Above, ROC curves at latent size "
        f"{size}; below, the area under them (AUROC) at each latent "
        f"size{prose.over_seeds(data.runs)}. "
        f"Grey is chance; below it, outliers look more normal than {normal}.{told}{data.note}"
    )


FIGURE = FigureRecipe("anomaly", gather, draw, caption, needs=("auroc",))
