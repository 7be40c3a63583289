"""Test error of each digit against latent size, with bootstrap intervals and a heat map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from analysis import metrics
from analysis.figures import captions, style
from analysis.load import Run, Sweep
from analysis.metrics import Floats, Labels
from analysis.selection import Group, group_runs

PANELS_PER_ROW = 3
ANNOTATED_SIZES = 8  # more columns leave no room for numbers in the map
COLOURS = (*style.DIGIT_COLOURS, style.ALL_DIGITS_COLOUR)
NAMES = (*map(str, range(metrics.DIGITS)), "all")


@dataclass(frozen=True)
class DigitErrors:
    """Errors of one group, SSE per image, shape (11, S): digits 0-9 and all, S latent sizes."""

    group: Group
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class ByDigit:
    """What the figure shows; `n_test` images."""

    panels: list[DigitErrors]
    dataset: str
    n_test: int

    @property
    def runs(self) -> list[Run]:
        """Every run shown."""
        return [run for panel in self.panels for run in panel.group.runs]


def gather(sweep: Sweep) -> ByDigit:
    """Read the test errors of every run and resample them."""
    labels = sweep.labels("test")
    panels = []
    for group in group_runs(sweep.runs):
        columns = [
            _mean_and_interval(_seed_mean(sweep, group.of_size(size)), labels)
            for size in group.latent_sizes
        ]
        mean, low, high = np.stack(columns, axis=-1)
        panels.append(DigitErrors(group, mean, low, high))
    return ByDigit(panels, sweep.data.title, len(labels))


def _seed_mean(sweep: Sweep, runs: Sequence[Run]) -> Floats:
    """Average the error of each test image over the seeds, shape (N,)."""
    total = np.zeros(sweep.data.counts["test"])
    for run in runs:
        with sweep.open(run) as results:
            total += results.array("test/sse_mean")
    return total / len(runs)


def _mean_and_interval(errors: Floats, labels: Labels) -> Floats:
    """Return mean and bounds of the interval for digits 0-9 and all, shape (3, 11)."""
    parts = [*(errors[labels == digit] for digit in range(metrics.DIGITS)), errors]
    bounds = [metrics.bootstrap_interval(part) for part in parts]
    means = [*metrics.mean_by_digit(errors, labels), errors.mean()]
    return np.vstack([means, np.transpose(bounds)])


@style.styled()
def draw(data: ByDigit) -> Figure:
    """Draw a panel of lines and, below it, a heat map for each group."""
    columns = min(PANELS_PER_ROW, len(data.panels))
    rows = -(-len(data.panels) // columns)
    width = max(style.COLUMN_INCHES, style.PAGE_INCHES * columns / PANELS_PER_ROW)
    figure = style.new_figure(width, 4.9 * rows + 0.3)
    grid = figure.add_gridspec(2 * rows, columns)
    sizes = sorted({run.latent_size for run in data.runs})
    positive = np.concatenate([panel.mean.ravel() for panel in data.panels])
    norm = LogNorm(np.nanmin(positive), np.nanmax(positive))
    lines: list[Axes] = []
    maps: list[Axes] = []
    for place, panel in enumerate(data.panels):
        row, column = divmod(place, columns)
        shared = lines[0] if lines else None
        lines.append(figure.add_subplot(grid[2 * row, column], sharey=shared))
        _draw_lines(lines[-1], panel, sizes)
        maps.append(figure.add_subplot(grid[2 * row + 1, column]))
        image = _draw_map(maps[-1], panel, norm)
        if column:
            lines[-1].tick_params(labelleft=False)
        else:
            lines[-1].set_ylabel("test SSE per image")
            maps[-1].set_ylabel("digit")
    _add_colour_bar(figure, image, maps[:columns])
    _add_legend(figure, in_a_row=len(NAMES) if columns > 1 else 6)
    return figure


def _draw_lines(axes: Axes, panel: DigitErrors, sizes: Sequence[int]) -> None:
    d = np.array(panel.group.latent_sizes)
    for digit, colour in enumerate(COLOURS):
        low, mean, high = panel.low[digit], panel.mean[digit], panel.high[digit]
        # A percentile interval need not hold the mean itself in a tiny sample.
        spread = np.maximum([mean - low, high - mean], 0)
        axes.errorbar(d, mean, spread, color=colour, marker=".", markersize=3, linewidth=1,
                      elinewidth=0.8, label=NAMES[digit])  # fmt: skip
    axes.set(title=panel.group.title, xlabel="latent size d", xscale="log", yscale="log")
    axes.set_xlim(min(sizes) / 1.3, max(sizes) * 1.3)
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FixedFormatter(_spaced_names(sizes)))
    axes.xaxis.set_minor_locator(NullLocator())
    style.plain_log_ticks(axes.yaxis)
    axes.grid(which="major", axis="y")


def _spaced_names(sizes: Sequence[int]) -> list[str]:
    """Name sizes on a log axis, but not those too close to the one named before."""
    least = 0.1 * np.log(max(sizes) / min(sizes))
    names: list[str] = []
    last = -np.inf
    for place in np.log(sizes):
        named = place - last >= least
        names.append(str(sizes[len(names)]) if named else "")
        last = place if named else last
    return names


def _draw_map(axes: Axes, panel: DigitErrors, norm: LogNorm) -> AxesImage:
    image = axes.imshow(panel.mean, cmap="viridis", norm=norm, aspect="auto")
    sizes = panel.group.latent_sizes
    axes.set(xlabel="latent size d")
    rotation = 0 if len(sizes) <= ANNOTATED_SIZES else 90
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes], rotation=rotation)
    axes.set_yticks(range(len(NAMES)), NAMES)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (digit, column), value in np.ndenumerate(panel.mean):
        if len(sizes) <= ANNOTATED_SIZES and np.isfinite(value):
            ink = style.ink_on(image.cmap(norm(value)))
            text = f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
            axes.text(column, digit, text, color=ink, ha="center", va="center",
                      fontsize=style.TINY)  # fmt: skip
    return image


def _add_colour_bar(figure: Figure, image: AxesImage, maps: Sequence[Axes]) -> None:
    bar = figure.colorbar(image, ax=list(maps), label="test SSE per image", aspect=30, pad=0.02)
    style.plain_log_ticks(bar.ax.yaxis)
    bar.outline.set_visible(False)


def _add_legend(figure: Figure, in_a_row: int) -> None:
    handles = [
        Line2D([], [], color=colour, marker=".", label=name)
        for name, colour in zip(NAMES, COLOURS, strict=True)
    ]
    figure.legend(handles=handles, title="digit", loc="outside upper center", ncols=in_a_row,
                  columnspacing=1, handlelength=1.2)  # fmt: skip


def caption(data: ByDigit) -> str:
    """Say what is drawn, on how many images, from which runs."""
    several = len({run.config.seed for run in data.runs}) > 1
    over_seeds = "each averaged over the seeds, " if several else ""
    return (
        f"Sum of squared pixel errors of the {data.n_test:,} test images of {data.dataset}, "
        f"decoding the posterior mean (the code itself for the AE), {captions.seeds(data.runs)}: "
        f"mean of each digit and of all. Bars are 95% bootstrap intervals over the images, "
        f"{over_seeds}so they do not include the variation between trainings. Both axes are "
        "logarithmic, and the panels share the vertical one. Below, the same means as a map. "
        + captions.sources(data.runs)
    )
