"""What a two-dimensional latent space decodes to, and where the test images lie in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from aevae.files import names
from aevae.files.fields import MOST_PLANES
from aevae.kinds import Kind
from analysis.figures.parts import maps, style, tiles
from analysis.figures.parts.classes import IN_A_ROW, Classes, find_classes, known_labels
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats, Labels
from analysis.measures.study import Study
from analysis.sweep.groups import planar
from analysis.sweep.load import Run
from analysis.write import prose

TICKS = 5
# Tiles along each side of a panel for one class, and such panels beside each other; the same where
# there are more than ten.
PANEL_TILES, PANELS_ABREAST = 8, 5
SMALL_PANEL_TILES, SMALL_PANELS_ABREAST = 6, 8


@dataclass(frozen=True)
class DecodedGrid:
    """A decoded grid: column c at z1[c], row r at z2[r] (ascending), images (R, C, H, W[, 3])."""

    z1: Floats
    z2: Floats
    images: style.Image

    def thinned(self, tiles: int) -> "DecodedGrid":
        """Keep so many evenly spaced rows and columns, the outermost among them."""
        rows, columns = (
            np.unique(np.linspace(0, len(z) - 1, tiles).round().astype(int))
            for z in (self.z2, self.z1)
        )
        return DecodedGrid(self.z1[columns], self.z2[rows], self.images[rows][:, columns])


@dataclass(frozen=True)
class LatentGrid:
    """What the figure shows, by model; `mu` (N, 2) for the unconditional models only.

    `planes` holds one plane per model, and one for each class in `asked` for conditional models.
    """

    runs: list[Run]
    planes: Mapping[str, list[DecodedGrid]]
    mu: Mapping[str, Floats]
    labels: Labels | None
    classes: Classes
    asked: list[int]
    n_test: int

    @property
    def kinds(self) -> list[Kind]:
        """Kinds of the models."""
        return [run.kind for run in self.runs]

    @property
    def conditional(self) -> list[Kind]:
        """Those that are told a class."""
        return [kind for kind in self.kinds if kind.conditional]


def gather(study: Study) -> LatentGrid:
    """Read the grids and test codes of one run with d = 2 per model.

    Raises
    ------
    MissingIngredient
        No run has two latent dimensions.
    """
    runs, classes, image_shape = (
        planar(study.sweep.runs),
        find_classes(study),
        study.data.image_shape,
    )
    planes, mu = {}, {}
    asked: list[int] = []
    for run in runs:
        with study.sweep.open(run) as results:
            name = shown_grid(run.kind)
            z, image = (
                results.array(names.grid(name, names.Z)),
                results.array(names.grid(name, names.IMAGE)),
            )
            if run.kind.conditional:
                asked = _stored(classes, len(z))
                planes[run.model] = [
                    orient(z[label], image[label], image_shape).thinned(_tiles(asked))
                    for label in asked
                ]
            else:
                planes[run.model] = [orient(z, image, image_shape)]
                mu[run.model] = results.array(names.of_split("test", names.MU))
    labels, n_test = known_labels(study), study.data.counts["test"]
    return LatentGrid(runs, planes, mu, labels, classes, asked, n_test)


def _stored(classes: Classes, planes: int) -> list[int]:
    """Choose the classes whose planes are shown: of many classes only the first have planes."""
    asked = [label for label in classes.shown if label < planes]
    return asked or list(range(min(IN_A_ROW, planes)))


def _tiles(asked: Sequence[int]) -> int:
    return PANEL_TILES if len(asked) <= IN_A_ROW else SMALL_PANEL_TILES


def shown_grid(kind: Kind) -> str:
    """Name the plane that suits a kind of model.

    The codes of an AE follow no normal distribution, so its grid spans their range instead.
    """
    return "quantile" if kind.variational else "range"


def orient(z: Floats, image: style.Image, image_shape: Sequence[int]) -> DecodedGrid:
    """Turn a stored grid so that z1 grows along columns and z2 along rows.

    Parameters
    ----------
    z
        Latent of each place, shape (R, C, 2).
    image
        Decoded images, shape (R, C, *image_shape), uint8.
    image_shape
        (height, width), or (height, width, 3) in colour.
    """
    if np.ptp(z[0, :, 0]) < np.ptp(z[:, 0, 0]):
        z, image = z.swapaxes(0, 1), image.swapaxes(0, 1)
    columns, rows = np.argsort(z[0, :, 0], kind="stable"), np.argsort(z[:, 0, 1], kind="stable")
    turned = image[rows][:, columns]
    return DecodedGrid(z[0, columns, 0], z[rows, 0, 1], tiles.intensities(turned, image_shape))


@style.styled()
def draw(data: LatentGrid) -> Figure:
    """Draw grid and codes side by side, then conditional models as a small grid for each class."""
    pairs = [kind for kind in data.kinds if not kind.conditional]
    heights = [3.5] * len(pairs) + [_panels_height(data)] * len(data.conditional)
    figure = style.new_figure(style.PAGE_INCHES, sum(heights))
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for kind, part in zip(pairs, parts, strict=False):
        left, right = part.subplots(1, 2)
        draw_plane(left, data.planes[kind.name][0])
        left.set_title(f"{kind.title}: decoded grid")
        _draw_codes(right, data, kind)
        what = "posterior means" if kind.variational else "codes"
        right.set_title(f"{kind.title}: {what} of the test images")
    for kind, part in zip(data.conditional, parts[len(pairs) :], strict=True):
        _draw_conditional(part, data, kind)
    if pairs:
        maps.add_legend(figure, data.classes)
    return figure


def draw_plane(axes: Axes, plane: DecodedGrid, ticks: int = TICKS) -> None:
    """Draw a grid of decoded images, z2 upwards; ticks name z at the centres of tiles."""
    rows, columns = len(plane.z2), len(plane.z1)
    # The extent puts the last row, which has the largest z2, on top; images stay upright.
    extent = (-0.5, columns - 0.5, -0.5, rows - 0.5)
    aspect = plane.images.shape[2] / plane.images.shape[3]
    picture = tiles.tile(plane.images[::-1])
    axes.imshow(picture, vmin=0, vmax=1, extent=extent, aspect=aspect)
    for axis, z in ((axes.xaxis, plane.z1), (axes.yaxis, plane.z2)):
        # With as many ticks as tiles, modulo 2, the ticks are symmetrical: an even number of tiles
        # has none in the middle.
        count = ticks + (ticks + len(z)) % 2
        places = np.unique(np.linspace(0, len(z) - 1, count).round().astype(int))
        decimals = 2 if np.abs(z).max() < 10 else 1
        names = [f"{v:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for v in z[places]]
        axis.set_ticks(places, names)
    axes.set(xlabel="$z_1$", ylabel="$z_2$")


def _draw_codes(axes: Axes, data: LatentGrid, kind: Kind) -> None:
    plane = data.planes[kind.name][0]
    maps.scatter(axes, data.mu[kind.name], data.labels, data.classes)
    corner = plane.z1[0], plane.z2[0]
    axes.add_patch(Rectangle(corner, float(np.ptp(plane.z1)), float(np.ptp(plane.z2)), fill=False,
                             edgecolor="black", linewidth=0.8))  # fmt: skip
    axes.set(xlabel="$z_1$", ylabel="$z_2$")


def _panels_height(data: LatentGrid) -> float:
    if len(data.asked) <= IN_A_ROW:
        return 3.3
    high, wide = tiles.tile_size(data.classes.data.image_shape)
    rows = -(-len(data.asked) // SMALL_PANELS_ABREAST)
    return 0.4 + rows * (0.2 + 0.85 * style.PAGE_INCHES / SMALL_PANELS_ABREAST * high / wide)


def _panels_abreast(data: LatentGrid) -> int:
    return PANELS_ABREAST if len(data.asked) <= IN_A_ROW else SMALL_PANELS_ABREAST


def _draw_conditional(part: SubFigure, data: LatentGrid, kind: Kind) -> None:
    columns = min(_panels_abreast(data), len(data.asked))
    rows = -(-len(data.asked) // columns)
    all_axes = part.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    room = style.PAGE_INCHES / columns - style.text_width(f"{kind.title}: ")
    planes = zip(data.asked, data.planes[kind.name], strict=True)
    for place, (axes, (label, plane)) in enumerate(zip(all_axes.flat, planes, strict=False)):
        draw_plane(axes, plane, ticks=2)
        axes.set_title(f"{kind.title}: {data.classes.name(label, room)}")
        lowest = place + columns >= len(data.asked)
        name = axes.get_xlabel()
        axes.label_outer()
        if len(data.asked) > IN_A_ROW:
            # Small panels have no room for numbers, which are those of the other kinds' grids.
            axes.tick_params(labelbottom=False, labelleft=False)
        elif lowest:
            axes.tick_params(labelbottom=True)
            # Labels that stick out at the sides would cost the panels their width.
            tiles.tuck_in_labels(axes)
        if lowest:
            axes.set_xlabel(name)
    for axes in all_axes.flat[len(data.asked) :]:
        axes.set_visible(False)


def caption(data: LatentGrid) -> str:
    """Say what the axes are, how many codes are drawn, from which runs."""
    rows, columns = data.planes[data.runs[0].model][0].images.shape[:2]
    dataset = data.classes.data
    text = f"Two-dimensional latent spaces of {dataset.title}, {prose.seeds(data.runs)}."
    if data.mu:
        text += (
            f" Left, a grid of {rows} x {columns} decoded images; right, the {data.n_test:,} "
            f"test images ({prose.latents(data.runs)}){_coloured(data.classes)} the extent "
            f"of the grid as a frame.{data.classes.note}"
        )
    for title in prose.deterministic(data.runs):
        text += f" The {title}'s grid is even over the range of the codes."
    if named := prose.variational(data.runs):
        text += (
            f" Grids of the {prose.listed(named)} stand at standard normal quantiles, so equal "
            "areas have equal probability under the prior and the axes are not linear in z."
        )
    for kind in data.conditional:
        shown = len(data.planes[kind.name][0].z1)
        text += (
            f" The {kind.title} decodes the same grid once for {_each(data)}, of which "
            f"{shown} x {shown} images are shown."
        )
    return text


def _coloured(classes: Classes) -> str:
    noun = classes.data.noun
    if not classes.labelled:
        return ", with"
    if noun == "digit":
        return " in the colour of their digit, with each digit's number near its median and"
    return f" in the colour of their {noun}{classes.where}, with"


def _each(data: LatentGrid) -> str:
    noun = data.classes.data.noun
    if len(data.asked) in (data.classes.present, len(data.classes.shown)):
        return f"each requested {noun}"
    return f"each requested {noun} among the first {MOST_PLANES} (results have no more planes)"


FIGURE = FigureRecipe("latent_grid", gather, draw, caption)
