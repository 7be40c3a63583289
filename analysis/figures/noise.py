"""What two-dimensional noise decodes to, model by model, and the training image most like it."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from aevae.files import names
from aevae.files.schema import Results
from aevae.kinds import Kind
from analysis.figures.generated import shown_samplers
from analysis.figures.parts import style, tiles
from analysis.figures.recipe import FigureRecipe
from analysis.maths import metrics
from analysis.maths.metrics import Floats
from analysis.maths.neighbours import nearest
from analysis.measures.study import Study
from analysis.sweep.groups import planar
from analysis.sweep.load import Run
from analysis.write import prose


@dataclass(frozen=True)
class NoiseRow:
    """Ten samples of a model and sampler, and the training image nearest to each.

    `z` has shape (10, 2), `images` and `nearest` have shape (10, 28, 28), `sse` is the squared
    distance between them, shape (10,).
    """

    kind: Kind
    sampler: str
    z: Floats
    images: style.Image
    nearest: style.Image
    sse: Floats

    @property
    def label(self) -> str:
        """Model and noise."""
        return f"{self.kind.title}\n{shown_samplers(self.kind)[self.sampler]}"


@dataclass(frozen=True)
class Noise:
    """What the figure shows; `n_train` images were searched for neighbours."""

    runs: list[Run]
    rows: list[NoiseRow]
    dataset: str
    n_train: int
    components: int

    @property
    def same_noise(self) -> bool:
        """Whether all rows from standard normal noise decode the same z, column by column."""
        drawn = [row.z for row in self.rows if row.sampler == "prior"]
        return all(np.array_equal(z, drawn[0]) for z in drawn)


def gather(study: Study) -> Noise:
    """Read ten samples of each sampler of one run with d = 2 per model, and find neighbours.

    The samples stand at the same places in every file: those at which a CVAE is first asked for
    each digit, else the first ten.
    """
    runs = planar(study.sweep.runs)
    train = study.sweep.images("train")
    chosen = np.arange(metrics.DIGITS)
    for run in runs:
        if run.kind.conditional:
            with study.sweep.open(run) as results:
                chosen = np.unique(
                    results.array(names.sample("prior", names.LABEL)), return_index=True
                )[1]
    rows = []
    for run in runs:
        with study.sweep.open(run) as results:
            rows += [_row(results, name, chosen, train) for name in shown_samplers(run.kind)]
    components = runs[0].evaluation.mixture_components
    return Noise(runs, rows, study.data.title, len(train), components)


def _row(results: Results, sampler: str, chosen: style.Image, train: style.Image) -> NoiseRow:
    images = results.array(names.sample(sampler, names.IMAGE))[chosen]
    z = results.array(names.sample(sampler, names.Z))[chosen]
    found, sse = nearest(images, train)
    return NoiseRow(results.config.model.traits, sampler, z, images / 255, train[found] / 255, sse)


@style.styled()
def draw(data: Noise) -> Figure:
    """Draw a strip per model and sampler: the samples, and their neighbours below."""
    conditional = [row.kind.conditional for row in data.rows]
    headed = conditional.index(True) if any(conditional) else None
    figure, all_axes = tiles.strip_figure([2] * len(data.rows), headed=headed)
    for row, axes in zip(data.rows, all_axes, strict=True):
        tiles.show_strip(axes, np.stack([row.images, row.nearest]), "")
        tiles.label_lines(axes, [row.label, "nearest"])
    if headed is not None:
        tiles.label_columns(all_axes[headed], [str(digit) for digit in range(metrics.DIGITS)])
    return figure


def caption(data: Noise) -> str:
    """Say where the noise comes from, and how near the training images are."""
    means = [f"{row.sse.mean():.1f} ({' '.join(row.label.split())})" for row in data.rows]
    text = (
        f"Two-dimensional noise decoded by each model, {data.dataset}, "
        f"{prose.seeds(data.runs)}, none picked, and below each sample the most similar of "
        f"the {data.n_train:,} training images, by squared pixel error. Mean of that error over "
        f"the ten samples: {prose.listed(means)}."
    )
    if data.same_noise and len(data.runs) > 1:
        text += " All rows from standard normal noise decode the same z in each column."
    if any(row.sampler == "gmm" for row in data.rows):
        text += (
            f" Mixture: noise from a Gaussian mixture of {data.components} components fitted to "
            "the codes of the training images."
        )
    if any(row.kind.conditional for row in data.rows):
        text += " The CVAE was asked for the digit above each column."
    return text


FIGURE = FigureRecipe("noise", gather, draw, caption)
