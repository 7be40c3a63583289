"""What each latent dimension does to an image: one varied, the others kept."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from aevae.files import names
from aevae.files.schema import Results
from analysis.figures.parts import style, tiles
from analysis.figures.parts.blocks import block_figure
from analysis.figures.recipe import FigureRecipe
from analysis.maths.posterior import INFORMATIVE_KL, dead_units, kl_per_dimension
from analysis.measures.study import Study
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.groups import TITLES, representatives
from analysis.sweep.load import Run
from analysis.write import prose

MOST = 10  # dimensions shown of each model
BELOW_INCHES = 0.25


@dataclass(frozen=True)
class Traversals:
    """What the figure shows, by model.

    Parameters
    ----------
    images
        Shape (D, S, H, W[, 3]) in [0, 1], for every model the same; NaN in the lines that a model
        with fewer dimensions in use leaves empty.
    dimensions
        Those of the other lines.
    in_use
        How many dimensions are in use.
    """

    runs: list[Run]
    images: Mapping[str, style.Image]
    dimensions: Mapping[str, list[int]]
    in_use: Mapping[str, int]
    dataset: StoredDataset


def gather(study: Study) -> Traversals:
    """Read the most informative dimensions of one run per model, as far as they are in use."""
    runs = representatives(study.sweep.runs)
    images, dimensions, in_use = {}, {}, {}
    for run in runs:
        with study.sweep.open(run) as results:
            used = _used(results)
            in_use[run.model] = int(used.sum())
            dims = results.array(names.traversal(names.DIM))[:MOST]
            stored = results.array(names.traversal(names.IMAGE))[:MOST]
        images[run.model] = tiles.intensities(stored, study.data.image_shape)
        images[run.model][~used[dims]] = np.nan
        dimensions[run.model] = dims[used[dims]].tolist()
    most = max(1, *map(len, dimensions.values()))
    shown = {model: lines[:most] for model, lines in images.items()}
    return Traversals(runs, shown, dimensions, in_use, study.data)


def _used(results: Results) -> NDArray[np.bool_]:
    """Tell which dimensions carry information, (d,); an image does not change with the others.

    As in the stored order of the lines, the KL is that of the validation images, and the codes of
    an AE are those of the images that it was trained on.
    """
    if not results.config.model.traits.variational:
        codes = results.array(names.of_split("train", names.MU))[results.config.data.trained_rows]
        return ~dead_units(codes)
    mu, logvar = (results.array(names.of_split("val", n)) for n in (names.MU, names.LOGVAR))
    return kl_per_dimension(mu, logvar) > INFORMATIVE_KL


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
    shown = [
        f"{prose.listed(dims) or 'none'} ({TITLES[model]})"
        for model, dims in data.dimensions.items()
    ]
    told = prose.conditional(data.runs)
    label = f", and the label that the {prose.listed(told)} is told," if told else ""
    orders = ["by mean KL"] if prose.variational(data.runs) else []
    orders += [f"by variance for the {title}" for title in prose.deterministic(data.runs)]
    return (
        f"One latent dimension of {size} varied per line, from three standard deviations of the "
        f"training codes below their mean to three above, {data.dataset.title}, of one training "
        f"per model ({prose.seeds(data.runs)}). The other dimensions{label} "
        "are those of the first test image. The most informative dimension stands on top: "
        f"{', '.join(orders)}. At most {MOST} are shown, and only dimensions in use: "
        f"{_meaning_of_use(data)}. Dimensions shown, counted from 0: {'; '.join(shown)}."
    )


def _meaning_of_use(data: Traversals) -> str:
    """Say which dimensions are in use, and how many of each model."""
    rules = [f"with a KL above {INFORMATIVE_KL:g} nats"] if prose.variational(data.runs) else []
    rules += [f"for the {title}, not 0 for every image" for title in prose.deterministic(data.runs)]
    counts = [f"{count} ({TITLES[model]})" for model, count in data.in_use.items()]
    return f"those {'; '.join(rules)}. They are {prose.listed(counts)}"


FIGURE = FigureRecipe("traversals", gather, draw, caption)
