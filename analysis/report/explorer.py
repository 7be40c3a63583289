"""The latent explorer: trained decoders, packed so that a page can run them by itself."""

import base64
import gzip
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from aevae.config import RunConfig
from aevae.files import names
from aevae.files.hdf5 import Array
from aevae.files.schema import Results
from aevae.models.plain import layer_names
from analysis.figures.latent_grid import shown_grid
from analysis.figures.parts import maps, style
from analysis.figures.parts.classes import Classes, find_classes, known_labels
from analysis.maths.decoder import decode
from analysis.maths.metrics import Floats, Labels
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, planar
from analysis.sweep.load import MissingIngredient, Run

PRIOR_RADIUS = 2.0
PRIOR_SHARE = 1 - np.exp(-(PRIOR_RADIUS**2) / 2)  # of a standard normal within that radius
FINEST_STEP = 2.0**-12  # between weights: a coarser one shows in images, a finer costs megabytes
LARGEST = np.iinfo(np.int16).max
MOST_WEIGHTS = 6_000_000  # of a decoder in a page: 12 MB
OUTERMOST = 0.002  # share of the codes on each side that may lie beyond the map
PLANE_INCHES = 3.0


@dataclass(frozen=True)
class Packed:
    """Whole multiples of `step`, 16 bits each: first all low bytes, then all high, gzip, base64."""

    step: float
    data: str


@dataclass(frozen=True)
class Layer:
    """A linear layer; the weights of one input, to all outputs, stand together."""

    outputs: int
    weight: Packed
    bias: Packed


@dataclass(frozen=True)
class Decoder:
    """What the page's script needs to decode a point between the corners `low` and `high`."""

    low: list[float]
    high: list[float]
    layers: list[Layer]
    activation: str
    """Of the hidden layers."""

    def to_json(self) -> dict[str, object]:
        """Return it as plain lists and dictionaries."""
        return asdict(self)


@dataclass(frozen=True)
class LatentPlane:
    """The latent plane of one run: a square map of its test codes, and its decoder."""

    run: Run
    title: str
    map: Figure
    decoder: Decoder
    rounding: int
    """How far the packed decoder is off at most on the stored grid, in levels of 255."""
    classes: Classes

    @property
    def conditional(self) -> bool:
        """Whether it is asked for a class."""
        return self.run.kind.conditional

    @property
    def legend(self) -> list[tuple[str, str]]:
        """Names and colours of the classes, unless they are named on the map."""
        if self.classes.on_discs:
            return []
        colours = self.classes.colours.items()
        return [(self.classes.data.class_names[label], colour) for label, colour in colours]


def planes(study: Study) -> list[LatentPlane]:
    """Return the plane of one run with d = 2 per model, at the reference cell.

    Raises
    ------
    MissingIngredient
        No run has two latent dimensions, or a decoder is too large for a page.
    """
    return [_plane(study, run) for run in planar(study.reference.sweep.runs)]


def _plane(study: Study, run: Run) -> LatentPlane:
    with study.sweep.open(run) as results:
        _check_size(results)
        codes, weights = results.array(names.of_split("test", names.MU)), results.weights()
        name = shown_grid(run.kind)
        z, images = (
            results.array(names.grid(name, names.Z)),
            results.array(names.grid(name, names.IMAGE)),
        )
    low, high = view(codes)
    classes = find_classes(study)
    drawn = draw_map(codes, known_labels(study), classes, low, high)
    activation = run.config.model.activation
    decoder = Decoder(low.tolist(), high.tolist(), pack_layers(weights), activation)
    off = rounding(run.config, weights, z, images)
    return LatentPlane(run, TITLES[run.model], drawn, decoder, off, classes)


def _check_size(results: Results) -> None:
    layers = [*layer_names(results.names(names.WEIGHTS), "decoder"), "output"]
    count = sum(prod(results.shape(names.weight(f"{name}.weight"))) for name in layers)
    if count > MOST_WEIGHTS:
        raise MissingIngredient(
            f"the decoder of {results.run_id} has {count:,} weights, a page holds at most "
            f"{MOST_WEIGHTS:,}"
        )


def rounding(config: RunConfig, weights: Mapping[str, Array], z: Array, images: Array) -> int:
    """Return how far rounded weights are off in some value of a grid, in levels of 255."""
    rounded = {name: np.multiply(*quantise(values)) for name, values in weights.items()}
    # A grid of a conditional model has a leading axis of requested classes.
    labels = np.indices(z.shape[:-1])[0] if z.ndim == 4 else None
    decoded = np.rint(255 * decode(config, rounded, z, labels))
    return int(np.abs(decoded - images).max())


def view(codes: Array) -> tuple[Floats, Floats]:
    """Return the corners of the square, shape (2,) each, that has most codes and most noise."""
    low, high = np.quantile(codes.astype(np.float64), (OUTERMOST, 1 - OUTERMOST), axis=0)
    low, high = np.minimum(low, -PRIOR_RADIUS), np.maximum(high, PRIOR_RADIUS)
    half = 0.52 * float((high - low).max())  # a margin of 4 %
    centre = (low + high) / 2
    return centre - half, centre + half


@style.styled()
def draw_map(
    codes: Array, labels: Labels | None, classes: Classes, low: Floats, high: Floats
) -> Figure:
    """Draw the codes in the colour of their classes, from edge to edge, and a ring for N(0, I)."""
    figure = Figure(figsize=(PLANE_INCHES, PLANE_INCHES))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.axhline(0, color="#999999", linewidth=0.6)
    axes.axvline(0, color="#999999", linewidth=0.6)
    maps.scatter(axes, codes, labels, classes, alpha=0.5)
    ring = {"fill": False, "linestyle": "--", "edgecolor": "#777777", "zorder": 3}
    axes.add_patch(Circle((0, 0), PRIOR_RADIUS, **ring))
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    return figure


def pack_layers(weights: Mapping[str, Array]) -> list[Layer]:
    """Pack the linear layers of a decoder, from the latents to the pixels."""
    return [
        Layer(
            len(weights[f"{name}.bias"]),
            pack(weights[f"{name}.weight"].T),
            pack(weights[f"{name}.bias"]),
        )
        for name in [*layer_names(weights, "decoder"), "output"]
    ]


def quantise(values: Array) -> tuple[Array, float]:
    """Round to whole steps, the finest that 16 bits allow, but none finer than `FINEST_STEP`."""
    step = max(FINEST_STEP, float(np.abs(values).max()) / LARGEST)
    return np.rint(values / step).astype("<i2"), step


def pack(values: Array) -> Packed:
    """Round and compress."""
    whole, step = quantise(values)
    # High bytes are nearly all alike, so apart from the low ones they take little room.
    shuffled = np.ascontiguousarray(whole).view("u1").reshape(-1, 2).T.tobytes()
    return Packed(step, base64.b64encode(gzip.compress(shuffled, mtime=0)).decode())
