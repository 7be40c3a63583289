"""What a two-dimensional latent space decodes to, and where the test images lie in it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from aevae.files import names
from aevae.kinds import Kind
from analysis.figures.parts import maps, style, tiles
from analysis.figures.recipe import FigureRecipe
from analysis.maths import metrics
from analysis.maths.metrics import Floats, Labels
from analysis.measures.study import Study
from analysis.sweep.groups import planar
from analysis.sweep.load import Run
from analysis.write import prose

TICKS = 5
PANEL_TILES = 8  # along each side of a CVAE's panel, which has a tenth of the room


@dataclass(frozen=True)
class DecodedGrid:
    """A decoded grid: column c at z1[c], row r at z2[r] (ascending), images (R, C, 28, 28)."""

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

    `planes` holds one plane per model, and ten (one per requested digit) for the CVAE.
    """

    runs: list[Run]
    planes: Mapping[str, list[DecodedGrid]]
    mu: Mapping[str, Floats]
    labels: Labels
    dataset: str

    @property
    def kinds(self) -> list[Kind]:
        """Kinds of the models."""
        return [run.kind for run in self.runs]

    @property
    def conditional(self) -> list[Kind]:
        """Those that are told a digit."""
        return [kind for kind in self.kinds if kind.conditional]


def gather(study: Study) -> LatentGrid:
    """Read the grids and test codes of one run with d = 2 per model.

    Raises
    ------
    MissingIngredient
        No run has two latent dimensions.
    """
    runs = planar(study.sweep.runs)
    planes, mu = {}, {}
    for run in runs:
        with study.sweep.open(run) as results:
            name = shown_grid(run.kind)
            z, image = (
                results.array(names.grid(name, names.Z)),
                results.array(names.grid(name, names.IMAGE)),
            )
            if run.kind.conditional:
                planes[run.model] = [orient(*pair) for pair in zip(z, image, strict=True)]
            else:
                planes[run.model] = [orient(z, image)]
                mu[run.model] = results.array(names.of_split("test", names.MU))
    return LatentGrid(runs, planes, mu, study.sweep.labels("test"), study.data.title)


def shown_grid(kind: Kind) -> str:
    """Name the plane that suits a kind of model.

    The codes of an AE follow no normal distribution, so its grid spans their range instead.
    """
    return "quantile" if kind.variational else "range"


def orient(z: Floats, image: style.Image) -> DecodedGrid:
    """Turn a stored grid so that z1 grows along columns and z2 along rows.

    Parameters
    ----------
    z
        Latent of each place, shape (R, C, 2).
    image
        Decoded images, shape (R, C, 28, 28), uint8.
    """
    if np.ptp(z[0, :, 0]) < np.ptp(z[:, 0, 0]):
        z, image = z.swapaxes(0, 1), image.swapaxes(0, 1)
    columns, rows = np.argsort(z[0, :, 0], kind="stable"), np.argsort(z[:, 0, 1], kind="stable")
    return DecodedGrid(z[0, columns, 0], z[rows, 0, 1], image[rows][:, columns] / 255)


@style.styled()
def draw(data: LatentGrid) -> Figure:
    """Draw grid and codes side by side for AE and VAE, then the CVAE as ten small grids."""
    pairs = [kind for kind in data.kinds if not kind.conditional]
    heights = [3.5] * len(pairs) + [3.3] * len(data.conditional)
    figure = style.new_figure(style.PAGE_INCHES, sum(heights))
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for kind, part in zip(pairs, parts, strict=False):
        left, right = part.subplots(1, 2)
        draw_plane(left, data.planes[kind.name][0])
        left.set_title(f"{kind.title}: decoded grid")
        _draw_codes(right, data.mu[kind.name], data.labels, data.planes[kind.name][0])
        what = "posterior means" if kind.variational else "codes"
        right.set_title(f"{kind.title}: {what} of the test images")
    for kind, part in zip(data.conditional, parts[len(pairs) :], strict=True):
        _draw_conditional(part, kind, data.planes[kind.name])
    return figure


def draw_plane(axes: Axes, plane: DecodedGrid, ticks: int = TICKS) -> None:
    """Draw a grid of decoded images, z2 upwards; ticks name z at the centres of tiles."""
    rows, columns = len(plane.z2), len(plane.z1)
    # The extent puts the last row, which has the largest z2, on top; images stay upright.
    extent = (-0.5, columns - 0.5, -0.5, rows - 0.5)
    axes.imshow(tiles.tile(plane.images[::-1]), vmin=0, vmax=1, extent=extent)
    for axis, z in ((axes.xaxis, plane.z1), (axes.yaxis, plane.z2)):
        # With as many ticks as tiles, modulo 2, the ticks are symmetrical: an even number of tiles
        # has none in the middle.
        count = ticks + (ticks + len(z)) % 2
        places = np.unique(np.linspace(0, len(z) - 1, count).round().astype(int))
        decimals = 2 if np.abs(z).max() < 10 else 1
        names = [f"{v:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for v in z[places]]
        axis.set_ticks(places, names)
    axes.set(xlabel="$z_1$", ylabel="$z_2$")


def _draw_codes(axes: Axes, mu: Floats, labels: Labels, plane: DecodedGrid) -> None:
    maps.scatter_digits(axes, mu, labels)
    corner = plane.z1[0], plane.z2[0]
    axes.add_patch(Rectangle(corner, float(np.ptp(plane.z1)), float(np.ptp(plane.z2)), fill=False,
                             edgecolor="black", linewidth=0.8))  # fmt: skip
    axes.set(xlabel="$z_1$", ylabel="$z_2$")


def _draw_conditional(part: SubFigure, kind: Kind, planes: list[DecodedGrid]) -> None:
    all_axes = part.subplots(2, metrics.DIGITS // 2, sharex=True, sharey=True)
    for digit, (axes, plane) in enumerate(zip(all_axes.flat, planes, strict=True)):
        draw_plane(axes, plane.thinned(PANEL_TILES), ticks=2)
        axes.set_title(f"{kind.title}: {digit}")
        axes.label_outer()
    for axes in all_axes[-1]:
        # Labels that stick out at the sides would cost the panels their width.
        tiles.tuck_in_labels(axes)


def caption(data: LatentGrid) -> str:
    """Say what the axes are, how many codes are drawn, from which runs."""
    rows, columns = data.planes[data.runs[0].model][0].images.shape[:2]
    text = f"Two-dimensional latent spaces of {data.dataset}, {prose.seeds(data.runs)}."
    if data.mu:
        text += (
            f" Left, a grid of {rows} x {columns} decoded images; right, the {len(data.labels):,} "
            "test images (posterior means; codes for the AE) in the colour of their digit, with "
            "each digit's number near its median and the extent of the grid as a frame."
        )
    if any(not kind.variational for kind in data.kinds):
        text += " The AE's grid is even over the range of the codes."
    if any(kind.variational for kind in data.kinds):
        text += (
            " Grids of the VAE and CVAE stand at standard normal quantiles, so equal areas have "
            "equal probability under the prior and the axes are not linear in z."
        )
    for kind in data.conditional:
        shown = len(data.planes[kind.name][0].thinned(PANEL_TILES).z1)
        text += (
            f" The {kind.title} decodes the same grid once for each requested digit, of which "
            f"{shown} x {shown} images are shown."
        )
    return text


FIGURE = FigureRecipe("latent_grid", gather, draw, caption)
