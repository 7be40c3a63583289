"""The models as diagrams, drawn to the sizes of their stored layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aevae.files import names
from aevae.files.schema import Results
from aevae.models.plain import layer_names
from analysis.figures.parts import style
from analysis.figures.parts.diagram import (
    COLOURS,
    GAP,
    Bar,
    draw_arrow,
    draw_bar,
    draw_map,
    scale_for,
    write,
)
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures.study import Study
from analysis.sweep.groups import representatives
from analysis.sweep.load import Run
from analysis.write import prose

WIDTH, HEIGHT = style.PAGE_INCHES, 1.9  # of a panel; its coordinates are inches
MARGIN, MIDDLE = 0.45, 0.82
ROOM = 0.67  # below the middle of a panel, without the number of units
SPREAD = 0.45  # of mean and sampled latent about the centre of the page
NOISE = {"boxstyle": "circle,pad=0.2", "facecolor": "white", "linewidth": 0.6}
ACTIVATIONS = {  # as a figure names them
    "relu": "ReLU",
    "leaky-relu": "leaky ReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "tanh": "tanh",
}
SAMPLING = r"$z = \mu + \sigma \odot \varepsilon,\quad \varepsilon \sim \mathcal{N}(0, I)$"


@dataclass(frozen=True)
class Architecture:
    """Sizes of a model's layers, read from the shapes of its stored parameters."""

    run: Run
    image: int
    labels: int
    encoder: list[int]
    latent: int
    decoder: list[int]
    parameters: int

    @property
    def stochastic(self) -> bool:
        """Whether z is drawn from a posterior."""
        return self.run.kind.variational


@dataclass(frozen=True)
class Architectures:
    """What the figure shows: one model of each kind."""

    models: list[Architecture]
    dataset: str

    @property
    def scale(self) -> float:
        """Height in inches of a layer of one unit, for which every layer fits on its panel."""
        return min(
            scale_for([model.image, *model.encoder, *model.decoder], model.labels, ROOM)
            for model in self.models
        )

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return [model.run for model in self.models]


def gather(study: Study) -> Architectures:
    """Read the shapes of the parameters of one run per model."""
    models = []
    for run in representatives(study.sweep.runs):
        with study.sweep.open(run) as results:
            models.append(_architecture(run, results))
    return Architectures(models, study.data.title)


def _architecture(run: Run, results: Results) -> Architecture:
    parameters = results.names(names.WEIGHTS)
    shapes = {name: results.shape(names.weight(name)) for name in parameters}
    hidden = {part: layer_names(parameters, part) for part in ("encoder", "decoder")}
    widths = {part: [shapes[f"{n}.weight"][0] for n in found] for part, found in hidden.items()}
    image = shapes["output.weight"][0]
    return Architecture(
        run=run,
        image=image,
        labels=shapes[f"{hidden['encoder'][0]}.weight"][1] - image,
        encoder=widths["encoder"],
        latent=shapes["mu.weight"][0],
        decoder=widths["decoder"],
        parameters=sum(prod(shape) for shape in shapes.values()),
    )


@style.styled()
def draw(data: Architectures) -> Figure:
    """Draw one diagram above the other, latents below latents."""
    figure = Figure(figsize=(WIDTH, HEIGHT * len(data.models)))
    share = 1 / len(data.models)
    for place, model in enumerate(data.models):
        axes = figure.add_axes((0, 1 - (place + 1) * share, 1, share))
        axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
        axes.set_axis_off()
        _draw_model(axes, model, data.scale)
    return figure


def _draw_model(axes: Axes, model: Architecture, scale: float) -> None:
    spread = SPREAD if model.stochastic else 0.0
    left = np.linspace(MARGIN, WIDTH / 2 - spread, len(model.encoder) + 2)
    right = np.linspace(WIDTH / 2 + spread, WIDTH - MARGIN, len(model.decoder) + 2)

    def bar(x: float, units: int) -> Bar:
        return Bar(x, MIDDLE, units, scale)

    before = _draw_input(axes, bar(left[0], model.image), "layer", "$x$", model.labels)
    activation = ACTIVATIONS[model.run.config.model.activation]
    before = _draw_hidden(axes, before, left[1:-1], model.encoder, scale, activation)
    name = "$z$ (ReLU)" if model.run.config.model.latent_activation == "relu" else "$z$"
    latent = _draw_input(axes, bar(right[0], model.latent), "latent", name, model.labels)
    if model.stochastic:
        _draw_posterior(axes, before, left[-1], latent[0])
    else:
        draw_map(axes, before, latent[0])
    before = _draw_hidden(axes, latent, right[1:-1], model.decoder, scale, activation)
    output = draw_bar(axes, bar(right[-1], model.image), "layer", "$\\hat{x}$ (sigmoid)")
    draw_map(axes, before, output)
    write(axes, output.x, output.bottom, str(output.units), below=True)
    _describe(axes, model, (left[0] + left[-1]) / 2, (right[0] + right[-1]) / 2)


