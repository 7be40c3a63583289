"""Error, KL, active units and sample quality against every setting that varies in a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures.parts import settings, style
from analysis.figures.parts.scales import Scale, show_all
from analysis.figures.parts.settings import ERROR, QUALITY, RATE, UNITS, AlongAxes, Line
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures.study import Study
from analysis.sweep.groups import TITLES
from analysis.write import prose

PANELS = {
    ERROR: "test SSE per image",
    RATE: "KL per image (nats)",
    UNITS: "active units",
    QUALITY: "",
}
QUALITY_TITLES = {"recognisable": "recognisable share", "coverage_pca": "coverage of real images"}
MARKERS = "osD^"
SHIFT = 0.06  # of the outermost lines from each other, as a share of the axis
LIGHTEST = 0.35  # share of the model's colour in the line of the smallest latent size


@dataclass(frozen=True)
class BySetting(AlongAxes):
    """What the figure shows."""

    quality: str

    @property
    def panels(self) -> dict[str, str]:
        """Label of each number that is shown; that of KL only if a model has it."""
        labels = PANELS | {QUALITY: QUALITY_TITLES[self.quality]}
        if not prose.variational(self.runs):
            del labels[RATE]
        return labels


def gather(study: Study, summary: pd.DataFrame, quality: pd.DataFrame) -> BySetting:
    """Take the numbers of the runs from the tables."""
    numbers = settings.numbers_of_runs(summary, quality)
    rows = settings.lines_by_axis(study, numbers)
    return BySetting(rows, study.reference.sweep, settings.quality_column(quality))


@style.styled()
def draw(data: BySetting) -> Figure:
    """Draw a row of panels for each setting, a line for each model and latent size."""
    columns = len(data.panels)
    figure = style.new_figure(style.PAGE_INCHES, 1.75 * len(data.rows) + 0.45)
    grid = figure.subplots(len(data.rows), columns, squeeze=False)
    shades = find_shades(data.lines)
    for row, (axis, lines) in zip(grid, data.rows.items(), strict=True):
        for axes, (name, label) in zip(row, data.panels.items(), strict=True):
            scale = Scale(axis)
            for shift, line in zip(shifts_of(len(lines)), lines, strict=True):
                _draw_line(axes, scale, line, name, shades, shift)
            scale.set_up(axes, style.PAGE_INCHES / columns - 0.48)
            axes.set_ylabel(label)
            axes.grid(which="major", axis="y")
            _set_limits(axes, name, lines)
    add_legend(figure, data.lines, shades)
    return figure


def _draw_line(
    axes: Axes,
    scale: Scale,
    line: Line,
    name: str,
    shades: Mapping[int, float],
    shift: float,
) -> None:
    means = line.means(name)
    if np.isnan(means).all():
        return
    shade = shades[line.latent_size]
    places = [scale.place(value, shift) for value in line.values]
    marker = MARKERS[list(shades).index(line.latent_size)]
    colour = style.lighter(style.MODEL_COLOURS[line.model], shade)
    axes.errorbar(places, means, line.half_widths(name), color=colour,
                  marker=marker, markersize=3, linestyle=scale.line, linewidth=1,
                  elinewidth=0.8)  # fmt: skip


def shifts_of(count: int) -> Floats:
    """Return how far the lines are shifted sideways, so that their bars do not hide each other."""
    return SHIFT * (np.arange(count) - (count - 1) / 2) / max(1, count - 1)


def find_shades(lines: Sequence[Line]) -> dict[int, float]:
    """Return the share of the model's colour by latent size."""
    sizes = sorted({line.latent_size for line in lines})
    shares = np.linspace(LIGHTEST, 1, len(sizes)) if len(sizes) > 1 else [1.0]
    return dict(zip(sizes, map(float, shares), strict=True))


def _set_limits(axes: Axes, name: str, lines: Sequence[Line]) -> None:
    """Give shares their whole range, and other numbers the range of their means."""
    if name == QUALITY:
        axes.set_ylim(-0.03, 1.03)
        return
    if name == UNITS:
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    show_all(axes, "y", np.concatenate([line.means(name) for line in lines]), origin=True)


def add_legend(
    figure: Figure,
    lines: Sequence[Line],
    shades: Mapping[int, float],
    further: Sequence[Line2D] = (),
) -> None:
    """Say which colour is a model's, which shade and marker a latent size's, and what more."""
    models = dict.fromkeys(line.model for line in lines)
    handles = [Line2D([], [], color=style.MODEL_COLOURS[m], label=TITLES[m]) for m in models]
    handles += [
        Line2D([], [], color=str(0.85 * (1 - share)), marker=marker, markersize=3, label=f"d = {d}")
        for (d, share), marker in zip(shades.items(), MARKERS, strict=False)
    ]
    handles += further
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def caption(data: BySetting) -> str:
    """Say what is drawn against what, and at which values the other settings are."""
    what = [f"the test SSE per image, decoding {prose.decoded(data.runs)}"]
    if RATE in data.panels:
        what.append("the KL")
    what.append("the number of active units")
    noun = data.reference.data.noun
    share = {
        "recognisable": f"the share of generated images of whose {noun} a judge is at least "
        "90% sure",
        "coverage_pca": "the share of test images near which there is a generated one",
    }
    what.append(share[data.quality])
    names = prose.listed(axis.name for axis in data.rows)
    return (
        f"What each setting changes on {data.reference.data.title} ({names}): "
        f"{prose.listed(what)}. In each row one setting varies; lines are shifted a little "
        "sideways."
        + settings.note_on_reference(data.reference)
        + settings.note_on_seeds(data.lines, "Bars")
        + settings.note_on_models(data.reference, list(data.rows))
        + settings.note_on_sizes(data.reference)
    )


FIGURE = FigureRecipe(
    "by_setting", gather, draw, caption, needs=("summary", "sample_quality"), least_axes=1
)
