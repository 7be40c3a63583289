"""Sampled latents along the principal axes of the posterior means, by model."""

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
from aevae.words import with_article
from analysis.figures.parts import maps, style
from analysis.figures.parts.classes import PLAIN_COLOUR, Classes, find_classes, known_labels
from analysis.figures.recipe import FigureRecipe
from analysis.maths import densities
from analysis.maths.metrics import Floats, Labels
from analysis.measures.latents import SAMPLE, read_latents
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import MissingIngredient, Run
from analysis.write import prose

SHARES: dict[float, Literal["-", ":"]] = {0.5: "-", 0.9: ":"}  # of the mass within a contour
OVERLAP = 1.6  # height of a ridge in units of the distance to the next
PRIOR_COLOUR = "black"
ALL_GREY = "#888888"
HEIGHT = 2.6  # of a row of panels
RIDGE_INCHES, AXIS_INCHES = 0.11, 0.6  # of a ridge, if there are many; around them
NAME_INCHES = 0.6  # room for a name beside a ridge
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
    labels: Labels | None
    classes: Classes
    n_test: int

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return [projection.run for projection in self.projections]

    @property
    def groups(self) -> list[tuple[int, Array, str]]:
        """Row, members (N,) and colour of each class shown; of all images without labels."""
        if self.labels is None:
            return [(0, np.full(self.n_test, True), PLAIN_COLOUR)]
        colours = self.classes.colours.items()
        return [(row, self.labels == label, c) for row, (label, c) in enumerate(colours)]


def gather(study: Study) -> LatentPca:
    """Fit the axes of one run per model on training latents, and project those of test images.

    The axes are those along which the posterior means differ most: samples have nearly the same
    variance in all directions. What is projected are samples, since the prior is their counterpart.

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
                results.array(names.of_split("train", names.MU))[run.config.data.trained_rows],
                read_latents(results, "test", SAMPLE),
            )
        if not np.ptp(train, axis=0).any():
            raise MissingIngredient(f"{run.run_id}: every image has the same latents")
        projections.append(Projection(run, *project(train, test)))
    labels, classes = known_labels(study), find_classes(study)
    return LatentPca(projections, labels, classes, study.data.counts["test"])


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
    height = max(HEIGHT, AXIS_INCHES + RIDGE_INCHES * len(data.classes.shown))
    figure = style.new_figure(style.PAGE_INCHES, height * rows + 0.3)
    all_axes = figure.subplots(rows, 3, squeeze=False, width_ratios=[1.15, 1, 1])
    for (plane, *lines), projection in zip(all_axes, data.projections, strict=True):
        names = [
            f"PC {i} ({share:.0%} of variance)" for i, share in enumerate(projection.explained, 1)
        ]
        _draw_plane(plane, projection, data)
        plane.set(xlabel=names[0], ylabel=names[1])
        plane.set_title(f"{TITLES[projection.run.model]}, d = {projection.run.latent_size}")
        for axes, values, name in zip(lines, projection.places.T, names, strict=True):
            _draw_ridges(axes, values, data)
            axes.set_xlabel(name)
    _add_legend(figure, data.classes)
    return figure


def _draw_plane(axes: Axes, projection: Projection, data: LatentPca) -> None:
    maps.scatter(axes, projection.places, data.labels, data.classes, alpha=0.2)
    half = max(1.02 * float(np.abs(projection.places).max()), LEAST_EXTENT)
    axes.set(xlim=(-half, half), ylim=(-half, half))
    for _, members, colour in data.groups:
        density = densities.plane_density(projection.places[members])
        if density is None:
            continue
        for share, line in SHARES.items():
            axes.contour(density.x, density.y, density.values, levels=[density.level(share)],
                         colors=colour, linestyles=line,
                         linewidths=0.9)  # fmt: skip
    for share, line in SHARES.items():
        # This share of a two-dimensional standard normal distribution lies within the radius.
        radius = np.sqrt(-2 * np.log(1 - share))
        axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=PRIOR_COLOUR, linestyle=line,
                              linewidth=0.9, zorder=2.5))  # fmt: skip


def _draw_ridges(axes: Axes, values: Floats, data: LatentPca) -> None:
    margin = 0.05 * np.ptp(values)
    low, high = values.min() - margin, values.max() + margin
    groups = [(row, values[members], colour) for row, members, colour in data.groups]
    evenly = np.linspace(min(low, -LEAST_EXTENT), max(high, LEAST_EXTENT), PLACES)
    # The density of an axis that a model hardly uses is a spike, which evenly spaced places miss.
    at = np.union1d(evenly, [np.median(group) for _, group, _ in groups])
    for row, group, colour in groups:
        _draw_ridge(axes, at, densities.line_density(group, at), row, colour)
    last = len(groups) if data.classes.labelled else 0
    if data.classes.labelled:
        _draw_ridge(axes, at, densities.line_density(values, at), last, ALL_GREY)
    prior = norm.pdf(at)
    axes.plot(at, last + OVERLAP * prior / prior.max(), color=PRIOR_COLOUR, linewidth=0.9)
    axes.set_yticks(range(last + 1), [*data.classes.names(NAME_INCHES), "all"])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(at[0], at[-1]), ylim=(-0.2, last + OVERLAP + 0.2))


def _draw_ridge(axes: Axes, at: Floats, density: Floats | None, row: int, colour: str) -> None:
    if density is None:
        return
    top = row + OVERLAP * density / density.max()
    # Lower rows stand in front of the upper ones.
    axes.fill_between(at, row, top, facecolor=colour, alpha=0.75, edgecolor="white", linewidth=0.6,
                      zorder=3 - 0.1 * row)  # fmt: skip


def _add_legend(figure: Figure, classes: Classes) -> None:
    whole = with_article(classes.data.noun) if classes.labelled else "all"
    handles = [
        Line2D([], [], color=ALL_GREY, linestyle=line, label=f"{share:.0%} of {whole}")
        for share, line in SHARES.items()
    ]
    handles.append(Line2D([], [], color=PRIOR_COLOUR, label="N(0, I)"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    maps.add_legend(figure, classes)


def caption(data: LatentPca) -> str:
    """Say what was fitted on what, and how to read contours and ridges."""
    classes, dataset = data.classes, data.classes.data
    each = f"each {dataset.noun} and of all" if classes.labelled else "all"
    whole = with_article(dataset.noun) if classes.labelled else "them"
    points = "points in random order"
    if dataset.noun == "digit":
        points += " with each digit's number near its median"
    elif classes.labelled:
        points += f" in the colour of their {dataset.noun}{classes.where}"
    return (
        f"Latents of the {data.n_test:,} test images of {dataset.title} "
        f"({prose.samples(data.runs)}), latent size {data.runs[0].latent_size}, of one training "
        f"per model ({prose.seeds(data.runs)}), along the first two principal axes of the "
        f"{prose.trained_images(data.runs)} training images' {prose.latents(data.runs)}. "
        "The axes go through the origin of the latent space, so that z ~ N(0, I) is standard "
        "normal along each; they name the share of the variance that they explain there. Left, "
        f"{points}; contours enclose the "
        f"densest regions with 50% (solid) and 90% (dotted) of {whole}, black circles those of "
        f"N(0, I). Right, densities of {each} along each axis, with N(0, 1) as a "
        "black line; every curve is scaled to its own peak, so widths compare and heights do "
        f"not. All densities use Gaussian kernels of Scott's width.{classes.note}"
    )


FIGURE = FigureRecipe("latent_pca", gather, draw, caption)
