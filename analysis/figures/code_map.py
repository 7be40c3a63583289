"""Two-dimensional codes of the AE: what it decodes where they are dense, and in a gap."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import ConnectionPatch, Rectangle

from aevae.files import names
from analysis.figures.parts import maps, style, tiles
from analysis.figures.parts.classes import Classes, find_classes, known_labels
from analysis.figures.recipe import FigureRecipe
from analysis.maths.densities import plane_density
from analysis.maths.metrics import Floats, Labels
from analysis.measures.plane_structure import SIDE, Box, boxes_of
from analysis.measures.study import Study
from analysis.sweep.groups import representative
from analysis.sweep.load import MissingIngredient, Run
from analysis.write import prose

SHARES: dict[float, Literal["-", "--"]] = {0.5: "-", 0.9: "--"}  # of the codes in a contour
BOXES: dict[str, Literal["-", ":"]] = {"dense": "-", "sparse": ":"}  # lines of their frames
FRAME_COLOUR, CONTOUR_COLOUR = "black", "#666666"


@dataclass(frozen=True)
class CodeMap:
    """What the figure shows: codes (N, 2) of the test images, and boxes by name."""

    runs: list[Run]
    codes: Floats
    labels: Labels | None
    boxes: Mapping[str, Box]
    classes: Classes


def gather(study: Study) -> CodeMap:
    """Read the codes of the AE with d = 2, choose the boxes and decode their cells.

    Raises
    ------
    MissingIngredient
        There is no such AE, or one of its latents is the same for all images.
    """
    run = representative(study.sweep.runs, "ae", 2)
    if run is None:
        raise MissingIngredient("no finished AE with latent size 2")
    boxes = dict(zip(BOXES, boxes_of(study, run), strict=True))
    with study.sweep.open(run) as results:
        codes = results.array(names.of_split("test", names.MU)).astype(np.float64)
    return CodeMap([run], codes, known_labels(study), boxes, find_classes(study))


def held(box: Box) -> str:
    """Say how many test codes a box holds."""
    return f"{box.count:,} code" + "s" * (box.count != 1)


@style.styled()
def draw(data: CodeMap) -> Figure:
    """Draw the codes with density contours, and beside them the two boxes, decoded."""
    figure = style.new_figure(style.PAGE_INCHES, 4.6)
    grid = figure.add_gridspec(2, 2, width_ratios=[2, 1])
    plane = figure.add_subplot(grid[:, 0])
    _draw_codes(plane, data)
    # The higher box has the upper inset, so that no leads cross.
    by_height = sorted(data.boxes.items(), key=lambda item: -item[1].low[1])
    for place, (name, box) in enumerate(by_height):
        inset = figure.add_subplot(grid[place, 1])
        _draw_box(inset, box, BOXES[name])
        inset.set_title(f"{name} box: {held(box)}")
        _frame_box(plane, inset, box, BOXES[name])
    maps.add_legend(figure, data.classes)
    return figure


def _draw_codes(axes: Axes, data: CodeMap) -> None:
    maps.scatter(axes, data.codes, data.labels, data.classes)
    smooth = plane_density(data.codes)
    assert smooth is not None, "gather refuses codes on a line"
    handles = []
    for share, line in SHARES.items():
        look: dict[str, Any] = {"colors": CONTOUR_COLOUR, "linewidths": 0.8, "linestyles": line}
        axes.contour(smooth.x, smooth.y, smooth.values, [smooth.level(share)], **look)
        handles.append(Line2D([], [], color=CONTOUR_COLOUR, linewidth=0.8, linestyle=line,
                              label=f"{share:.0%} of the codes"))  # fmt: skip
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    axes.set(xlabel="$z_1$", ylabel="$z_2$")


def _draw_box(axes: Axes, box: Box, line: Literal["-", ":"]) -> None:
    """Draw the decoded images where their z lie, upright, with ticks away from the plane."""
    extent = (box.low[0], box.high[0], box.low[1], box.high[1])
    # A cell is a square of codes, which is drawn as wide and as high as an image.
    aspect = box.images.shape[2] / box.images.shape[3]
    picture = tiles.tile(box.images[::-1])
    axes.imshow(picture, vmin=0, vmax=1, extent=extent, aspect=aspect)
    axes.spines[:].set(visible=True, color=FRAME_COLOUR, linestyle=line, linewidth=1.5)
    axes.yaxis.tick_right()


def _frame_box(plane: Axes, inset: Axes, box: Box, line: Literal["-", ":"]) -> None:
    """Frame the box on the plane, and lead from there to the inset; classes' names stay on top."""
    width, height = box.high - box.low
    look: dict[str, Any] = {"color": FRAME_COLOUR, "linestyle": line, "zorder": 2.5}
    plane.add_patch(Rectangle((box.low[0], box.low[1]), width, height, fill=False, **look))
    for z2 in (box.low[1], box.high[1]):
        lead = ConnectionPatch((box.high[0], z2), (box.low[0], z2), plane.transData,
                               inset.transData, clip_on=False, in_layout=False, **look)  # fmt: skip
        plane.add_artist(lead)


def caption(data: CodeMap) -> str:
    """Say how the boxes were chosen and what they hold."""
    dataset = data.classes.data
    coloured = f", in the colour of their {dataset.noun}"
    if not data.classes.labelled:
        coloured = ""
    elif dataset.noun != "digit":
        coloured += data.classes.where
    counts = [f"{held(box)} ({name})" for name, box in data.boxes.items()]
    return (
        f"Codes of the {len(data.codes):,} test images of {dataset.title} in the two latent "
        f"dimensions of the AE, not rotated{coloured}, "
        f"{prose.seeds(data.runs)}. Contours enclose the smallest regions with 50% and 90% of "
        f"the codes. Right, grids of {SIDE} x {SIDE} images decoded at the centres of equal "
        "cells of the two boxes, squares a tenth as wide as the codes' larger extent: that with "
        "the most codes, and, of those in the codes' convex hull that hold the fewest, "
        f"the one nearest to the median code. They hold {prose.listed(counts)}.{data.classes.note}"
    )


FIGURE = FigureRecipe("code_map", gather, draw, caption)
