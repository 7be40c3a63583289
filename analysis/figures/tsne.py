"""Latents of the test images laid out in a plane by t-SNE, side by side for the models."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from aevae.kinds import KINDS
from analysis.figures.parts import maps, style
from analysis.figures.parts.classes import Classes, find_classes, known_labels
from analysis.figures.recipe import FigureRecipe
from analysis.maths.embedding import NEIGHBOURS, RECIPE, Layout, class_accuracy
from analysis.maths.metrics import Labels
from analysis.measures.embedding.sources import Source, latent_sources
from analysis.measures.study import Study
from analysis.sweep.load import Run
from analysis.write import prose

HOW = (
    "t-SNE by openTSNE {openTSNE} (perplexity {perplexity}, early exaggeration {exaggeration}, "
    "{iterations} iterations), starting from the first two of at most {components} principal "
    "components; nothing is standardised."
).format_map(RECIPE)
KEPT = (
    f"Neighbours kept is the share of the {NEIGHBOURS} nearest neighbours in the input that are "
    f"among the {NEIGHBOURS} nearest in the plane"
)
ABREAST = 3  # maps beside each other
DISTANCES = (
    "Neither the distance between groups nor the width of a gap between them means anything in "
    "t-SNE."
)


@dataclass(frozen=True)
class LatentMaps:
    """What the figure shows: for each source its layout, and the share of classes read from it.

    Without labels, there are no such shares.
    """

    sources: Sequence[Source]
    layouts: Sequence[Layout]
    accuracies: Sequence[float | None]
    labels: Labels | None
    classes: Classes
    n_test: int

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return [source.run for source in self.sources if source.run]


def gather(study: Study) -> LatentMaps:
    """Read or compute the embedding of one run per model."""
    sources = latent_sources(study)
    layouts = [source.embedding().tsne for source in sources]
    labels = known_labels(study)
    accuracies = [accuracy(layout, labels) for layout in layouts]
    n_test = study.data.counts["test"]
    return LatentMaps(sources, layouts, accuracies, labels, find_classes(study), n_test)


def accuracy(layout: Layout, labels: Labels | None) -> float | None:
    """Return the share of classes read from a layout; None without labels."""
    return None if labels is None else class_accuracy(layout.plane, labels)


@style.styled()
def draw(data: LatentMaps) -> Figure:
    """Draw one map per model."""
    panels = len(data.layouts)
    columns = panels if panels <= ABREAST else -(-panels // 2)
    rows = -(-panels // columns)
    width = max(style.COLUMN_INCHES, style.PAGE_INCHES * columns / ABREAST)
    figure = style.new_figure(width, (width / columns + 0.45) * rows)
    all_axes = figure.subplots(rows, columns, squeeze=False).flat
    for axes in all_axes[panels:]:
        axes.set_visible(False)
    shown = zip(data.sources, data.layouts, data.accuracies, strict=True)
    for axes, (source, layout, share) in zip(all_axes, shown, strict=False):
        maps.scatter(axes, layout.plane, data.labels, data.classes)
        kept = f"neighbours kept {layout.preservation:.2f}"
        if share is not None:
            kept += f", {data.classes.data.plural} {share:.2f}"
        axes.set_title(f"{source.title}\n{kept}")
        maps.hide_axes(axes)
    maps.add_legend(figure, data.classes)
    return figure


def caption(data: LatentMaps) -> str:
    """Say what is embedded, by which recipe, how good the maps are, and what they cannot show."""
    measured = [
        f"{source.title}: {scores(layout, share, data.classes)}"
        for source, layout, share in zip(data.sources, data.layouts, data.accuracies, strict=True)
    ]
    return (
        f"Latents of the {data.n_test:,} test images of {data.classes.data.title} "
        f"({prose.samples(data.runs)}), {prose.seeds(data.runs)}{coloured(data.classes)}. "
        f"One recipe for all: {HOW} {'; '.join(measured)}. {meaning(data.classes)} "
        f"{DISTANCES} So gaps do not show where a decoder fails.{data.classes.note}"
    )


def coloured(classes: Classes) -> str:
    """Say what the colours of a map are."""
    if not classes.labelled:
        return ""
    return f", in the colour of their {classes.data.noun}{classes.where}"


def scores(layout: Layout, share: float | None, classes: Classes) -> str:
    """State how good a layout is; `meaning` says what the words mean."""
    text = (
        f"neighbours kept {layout.preservation:.3f}, trustworthiness {layout.trustworthiness:.3f}"
    )
    return text if share is None else f"{text}, {classes.data.plural} {share:.3f}"


def meaning(classes: Classes) -> str:
    """Say what the words of `scores` mean."""
    if not classes.labelled:
        return f"{KEPT}."
    return (
        f"{KEPT}; {classes.data.plural}, the share of images with the {classes.data.noun} that "
        f"most of their {NEIGHBOURS} neighbours in the plane have."
    )


FIGURE = FigureRecipe("tsne", gather, draw, caption, embeddings=tuple(KINDS))
