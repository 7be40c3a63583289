"""Images decoded from noise: which model turns which noise into images like the real ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from aevae.files import names
from aevae.files.schema import Results
from aevae.kinds import Kind
from aevae.words import with_article
from analysis.figures.parts import style, tiles
from analysis.figures.parts.classes import IN_A_ROW, Classes, columns, find_classes
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Labels
from analysis.measures.study import Study
from analysis.sweep.groups import representatives
from analysis.sweep.load import Run
from analysis.write import prose

LINES = 2  # rows of images per sampler; the second row shows how much the samples differ


@dataclass(frozen=True)
class Strip:
    """Images (L, columns, H, W[, 3]) in [0, 1] of one model and sampler.

    `asked` are the labels that the model was asked for, one for each column; None if it is not
    conditional.
    """

    label: str
    images: style.Image
    asked: list[int] | None = None


@dataclass(frozen=True)
class Generated:
    """What the figure shows: `shown` images of each sampler."""

    runs: list[Run]
    strips: list[Strip]
    classes: Classes
    shown: int

    @property
    def conditional(self) -> list[Kind]:
        """Kinds of model that were asked for classes."""
        return [run.kind for run in self.runs if run.kind.conditional]


MIXTURES = (names.MIXTURE, names.MIXTURE_OF_MEANS)


def shown_samplers(run: Run) -> list[str]:
    """List the samplers that are shown of a run: N(0, I), and a mixture.

    Older files have no mixture on sampled latents, and that on posterior means takes its place;
    but not for a conditional model, since that mixture does not heed the class.
    """
    known = MIXTURES[:1] if run.kind.conditional else MIXTURES
    mixtures = [name for name in known if name in run.samplers]
    return [names.PRIOR, *mixtures[:1]]


def strip_label(kind: Kind, sampler: str) -> str:
    """Name a kind of model and its noise, in short lines."""
    noise = prose.SAMPLER_TITLES[sampler].replace(" of ", "\nof ")
    return f"{kind.title}\n{noise}"


def shown_noise(runs: Sequence[Run]) -> str:
    """Say which noise is shown of some runs, for captions."""
    return prose.samplers(runs, {name for run in runs for name in shown_samplers(run)})


def gather(study: Study) -> Generated:
    """Read the first samples of each sampler of one run per model."""
    runs, classes = representatives(study.sweep.runs), find_classes(study)
    width = _columns(classes) if any(run.kind.conditional for run in runs) else IN_A_ROW
    strips: list[Strip] = []
    for run in runs:
        with study.sweep.open(run) as results:
            for sampler in shown_samplers(run):
                label = strip_label(run.kind, sampler)
                strips += _strips(results, sampler, label, classes, width)
    shown = int(np.prod(strips[0].images.shape[:2]))
    return Generated(runs, strips, classes, shown)


def _columns(classes: Classes) -> int:
    """Return the columns of a conditional model: ten or fewer, alike for every class, or more."""
    count = len(classes.shown)
    return columns(count) if count > IN_A_ROW else IN_A_ROW // count * count


def _strips(
    results: Results, sampler: str, label: str, classes: Classes, width: int
) -> list[Strip]:
    stored = results.array(names.sample(sampler, names.IMAGE))
    if not results.config.model.traits.conditional:
        lines = min(LINES, len(stored) // width)
        rows = stored[: lines * width].reshape(lines, width, *stored.shape[1:])
        return [Strip(label, tiles.intensities(rows, classes.data.image_shape))]
    chosen, asked = _first_asked(results.array(names.sample(sampler, names.LABEL)), classes, width)
    images = tiles.intensities(stored[chosen], classes.data.image_shape)
    strips = []
    for start in range(0, len(asked), width):
        block = slice(start, start + width)
        rows = np.concatenate([tiles.in_rows(line[block], width) for line in images])
        strips.append(Strip("" if start else label, rows, asked[block]))
    return strips


def _first_asked(labels: Labels, classes: Classes, width: int) -> tuple[Labels, list[int]]:
    """Choose the first samples of each class.

    Returns
    -------
    chosen
        Places of the samples, shape (L, C): in columns by class.
    asked
        Label of each column.
    """
    asked = [label for label in classes.shown if (labels == label).any()]
    fewest = min(int((labels == label).sum()) for label in asked)
    beside = min(max(1, width // len(asked)), fewest)
    lines = min(LINES, fewest // beside)
    chosen = np.array([np.flatnonzero(labels == label)[: beside * lines] for label in asked])
    chosen = chosen.reshape(-1, lines, beside).swapaxes(0, 1).reshape(lines, -1)
    return chosen, np.repeat(asked, beside).tolist()


@style.styled()
def draw(data: Generated) -> Figure:
    """Draw strips of images for each model and sampler, all on one scale."""
    lines = [len(strip.images) for strip in data.strips]
    headed = [place for place, strip in enumerate(data.strips) if strip.asked is not None]
    width = data.strips[0].images.shape[1]
    figure, all_axes = tiles.strip_figure(
        lines, data.classes.data.image_shape, headed=headed, columns=width
    )
    for strip, axes in zip(data.strips, all_axes, strict=True):
        tiles.show_strip(axes, strip.images, strip.label)
        if strip.asked is not None:
            tiles.label_columns(axes, data.classes.heads(strip.asked, width))
    return figure


def caption(data: Generated) -> str:
    """Say where the noise comes from and that no sample was picked."""
    dataset, kinds = data.classes.data, [run.kind for run in data.runs]
    scale = "scale" if len(dataset.image_shape) == 3 else "grey scale"
    text = (
        f"Images decoded from noise, latent size {data.runs[0].latent_size}, {dataset.title}, "
        f"{prose.seeds(data.runs)}: the first {data.shown} samples of each sampler, none picked, "
        f"all on the same {scale} from 0 to 1. Noise is drawn from {shown_noise(data.runs)}."
    )
    if any(not kind.variational for kind in kinds):
        text += " The AE was never trained to decode N(0, I)."
    for kind in data.conditional:
        text += (
            f" The {kind.title} was asked for the {dataset.noun} above each column; it alone is "
            f"told {with_article(dataset.noun)}.{data.classes.note}"
        )
    return text


FIGURE = FigureRecipe("generated", gather, draw, caption)
