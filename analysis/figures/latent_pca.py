"""Latents of the test images along the principal axes of the training latents, by model."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from scipy.stats import norm
from sklearn.decomposition import PCA

from aevae.files import names
from aevae.files.hdf5 import Array
from analysis.figures.parts import maps, style
from analysis.figures.recipe import FigureRecipe
from analysis.maths import densities, metrics
from analysis.maths.metrics import Floats
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import MissingIngredient, Run
from analysis.write import prose

SHARES: dict[float, Literal["-", ":"]] = {0.5: "-", 0.9: ":"}  # of the mass within a contour
OVERLAP = 1.6  # height of a ridge in units of the distance to the next
PRIOR_COLOUR = "black"
LEAST_EXTENT = 3.0  # on either side of the origin: room for N(0, I)
PLACES = 400


@dataclass(frozen=True)
class Projection:
    """Test latents of a run along two axes, shape (N, 2), and the variance each explains."""

    run: Run
    places: Floats
    explained: tuple[float, float]


@dataclass(frozen=True)
class LatentPca:
    """What the figure shows."""

    projections: list[Projection]
    labels: Array
    dataset: str
    n_train: int

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return [projection.run for projection in self.projections]


def gather(study: Study) -> LatentPca:
    """Fit the axes of one run per model on its training latents, and project the test latents.

    Raises
    ------
    MissingIngredient
        The models share no latent size above 1, or latents do not vary.
    """
    runs = representatives(study.sweep.runs)
    if runs[0].latent_size < 2:
        raise MissingIngredient("no latent size above 1 for which every model has a finished run")
    projections = []
    for run in runs:
        with study.sweep.open(run) as results:
            train, test = (
                results.array(names.of_split("train", names.MU)),
                results.array(names.of_split("test", names.MU)),
            )
        if not np.ptp(train, axis=0).any():
            raise MissingIngredient(f"{run.run_id}: every image has the same latents")
        projections.append(Projection(run, *project(train, test)))
    counts = study.data.counts
    return LatentPca(projections, study.sweep.labels("test"), study.data.title, counts["train"])


def project(train: Array, test: Array) -> tuple[Floats, tuple[float, float]]:
    """Project latents on the first two principal axes of others.

    The axes are moved to the origin of the latent space, not to the mean: there z ~ N(0, I) is
    standard normal along each of them.

    Parameters
    ----------
    train, test
        Latents that the axes are fitted on, and those projected; shapes (N, d) and (M, d).

    Returns
    -------
    places
        Shape (M, 2).
    explained
        Shares of the variance of `train` along the two axes.
    """
    pca = PCA(2, svd_solver="full").fit(train.astype(np.float64))
    first, second = pca.explained_variance_ratio_
    return test.astype(np.float64) @ pca.components_.T, (float(first), float(second))


@style.styled()
def draw(data: LatentPca) -> Figure:
    """Draw a row per model: the plane of both axes, and the densities along each."""
    rows = len(data.projections)
    figure = style.new_figure(style.PAGE_INCHES, 2.6 * rows + 0.3)
    all_axes = figure.subplots(rows, 3, squeeze=False, width_ratios=[1.15, 1, 1])
    for (plane, *lines), projection in zip(all_axes, data.projections, strict=True):
        names = [
            f"PC {i} ({share:.0%} of variance)" for i, share in enumerate(projection.explained, 1)
        ]
        _draw_plane(plane, projection, data.labels)
        plane.set(xlabel=names[0], ylabel=names[1])
        plane.set_title(f"{TITLES[projection.run.model]}, d = {projection.run.latent_size}")
        for axes, values, name in zip(lines, projection.places.T, names, strict=True):
            _draw_ridges(axes, values, data.labels)
            axes.set_xlabel(name)
    _add_legend(figure)
    return figure


def _draw_plane(axes: Axes, projection: Projection, labels: Array) -> None:
    maps.scatter_digits(axes, projection.places, labels, alpha=0.2)
    half = max(1.02 * float(np.abs(projection.places).max()), LEAST_EXTENT)
    axes.set(xlim=(-half, half), ylim=(-half, half))
    for digit in np.unique(labels):
        density = densities.plane_density(projection.places[labels == digit])
        if density is None:
            continue
        for share, line in SHARES.items():
            axes.contour(density.x, density.y, density.values, levels=[density.level(share)],
                         colors=style.DIGIT_COLOURS[digit], linestyles=line,
                         linewidths=0.9)  # fmt: skip
    for share, line in SHARES.items():
        # This share of a two-dimensional standard normal distribution lies within the radius.
        radius = np.sqrt(-2 * np.log(1 - share))
        axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=PRIOR_COLOUR, linestyle=line,
                              linewidth=0.9, zorder=2.5))  # fmt: skip


def _draw_ridges(axes: Axes, values: Floats, labels: Array) -> None:
    margin = 0.05 * np.ptp(values)
    low, high = values.min() - margin, values.max() + margin
    groups = {int(digit): values[labels == digit] for digit in np.unique(labels)}
    evenly = np.linspace(min(low, -LEAST_EXTENT), max(high, LEAST_EXTENT), PLACES)
    # The density of an axis that a model hardly uses is a spike, which evenly spaced places miss.
    at = np.union1d(evenly, [np.median(group) for group in groups.values()])
    for digit, group in groups.items():
        density = densities.line_density(group, at)
        _draw_ridge(axes, at, density, digit, style.DIGIT_COLOURS[digit])
    _draw_ridge(axes, at, densities.line_density(values, at), metrics.DIGITS, "#888888")
    prior = norm.pdf(at)
    axes.plot(at, metrics.DIGITS + OVERLAP * prior / prior.max(), color=PRIOR_COLOUR, linewidth=0.9)
    axes.set_yticks(range(metrics.DIGITS + 1), [*map(str, range(metrics.DIGITS)), "all"])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(at[0], at[-1]), ylim=(-0.2, metrics.DIGITS + OVERLAP + 0.2))


def _draw_ridge(axes: Axes, at: Floats, density: Floats | None, row: int, colour: str) -> None:
    if density is None:
        return
    top = row + OVERLAP * density / density.max()
    # Lower rows stand in front of the upper ones.
    axes.fill_between(at, row, top, facecolor=colour, alpha=0.75, edgecolor="white", linewidth=0.6,
                      zorder=3 - 0.1 * row)  # fmt: skip


def _add_legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color="#888888", linestyle=line, label=f"{share:.0%} of a digit")
        for share, line in SHARES.items()
    ]
    handles.append(Line2D([], [], color=PRIOR_COLOUR, label="N(0, I)"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def caption(data: LatentPca) -> str:
    """Say what was fitted on what, and how to read contours and ridges."""
    return (
        f"Latents of the {len(data.labels):,} test images of {data.dataset} (posterior means; "
        f"codes for the AE), latent size {data.runs[0].latent_size}, {prose.seeds(data.runs)}, "
        f"along the first two principal axes of the {data.n_train:,} training images' latents. "
        "The axes go through the origin of the latent space, so that z ~ N(0, I) is standard "
        "normal along each; they name the share of the training variance that they explain. Left, "
        "points in random order with each digit's number near its median; contours enclose the "
        "densest regions with 50% (solid) and 90% (dotted) of a digit, black circles those of "
        "N(0, I). Right, densities of each digit and of all along each axis, with N(0, 1) as a "
        "black line; every curve is scaled to its own peak, so widths compare and heights do "
        "not. All densities use Gaussian kernels of Scott's width. Posterior means vary less than "
        "samples of the posterior, which are what the prior is compared with in training."
    )


FIGURE = FigureRecipe("latent_pca", gather, draw, caption)
