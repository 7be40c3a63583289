"""The raw test images laid out in a plane by t-SNE."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from aevae.files.hdf5 import Array
from analysis.figures import tsne
from analysis.figures.parts import maps, style
from analysis.figures.recipe import FigureRecipe
from analysis.maths.embedding import Layout, class_accuracy
from analysis.measures.embedding.sources import IMAGES, find_source
from analysis.measures.study import Study
from analysis.sweep.load import Run


@dataclass(frozen=True)
class DigitsEmbedding:
    """What the figure shows; no run has a part in it."""

    layout: Layout
    labels: Array
    dataset: str
    runs: tuple[Run, ...] = ()


def gather(study: Study) -> DigitsEmbedding:
    """Read or compute the embedding of the test images."""
    layout = find_source(study, IMAGES).embedding().tsne
    return DigitsEmbedding(layout, study.sweep.labels("test"), study.data.title)


@style.styled()
def draw(data: DigitsEmbedding) -> Figure:
    """Draw one map."""
    figure = style.new_figure(style.COLUMN_INCHES, style.COLUMN_INCHES)
    axes = figure.add_subplot()
    maps.scatter_digits(axes, data.layout.plane, data.labels)
    maps.hide_axes(axes)
    return figure


def caption(data: DigitsEmbedding) -> str:
    """Say what is embedded, by which recipe, and how good the map is."""
    measured = tsne.scores(data.layout, class_accuracy(data.layout.plane, data.labels))
    return (
        f"The {len(data.labels):,} test images of {data.dataset}, without any model, in the "
        f"colour of their digit, which stands near its median: {tsne.HOW} "
        f"{measured[0].upper()}{measured[1:]}. {tsne.SCORES} {tsne.DISTANCES}"
    )


FIGURE = FigureRecipe("digits_embedding", gather, draw, caption, embeddings=("images",))
