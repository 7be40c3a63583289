"""Images decoded from noise: which model turns which noise into digits."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from aevae.files import names
from aevae.files.schema import Results
from aevae.kinds import Kind
from analysis.figures.parts import style, tiles
from analysis.figures.recipe import FigureRecipe
from analysis.maths import metrics
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import Run
from analysis.write import prose

LINES = 2  # rows of images per sampler; the second row shows how much the samples differ


@dataclass(frozen=True)
class Strip:
    """Images (LINES, 10, 28, 28) in [0, 1] of one model and sampler."""

    label: str
    images: style.Image


@dataclass(frozen=True)
class Generated:
    """What the figure shows; `conditional` if such a model is among the runs."""

    runs: list[Run]
    strips: list[Strip]
    dataset: str
    components: int

    @property
    def conditional(self) -> bool:
        """Whether the columns of some strip are requested digits."""
        return any(run.kind.conditional for run in self.runs)


def shown_samplers(kind: Kind) -> dict[str, str]:
    """Name the noise of each sampler that is shown of a kind of model."""
    if kind.conditional:
        return {"prior": "prior"}
    return {"prior": "prior" if kind.variational else "N(0, I)", "gmm": "mixture"}


def gather(study: Study) -> Generated:
    """Read the first samples of each sampler of one run per model."""
    runs = representatives(study.sweep.runs)
    strips = []
    for run in runs:
        with study.sweep.open(run) as results:
            for sampler, name in shown_samplers(run.kind).items():
                images = _first_samples(results, sampler)
                strips.append(Strip(f"{TITLES[run.model]}\n{name}", images))
    components = runs[0].evaluation.mixture_components
    return Generated(runs, strips, study.data.title, components)


def _first_samples(results: Results, sampler: str) -> style.Image:
    """Return the first samples, in columns by requested digit if the model is conditional."""
    images = results.array(names.sample(sampler, names.IMAGE))
    if results.config.model.traits.conditional:
        labels = results.array(names.sample(sampler, names.LABEL))
        chosen = [np.flatnonzero(labels == digit)[:LINES] for digit in range(metrics.DIGITS)]
        return images[np.transpose(chosen)] / 255
    columns = metrics.DIGITS
    lines = min(LINES, len(images) // columns)
    return images[: lines * columns].reshape(lines, columns, *images.shape[1:]) / 255


@style.styled()
def draw(data: Generated) -> Figure:
    """Draw one strip of images per model and sampler, all on one grey scale."""
    lines = [len(strip.images) for strip in data.strips]
    headed = len(lines) - 1 if data.conditional else None
    figure, all_axes = tiles.strip_figure(lines, headed=headed)
    for strip, axes in zip(data.strips, all_axes, strict=True):
        tiles.show_strip(axes, strip.images, strip.label)
    if headed is not None:
        tiles.label_columns(all_axes[headed], [str(digit) for digit in range(metrics.DIGITS)])
    return figure


def caption(data: Generated) -> str:
    """Say where the noise comes from and that no sample was picked."""
    shown = data.strips[0].images.shape[0] * metrics.DIGITS
    kinds = [run.kind for run in data.runs]
    text = (
        f"Images decoded from noise, latent size {data.runs[0].latent_size}, {data.dataset}, "
        f"{prose.seeds(data.runs)}: the first {shown} samples of each sampler, none picked, "
        "all on the same grey scale from 0 to 1."
    )
    if any(not kind.variational for kind in kinds):
        text += " The AE was never trained to decode the standard normal noise N(0, I)."
    if any(kind.variational for kind in kinds):
        text += " Prior: standard normal noise."
    if any("gmm" in shown_samplers(kind) for kind in kinds):
        text += (
            f" Mixture: noise from a Gaussian mixture of {data.components} components fitted to "
            "the codes of the training images."
        )
    if data.conditional:
        text += " The CVAE was asked for the digit above each column; it alone is told a digit."
    return text


FIGURE = FigureRecipe("generated", gather, draw, caption)
