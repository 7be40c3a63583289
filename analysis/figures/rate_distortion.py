"""Rate against distortion along every setting that changes how the two are traded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aevae.axes import Axis
from aevae.kinds import KINDS
from analysis.figures.parts import settings, style
from analysis.figures.parts.naming import PointNames
from analysis.figures.parts.scales import Scale, show_all
from analysis.figures.parts.settings import DISTORTION, KL_WEIGHT, RATE, AlongAxes, Line
from analysis.figures.recipe import FigureRecipe
from analysis.maths.metrics import Floats
from analysis.measures.study import Study
from analysis.sweep.axes import written
from analysis.sweep.groups import TITLES
from analysis.sweep.load import MissingIngredient, Run
from analysis.write import prose

PANELS_PER_ROW = 3
HEIGHT = 2.3  # of a row of panels, in inches
BAND = 0.15  # opacity of the interval of a model without a rate


@dataclass(frozen=True)
class RateDistortion(AlongAxes):
    """What the figure shows: lines along each axis.

    `flat` are the models without a rate, at the reference cell: lines of one value.
    """

    flat: Sequence[Line]

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return settings.runs_of([*self.lines, *self.flat])

    @property
    def sizes(self) -> list[int]:
        """Latent sizes shown, each in panels of its own."""
        return sorted({line.latent_size for line in self.lines})


def gather(study: Study, summary: pd.DataFrame) -> RateDistortion:
    """Take rate and distortion of the runs from the table."""
    numbers = settings.numbers_of_runs(summary)
    rows: dict[Axis, list[Line]] = {}
    # The row of the weight comes first, since it is there to change the trade-off.
    for axis in sorted(study.sweep.axes, key=lambda axis: axis.key != KL_WEIGHT):
        lines = settings.lines_along(study, axis, numbers)
        curves = [line for line in lines if KINDS[line.model].variational]
        if any(len(line.values) > 1 for line in curves):
            rows[axis] = curves
    if not rows:
        raise MissingIngredient("no setting of a model with a KL varies from the reference cell")
    reference = study.reference.sweep
    return RateDistortion(rows, reference, settings.lines_of_codes(reference, numbers))


@style.styled()
def draw(data: RateDistortion) -> Figure:
    """Draw a row of panels for each setting, one panel for each latent size."""
    columns = len(data.sizes)
    width = style.PAGE_INCHES * max(1, min(columns, PANELS_PER_ROW)) / PANELS_PER_ROW
    figure = style.new_figure(max(width, style.COLUMN_INCHES), HEIGHT * len(data.rows) + 0.4)
    grid = figure.subplots(len(data.rows), columns, squeeze=False)
    size = figure.get_figwidth() / columns - 0.5, HEIGHT - 0.7
    for row, (axis, lines) in zip(grid, data.rows.items(), strict=True):
        for axes, d in zip(row, data.sizes, strict=True):
            shown, flat = (
                [line for line in some if line.latent_size == d] for some in (lines, data.flat)
            )
            axes.set_title(f"{axis.name}, d = {d}", fontsize=style.SMALL)
            axes.set_xlabel("rate: KL (nats)")
            axes.grid(which="major", axis="both")
            if shown:
                show_all(axes, "y", _all([*shown, *flat], DISTORTION), origin=False)
                show_all(axes, "x", _all(shown, RATE), origin=False)
                _draw_panel(axes, shown, PointNames(axes, *size), Scale(axis).line)
                _draw_flat(axes, flat)
        row[0].set_ylabel("distortion: SSE per image")
    _add_legend(figure, data)
    return figure


def _all(lines: Sequence[Line], name: str) -> Floats:
    return np.concatenate([line.means(name) for line in lines])


def _draw_panel(axes: Axes, lines: Sequence[Line], names: PointNames, style_of_line: str) -> None:
    for place, line in enumerate(lines):
        colour = style.MODEL_COLOURS[line.model]
        rates, distortions = line.means(RATE), line.means(DISTORTION)
        axes.errorbar(rates, distortions, line.half_widths(DISTORTION), line.half_widths(RATE),
                      color=colour, marker=".", linestyle=style_of_line, linewidth=1,
                      elinewidth=0.8)  # fmt: skip
        points = zip(line.values, rates, distortions, strict=True)
        for value, rate, distortion in points:
            names.add((rate, distortion), written(value), colour, below=place % 2 == 1)


def _draw_flat(axes: Axes, lines: Sequence[Line]) -> None:
    for line in lines:
        colour = style.MODEL_COLOURS[line.model]
        (mean,), (half,) = line.means(DISTORTION), line.half_widths(DISTORTION)
        axes.axhline(mean, color=colour, linestyle=(0, (4, 1.5)))
        if np.isfinite(half):
            axes.axhspan(mean - half, mean + half, color=colour, alpha=BAND, linewidth=0)


def _add_legend(figure: Figure, data: RateDistortion) -> None:
    curves = dict.fromkeys(line.model for line in data.lines)
    handles = [
        Line2D([], [], color=style.MODEL_COLOURS[model], marker=".", label=TITLES[model])
        for model in curves
    ]
    handles += [
        Line2D([], [], color=style.MODEL_COLOURS[model], linestyle=(0, (4, 1.5)),
               label=f"{TITLES[model]} (no rate)")
        for model in dict.fromkeys(line.model for line in data.flat)
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def caption(data: RateDistortion) -> str:
    """Say what the two numbers are, what varies, and at which values the other settings are."""
    dataset = data.reference.data
    codes = prose.listed(dict.fromkeys(TITLES[line.model] for line in data.flat))
    flat = f", and that of the {codes}, which has no rate, as a dashed line" if codes else ""
    bars = "Bars and the band" if codes else "Bars"
    return (
        f"Rate against distortion on the {dataset.counts['test']:,} test images of "
        f"{dataset.title}: the KL in nats, and the SSE of one decoded sample of the posterior, "
        f"means per image{flat}. Names of points are values of the setting that varies in the "
        "row, as far as there is room for them, and each panel has its own axes. The table has the "
        "numbers; ± is half of an interval."
        + settings.note_on_reference(data.reference, codes)
        + settings.note_on_seeds([*data.lines, *data.flat], bars)
        + settings.note_on_sizes(data.reference)
    )


def table(data: RateDistortion) -> pd.DataFrame:
    """One row per point: setting, value, model, latent size, rate and distortion, intervals."""
    points = [(axis.name, line) for axis, lines in data.rows.items() for line in lines]
    points += [("", line) for line in data.flat]
    rows = []
    for setting, line in points:
        numbers = [
            (line.means(name), line.half_widths(name)) for name in (RATE, DISTORTION)
        ]  # fmt: skip
        for place, (value, runs) in enumerate(zip(line.values, line.runs, strict=True)):
            row = {"setting": setting, "value": "" if value is None else written(value)}
            row |= {"model": TITLES[line.model], "d": str(line.latent_size)}
            row["seeds"] = str(len(runs))
            for name, (means, halves) in zip((RATE, DISTORTION), numbers, strict=True):
                row |= {name: means[place], f"± {name}": halves[place]}
            rows.append(row)
    return pd.DataFrame(rows)


FIGURE = FigureRecipe(
    "rate_distortion", gather, draw, caption, numbers=table, needs=("summary",), least_axes=1
)
