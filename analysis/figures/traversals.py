"""What each latent dimension does to an image: one varied, the others kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from aevae.files import names
from analysis.figures.parts import style, tiles
from analysis.figures.parts.blocks import block_figure
from analysis.figures.recipe import FigureRecipe
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import Run
from analysis.write import prose

MOST = 10  # dimensions shown of each model
BELOW_INCHES = 0.25


@dataclass(frozen=True)
class Traversals:
    """What the figure shows, by model: images (D, S, H, W[, 3]) in [0, 1], dimensions (D,)."""

    runs: list[Run]
    images: Mapping[str, style.Image]
    dimensions: Mapping[str, list[int]]
    dataset: StoredDataset


def gather(study: Study) -> Traversals:
    """Read the most informative dimensions of one run per model."""
    runs = representatives(study.sweep.runs)
    images, dimensions = {}, {}
    for run in runs:
        with study.sweep.open(run) as results:
            stored = results.array(names.traversal(names.IMAGE))[:MOST]
            images[run.model] = tiles.intensities(stored, study.data.image_shape)
            dimensions[run.model] = results.array(names.traversal(names.DIM))[:MOST].tolist()
    return Traversals(runs, images, dimensions, study.data)


@style.styled()
def draw(data: Traversals) -> Figure:
    """Draw a block per model and a line per dimension, the most informative on top."""
    rows, steps = data.images[data.runs[0].model].shape[:2]
    figure, (blocks,) = block_figure(
        [rows],
        [TITLES[run.model] for run in data.runs],
        data.dataset.image_shape,
        columns=steps,
        below=BELOW_INCHES,
    )
    for run, axes in zip(data.runs, blocks, strict=True):
        tiles.show_strip(axes, data.images[run.model], "")
        axes.set_xticks(axes.get_xlim(), ["\N{MINUS SIGN}3 sd", "+3 sd"])
        axes.tick_params(axis="x", length=0, pad=2)
        tiles.tuck_in_labels(axes)
    tiles.label_lines(blocks[0], [str(rank + 1) for rank in range(rows)])
    blocks[0].set_ylabel("rank of the dimension", rotation=90, ha="center", va="bottom")
    return figure


def caption(data: Traversals) -> str:
    """Say what varies and what does not, and which dimensions are shown."""
    size = data.runs[0].latent_size
    shown = [f"{prose.listed(dims)} ({TITLES[model]})" for model, dims in data.dimensions.items()]
    told = prose.conditional(data.runs)
    label = f", and the label that the {prose.listed(told)} is told," if told else ""
    orders = ["by mean KL"] if prose.variational(data.runs) else []
    orders += [f"by variance for the {title}" for title in prose.deterministic(data.runs)]
    return (
        f"One latent dimension of {size} varied per line, from three standard deviations of the "
        f"training codes below their mean to three above, {data.dataset.title}, "
        f"{prose.seeds(data.runs)}. The other dimensions{label} "
        "are those of the first test image. The most informative dimension stands on top: "
        f"{', '.join(orders)}. Dimensions shown, counted from 0: "
        f"{'; '.join(shown)}."
    )


FIGURE = FigureRecipe("traversals", gather, draw, caption)
