"""Latents of the test images laid out in a plane by t-SNE, side by side for the models."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from aevae.files.hdf5 import Array
from aevae.kinds import KINDS
from analysis.figures.parts import maps, style
from analysis.figures.recipe import FigureRecipe
from analysis.maths.embedding import NEIGHBOURS, RECIPE, Layout, class_accuracy
from analysis.measures.embedding.sources import Source, latent_sources
from analysis.measures.study import Study
from analysis.sweep.load import Run
from analysis.write import prose

HOW = (
    "t-SNE by scikit-learn {scikit-learn} (Barnes-Hut, perplexity {perplexity}, early exaggeration "
    "{early_exaggeration}, {max_iter} iterations, learning rate {learning_rate}, angle {angle}, "
    "seed {random_state}), starting from the first two of at most {components} principal "
    "components; nothing is standardised."
).format_map(RECIPE)
SCORES = (
    f"Neighbours kept is the share of the {NEIGHBOURS} nearest neighbours in the input that are "
    f"among the {NEIGHBOURS} nearest in the plane; digits, the share of images with the digit that "
    f"most of their {NEIGHBOURS} neighbours in the plane have."
)
DISTANCES = (
    "Neither the distance between groups nor the width of a gap between them means anything in "
    "t-SNE."
)


@dataclass(frozen=True)
class LatentMaps:
    """What the figure shows: for each source its layout, and the share of digits read from it."""

    sources: Sequence[Source]
    layouts: Sequence[Layout]
    accuracies: Sequence[float]
    labels: Array
    dataset: str

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return [source.run for source in self.sources if source.run]


def gather(study: Study) -> LatentMaps:
    """Read or compute the embedding of one run per model."""
    sources = latent_sources(study)
    layouts = [source.embedding().tsne for source in sources]
    labels = study.sweep.labels("test")
    accuracies = [class_accuracy(layout.plane, labels) for layout in layouts]
    return LatentMaps(sources, layouts, accuracies, labels, study.data.title)


@style.styled()
def draw(data: LatentMaps) -> Figure:
    """Draw one map per model."""
    panels = len(data.layouts)
    width = max(style.COLUMN_INCHES, style.PAGE_INCHES * panels / 3)
    figure = style.new_figure(width, width / panels + 0.45)
    all_axes = figure.subplots(1, panels, squeeze=False)[0]
    shown = zip(data.sources, data.layouts, data.accuracies, strict=True)
    for axes, (source, layout, accuracy) in zip(all_axes, shown, strict=True):
        maps.scatter_digits(axes, layout.plane, data.labels)
        kept = f"neighbours kept {layout.preservation:.2f}, digits {accuracy:.2f}"
        axes.set_title(f"{source.title}\n{kept}")
        maps.hide_axes(axes)
    return figure


def caption(data: LatentMaps) -> str:
    """Say what is embedded, by which recipe, how good the maps are, and what they cannot show."""
    measured = [
        f"{source.title}: {scores(layout, accuracy)}"
        for source, layout, accuracy in zip(
            data.sources, data.layouts, data.accuracies, strict=True
        )
    ]
    return (
        f"Latents of the {len(data.labels):,} test images of {data.dataset} (posterior means; "
        f"codes for the AE), {prose.seeds(data.runs)}, in the colour of their digit, which "
        f"stands near its median. One recipe for all: {HOW} {'; '.join(measured)}. {SCORES} "
        f"{DISTANCES} So gaps do not show where a decoder fails."
    )


def scores(layout: Layout, accuracy: float) -> str:
    """State how good a layout is; `SCORES` says what the words mean."""
    return (
        f"neighbours kept {layout.preservation:.3f}, trustworthiness {layout.trustworthiness:.3f}, "
        f"digits {accuracy:.3f}"
    )


FIGURE = FigureRecipe("tsne", gather, draw, caption, embeddings=tuple(KINDS))
