"""What is where in a decoded plane of two latents: regions, borders of classes, shared style."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aevae.files import names
from aevae.files.hdf5 import Array
from analysis.maths import borders, strokes
from analysis.maths.boxes import dense_and_sparse_box
from analysis.maths.decoder import decode
from analysis.maths.metrics import Floats
from analysis.measures.judges.panel import Sight, find_judges
from analysis.measures.linear import reconstructed
from analysis.measures.pca import fit_pca, intensities
from analysis.measures.quality import SURE
from analysis.measures.study import Study, kept_for_commands, once_per_study
from analysis.sweep.load import MissingIngredient, Run

SIDE = 10  # decoded images along each side of a box
PATCH = 2  # images along each side of a patch, whose images resemble each other


@dataclass(frozen=True, eq=False)
class Box:
    """A rectangle of codes, what is decoded in it, and how many test codes it holds.

    `low` and `high` have shape (2,). `z` (SIDE, SIDE, 2) are the centres of equal cells, rows
    upwards; `images` (SIDE, SIDE, H, W[, 3]), intensities, are decoded there.
    """

    low: Floats
    high: Floats
    z: Floats
    images: Array
    count: int


@dataclass(frozen=True, eq=False)
class Regions:
    """The densest and the sparsest square of a plane of codes, decoded.

    `codes` are how many test images' codes they hold, (2,); `recognised` is the share of the images
    of each patch of theirs that each judge recognises, (J, P, 2). The first is the densest.
    """

    codes: tuple[int, int]
    recognised: Floats


@once_per_study
@kept_for_commands
def boxes_of(study: Study, run: Run) -> tuple[Box, Box]:
    """Decode the densest and the sparsest square of the plane of an unconditional model's codes.

    Raises
    ------
    MissingIngredient
        The codes are in a line.
    """
    with study.sweep.open(run) as results:
        codes = results.array(names.of_split("test", names.MU)).astype(np.float64)
        weights = results.weights()
    if not np.ptp(codes, axis=0).all():
        raise MissingIngredient(f"{run.run_id}: the codes are in a line, a latent is dead")
    corners = dense_and_sparse_box(codes)
    lattices = [_lattice(box) for box in corners]
    dense, sparse = (
        Box(low, high, z, decode(run.config, weights, z), count)
        for (low, high), z, count in zip(corners, lattices, _held(codes, corners), strict=True)
    )
    return dense, sparse


@once_per_study
def regions_of(study: Study, run: Run) -> Regions:
    """Look at the two squares of `boxes_of`.

    Raises
    ------
    MissingIngredient
        There are no judges, or the codes are in a line.
    """
    boxes = boxes_of(study, run)
    dense, sparse = ((box.images * 255).round().astype(np.uint8) for box in boxes)
    return _regions(study, (boxes[0].count, boxes[1].count), [dense, sparse])


@once_per_study
def regions_of_pca(study: Study) -> Regions:
    """Look at the same squares of the plane of the first two principal components."""
    scores = fit_pca(study).transform(intensities(study.sweep.images("test")))
    codes = scores[:, :2].astype(np.float64)
    boxes = dense_and_sparse_box(codes)
    images = [reconstructed(study, _lattice(box).reshape(-1, 2)) for box in boxes]
    return _regions(study, _held(codes, boxes), images)


def _lattice(box: Floats) -> Floats:
    """Return the centres of equal cells of a box (2, 2), shape (SIDE, SIDE, 2)."""
    low, high = box
    first, second = (low + (high - low) * (np.arange(SIDE)[:, None] + 0.5) / SIDE).T
    return np.stack(np.meshgrid(first, second), axis=-1)


def _held(codes: Floats, boxes: tuple[Floats, Floats]) -> tuple[int, int]:
    """Count the codes in each of two boxes."""
    dense, sparse = (
        int(((codes >= low) & (codes <= high)).all(axis=1).sum()) for low, high in boxes
    )
    return dense, sparse


def _regions(study: Study, held: tuple[int, int], images: list[NDArray[np.uint8]]) -> Regions:
    judges, shape = find_judges(study), study.data.image_shape
    patches = []
    for box in images:
        clear = Sight.of(judges, box.reshape(-1, *shape)).surer_than(SURE)
        side = SIDE // PATCH
        grid = clear.reshape(len(clear), side, PATCH, side, PATCH)
        patches.append(grid.mean(axis=(2, 4)).reshape(len(clear), -1))
    return Regions(held, np.stack(patches, axis=-1))


@once_per_study
def classes_on_grid(study: Study, run: Run) -> NDArray[np.integer]:
    """Return the class that each judge sees at each place of the stored grid, (J, R, C).

    The grid is that at the quantiles of N(0, I), of a model that is told no class.
    """
    with study.sweep.open(run) as results:
        images = results.array(names.grid("quantile", names.IMAGE))
    rows, columns = images.shape[:2]
    seen = Sight.of(find_judges(study), images.reshape(-1, *study.data.image_shape))
    return np.asarray(seen.classes.reshape(-1, rows, columns))


def borders_of(study: Study, classes: NDArray[np.integer]) -> Floats:
    """Return the borders between classes, the mean over judges, (K, K); see `maths.borders`."""
    each = [borders.border_lengths(grid, study.data.classes) for grid in classes]
    return np.asarray(np.mean(each, axis=0))


@once_per_study
@kept_for_commands
def styles_on_grid(study: Study, run: Run) -> Floats:
    """Measure the style at each place of the stored grid of a conditional model, (C, R, C', 4).

    The same z stand at the same place for every label; see `analysis.maths.strokes`.
    """
    with study.sweep.open(run) as results:
        images: Array = results.array(names.grid("quantile", names.IMAGE))
    grey = images / 255.0
    if len(study.data.image_shape) == 3:
        grey = grey.mean(axis=-1)
    return strokes.style_of(grey)


def turned(styles: Floats) -> Floats:
    """Turn the plane of each label by another number of quarter turns: a control.

    The planes stay as smooth as they are, but the same place is another z for every label.
    """
    return np.stack([np.rot90(plane, label) for label, plane in enumerate(styles)])


def shared_parts(styles: Floats) -> Floats:
    """Return how far each feature is shared by the labels, (4,), from styles (C, R, C', 4)."""
    flat = styles.reshape(len(styles), -1, styles.shape[-1])
    return np.array([strokes.shared_part(flat[..., k]) for k in range(flat.shape[-1])])