def _draw_input(axes: Axes, bar: Bar, kind: str, name: str, labels: int) -> list[Bar]:
    """Draw what enters a network, with the label joined to it if the model is told one."""
    bars, units = [draw_bar(axes, bar, kind, name)], str(bar.units)
    if labels:
        height = Bar(0, 0, labels, bar.scale).height
        joined = Bar(bar.x, bar.bottom - GAP - height / 2, labels, bar.scale)
        bars.append(draw_bar(axes, joined, "label", ""))
        axes.text(bar.left - GAP, joined.y, "$y$", ha="right", va="center", color=COLOURS["label"])
        units += f" + {labels}"
    write(axes, bar.x, bars[-1].bottom, units, below=True)
    return bars


def _draw_hidden(
    axes: Axes,
    before: list[Bar],
    places: Floats,
    widths: Sequence[int],
    scale: float,
    activation: str,
) -> list[Bar]:
    """Draw the hidden layers of a network after `before`, and return the last."""
    for x, units in zip(places, widths, strict=True):
        bar = draw_bar(axes, Bar(x, MIDDLE, units, scale), "layer", activation)
        write(axes, x, bar.bottom, str(units), below=True)
        draw_map(axes, before, bar)
        before = [bar]
    return before


def _draw_posterior(axes: Axes, before: list[Bar], x: float, z: Bar) -> None:
    """Draw mean and log-variance, and how they and the noise make z."""
    away = max(0.3, z.height / 2 + 2 * GAP)
    mean = draw_bar(axes, Bar(x, MIDDLE + away, z.units, z.scale), "latent", f"$\\mu$: {z.units}")
    variance = draw_bar(axes, Bar(x, MIDDLE - away, z.units, z.scale), "latent", "")
    write(axes, x, variance.bottom, f"$\\log\\,\\sigma^2$: {z.units}", below=True)
    noise = ((x + z.x) / 2, MIDDLE)
    axes.text(*noise, "$\\varepsilon$", ha="center", va="center", bbox=NOISE)
    for bar in (mean, variance):
        draw_map(axes, before, bar)
        draw_arrow(axes, (bar.right, bar.y), z)
    draw_arrow(axes, (noise[0] + 0.1, noise[1]), z)


def _describe(axes: Axes, model: Architecture, encoder_x: float, decoder_x: float) -> None:
    """Write the model's name and loss, and what its two networks are."""
    axes.text(0.15, HEIGHT - 0.12, model.run.kind.title, fontweight="bold", va="center")
    axes.text(WIDTH - 0.15, HEIGHT - 0.12, f"loss: {loss(model.run)}", ha="right", va="center")
    if model.stochastic:
        axes.text(WIDTH / 2, HEIGHT - 0.12, SAMPLING, ha="center", va="center")
    given = ", y" if model.labels else ""
    q, p = f" $q(z\\,|\\,x{given})$", f" $p(x\\,|\\,z{given})$"
    for x, text, density in ((encoder_x, "encoder", q), (decoder_x, "decoder", p)):
        words = text + density if model.stochastic else text
        axes.text(x, HEIGHT - 0.35, words, ha="center", va="center", color="#555555")


def loss(run: Run) -> str:
    """Write the loss of an image, which training minimises, as a formula."""
    settings = run.config.model
    gaussian = settings.likelihood == "gaussian"
    error = r"$\|x - \hat{x}\|^2$" if gaussian else r"$\mathrm{BCE}(x, \hat{x})$"
    if run.kind.learns_variance:
        error = r"$\|x - \hat{x}\|^2 / 2s$ + V/2 ln($2s$)"
    if not run.kind.variational:
        return error
    weight = "" if settings.kl_weight == 1 else f"{settings.kl_weight:g} "
    divergence = r"KL$(\mathcal{N}(\mu, \sigma^2)\,\|\,\mathcal{N}(0, I))$"
    return f"{error} + {weight}{divergence}"


def caption(data: Architectures) -> str:
    """Explain the diagrams and give the numbers of parameters."""
    sizes = [f"{model.parameters:,} ({model.run.kind.title})" for model in data.models]
    text = (
        f"Layers of the models for {data.dataset}, drawn from the stored parameters of runs with "
        f"latent size {data.models[0].latent}, {prose.seeds(data.runs)}; heights grow with the "
        "square root of the number of units, shaded areas are linear maps with a bias. Trained "
        f"parameters: {prose.listed(sizes)}."
    )
    if any(model.stochastic for model in data.models):
        text += (
            " The encoder of a variational model gives mean and log-variance of a normal "
            "distribution; z is the mean plus the standard deviation times noise "
            "\N{GREEK SMALL LETTER EPSILON} from N(0, I)."
        )
    if any(model.run.kind.learns_variance for model in data.models):
        text += " s is the fitted variance of the decoder, V the number of values of an image."
    if any(model.labels for model in data.models):
        text += " The CVAE is told the label y, one-hot, in encoder and decoder."
    return text


FIGURE = FigureRecipe("architectures", gather, draw, caption)
