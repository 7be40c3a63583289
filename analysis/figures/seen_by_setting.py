"""What the decoder can see of image and class, against every setting that varies in a sweep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.figures.by_setting import MARKERS, add_legend, find_shades, shifts_of
from analysis.figures.parts import settings, style
from analysis.figures.parts.scales import Scale, show_all
from analysis.figures.parts.settings import AlongAxes, Line
from analysis.figures.recipe import FigureRecipe
from analysis.measures import probing
from analysis.measures.latents import MEAN
from analysis.measures.probing import KNN
from analysis.measures.study import Study
from analysis.sweep.load import MissingIngredient
from analysis.write import prose

ON_MEANS, ON_Z, BY_POSTERIORS = "kNN on means", "kNN on z", "class_accuracy"
INFORMATION, CLASS_INFORMATION = "mutual_information", "class_information"
PANELS = {
    (ON_Z, ON_MEANS): "accuracy of kNN",
    (BY_POSTERIORS,): "accuracy by q(z|{noun})",
    (INFORMATION,): "I(x; z) (nats)",
    (CLASS_INFORMATION,): "I(z; {noun}) (nats)",
}
SHARES = (ON_Z, ON_MEANS, BY_POSTERIORS)
BRACKETED = (INFORMATION, CLASS_INFORMATION)


@dataclass(frozen=True)
class SeenBySetting(AlongAxes):
    """What the figure shows."""

    chance: float


def gather(study: Study, probes: pd.DataFrame, spaces: pd.DataFrame) -> SeenBySetting:
    """Take the numbers of the runs from the tables.

    Raises
    ------
    MissingIngredient
        No model is variational, or no setting varies while the others stay.
    """
    if not prose.variational(study.sweep.runs):
        raise MissingIngredient("no variational model")
    numbers = numbers_of_runs(probes, spaces)
    rows = settings.lines_by_axis(study, numbers)
    return SeenBySetting(rows, study.reference.sweep, probing.chance(study.sweep))


def numbers_of_runs(probes: pd.DataFrame, spaces: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each run, by run id, from the tables `probes` and `latent_space`.

    Columns: the accuracies of kNN with all labels; class_accuracy; and of what is bracketed the
    ends and, under its own name, their middle.
    """
    numbers = spaces.set_index("run_id")
    most = probes["labels"].max()
    knn = probes[(probes["probe"] == KNN) & (probes["labels"] == most) & (probes["run_id"] != "")]
    means = knn["points"] == MEAN
    for name, part in ((ON_MEANS, knn[means]), (ON_Z, knn[~means])):
        numbers[name] = part.set_index("run_id")["accuracy"]
    for name in BRACKETED:
        numbers[name] = (numbers[f"{name}_low"] + numbers[f"{name}_high"]) / 2
    return numbers


@style.styled()
def draw(data: SeenBySetting) -> Figure:
    """Draw a row of panels for each setting, a line for each model and latent size."""
    figure = style.new_figure(style.PAGE_INCHES, 1.75 * len(data.rows) + 0.45)
    grid = figure.subplots(len(data.rows), len(PANELS), squeeze=False)
    shades = find_shades(data.lines)
    for row, (axis, lines) in zip(grid, data.rows.items(), strict=True):
        for axes, (names, label) in zip(row, PANELS.items(), strict=True):
            scale = Scale(axis)
            for shift, line in zip(shifts_of(len(lines)), lines, strict=True):
                for name in names:
                    _draw_line(axes, scale, line, name, shades, shift)
            scale.set_up(axes, style.PAGE_INCHES / len(PANELS) - 0.48)
            axes.set_ylabel(label.format(noun=data.reference.data.noun))
            axes.grid(which="major", axis="y")
            _set_limits(axes, names, lines, data.chance)
    add_legend(figure, data.lines, shades, _further_lines())
    return figure


def _draw_line(
    axes: Axes, scale: Scale, line: Line, name: str, shades: Mapping[int, float], shift: float
) -> None:
    means = line.means(name)
    if np.isnan(means).all():
        return
    places = [scale.place(value, shift) for value in line.values]
    colour = style.lighter(style.MODEL_COLOURS[line.model], shades[line.latent_size])
    face = "white" if name == ON_MEANS else colour
    style_of_line = (0, (3, 2)) if name == ON_MEANS else scale.line
    axes.errorbar(places, means, line.half_widths(name), color=colour, markerfacecolor=face,
                  marker=MARKERS[list(shades).index(line.latent_size)], markersize=3,
                  linestyle=style_of_line, linewidth=1, elinewidth=0.8)  # fmt: skip
    if name in BRACKETED:
        axes.fill_between(places, line.means(f"{name}_low"), line.means(f"{name}_high"),
                          color=colour, alpha=0.25, linewidth=0)  # fmt: skip


def _set_limits(axes: Axes, names: Sequence[str], lines: Sequence[Line], chance: float) -> None:
    if names[0] in SHARES:
        axes.axhline(chance, color="black", linewidth=0.8, linestyle=":")
        axes.set_ylim(-0.03, 1.03)
        return
    ends = [line.means(f"{names[0]}_{end}") for line in lines for end in ("low", "high")]
    show_all(axes, "y", np.concatenate(ends), origin=True)


def _further_lines() -> list[Line2D]:
    return [
        Line2D([], [], color="black", linestyle=(0, (3, 2)), marker="o", markersize=3,
               markerfacecolor="white", label="on means"),
        Line2D([], [], color="black", linestyle=":", linewidth=0.8, label="chance"),
    ]  # fmt: skip


def caption(data: SeenBySetting) -> str:
    """Say what is drawn against what, and at which values the other settings are."""
    noun = data.reference.data.noun
    names = prose.listed(axis.name for axis in data.rows)
    return (
        f"What the decoder can see on {data.reference.data.title}, against {names}. Accuracy with "
        f"which kNN with all labels reads the {noun} of {probing.TEST_IMAGES:,} test images, or of "
        "all if they are fewer, from a sample of the posterior, z, and from its mean (dashed); "
        f"share of sampled z whose {noun} the posteriors of all other images give; mutual "
        f"information of image and z, and of z and {noun}, bracketed: bands reach from one end to "
        f"the other, lines are in the middle. {prose.hidden_by_noise(data.runs)}In each row one "
        "setting varies; lines are shifted a little sideways."
        + settings.note_on_reference(data.reference)
        + settings.note_on_seeds(data.lines, "Bars")
        + settings.note_on_models(data.reference, list(data.rows))
        + settings.note_on_sizes(data.reference)
    )


FIGURE = FigureRecipe(
    "seen_by_setting", gather, draw, caption, needs=("probes", "latent_space"), least_axes=1
)
