"""The raw test images laid out in a plane by t-SNE."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.figures import tsne
from analysis.figures.parts import maps, style
from analysis.figures.parts.classes import Classes, find_classes, known_labels
from analysis.figures.recipe import FigureRecipe
from analysis.maths.embedding import Layout
from analysis.maths.metrics import Labels
from analysis.measures.embedding.sources import IMAGES, find_source
from analysis.measures.study import Study
from analysis.sweep.load import Run


@dataclass(frozen=True)
class DigitsEmbedding:
    """What the figure shows; no run has a part in it."""

    layout: Layout
    labels: Labels | None
    classes: Classes
    n_test: int
    runs: tuple[Run, ...] = ()


def gather(study: Study) -> DigitsEmbedding:
    """Read or compute the embedding of the test images."""
    layout = find_source(study, IMAGES).embedding().tsne
    classes, n_test = find_classes(study), study.data.counts["test"]
    return DigitsEmbedding(layout, known_labels(study), classes, n_test)


@style.styled()
def draw(data: DigitsEmbedding) -> Figure:
    """Draw one map."""
    figure = style.new_figure(style.COLUMN_INCHES, style.COLUMN_INCHES)
    axes = figure.add_subplot()
    maps.scatter(axes, data.layout.plane, data.labels, data.classes)
    maps.hide_axes(axes)
    maps.add_legend(figure, data.classes)
    return figure


def caption(data: DigitsEmbedding) -> str:
    """Say what is embedded, by which recipe, and how good the map is."""
    share = tsne.accuracy(data.layout, data.labels)
    measured = tsne.scores(data.layout, share, data.classes)
    return (
        f"The {data.n_test:,} test images of {data.classes.data.title}, without any model"
        f"{tsne.coloured(data.classes)}: {tsne.HOW} "
        f"{measured[0].upper()}{measured[1:]}. {tsne.meaning(data.classes)} {tsne.DISTANCES}"
        f"{data.classes.note}"
    )


FIGURE = FigureRecipe("digits_embedding", gather, draw, caption, embeddings=("images",))
