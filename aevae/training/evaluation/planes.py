"""Decoded codes on planes and along lines: grids, traversals, interpolations."""

from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aevae.files import names
from aevae.files.fields import MOST_PAIRS, MOST_PLANES
from aevae.files.hdf5 import Array
from aevae.models.losses import kl_per_dimension
from aevae.models.posterior import Posterior
from aevae.training.evaluation.evaluator import Arrays, Evaluator

GRID_TAIL = 0.025
TRAVERSAL_SIGMAS = 3.0


def grids(run: Evaluator, test_mu: Array) -> Arrays:
    """Return planes of codes, with their decoded images, of a model with two latents.

    z2 grows with the row, z1 with the column. ``quantile`` has equal steps of probability under the
    prior, ``range`` equal steps over the range of the test codes. A conditional model has a plane
    for each class, at most `MOST_PLANES`.
    """
    size = run.evaluation.grid_size
    probabilities = np.linspace(GRID_TAIL, 1 - GRID_TAIL, size)
    quantiles = np.array([NormalDist().inv_cdf(p) for p in probabilities])
    low, high = test_mu.min(axis=0), test_mu.max(axis=0)
    axes = {
        "quantile": (quantiles, quantiles),
        "range": (np.linspace(low[0], high[0], size), np.linspace(low[1], high[1], size)),
    }
    arrays: Arrays = {}
    for name, (first, second) in axes.items():
        plane = np.stack(np.meshgrid(first, second), axis=-1).astype(np.float32)
        if run.config.model.traits.conditional:
            planes = min(run.classes, MOST_PLANES)
            plane = np.repeat(plane[None], planes, axis=0)
            labels = np.broadcast_to(np.arange(planes)[:, None, None], plane.shape[:-1])
        else:
            labels = np.zeros(plane.shape[:-1], dtype=np.int64)
        arrays[names.grid(name, names.Z)] = plane
        arrays[names.grid(name, names.IMAGE)] = run.decode(plane, np.ascontiguousarray(labels))
    return arrays


def traversal(run: Evaluator, arrays: Arrays, codes: Array, label: int) -> Arrays:
    """Vary one dimension at a time around the code of the first test image.

    Each row varies one dimension by up to three standard deviations of `codes`, those of the images
    that the run was trained on, about their mean. Rows are ordered by the mean KL of their
    dimension over the validation images (for the AE, by the variance of `codes`), largest first.
    """
    anchor = arrays[names.of_split("test", names.MU)][0]
    if run.variational:
        posterior = Posterior(
            torch.from_numpy(arrays[names.of_split("val", names.MU)]),
            torch.from_numpy(arrays[names.of_split("val", names.LOGVAR)]),
        )
        information = kl_per_dimension(posterior).mean(dim=0).numpy()
    else:
        information = codes.var(axis=0)
    dims = np.argsort(-information, kind="stable").astype(np.int32)
    steps = np.linspace(-1, 1, run.evaluation.traversal_steps) * TRAVERSAL_SIGMAS
    z = np.tile(anchor, (len(dims), len(steps), 1)).astype(np.float32)
    for row, dim in enumerate(dims):
        z[row, :, dim] = codes[:, dim].mean() + steps * codes[:, dim].std()
    labels = np.full(z.shape[:-1], label, dtype=np.int64)
    return {
        names.traversal(names.Z): z,
        names.traversal(names.IMAGE): run.decode(z, labels),
        names.traversal(names.DIM): dims,
    }


def interpolations(run: Evaluator, test_mu: Array, labels: Array) -> Arrays:
    """Return straight lines between the codes of test images, with their decoded images.

    One-hot labels are interpolated like the codes. `choose_pairs` chooses the images.
    """
    pairs = choose_pairs(labels)
    share = np.linspace(0, 1, run.evaluation.interpolation_steps)[None, :, None]
    start, end = pairs[:, 0], pairs[:, 1]

    def line(values: Array) -> NDArray[np.float32]:
        mixed: NDArray[Any] = (1 - share) * values[start, None] + share * values[end, None]
        return mixed.astype(np.float32)

    z = line(test_mu)
    weights = line(np.eye(run.classes)[labels])
    return {
        names.interpolation(names.Z): z,
        names.interpolation(names.IMAGE): run.decode(z, weights),
        names.interpolation(names.PAIR): pairs,
    }


def choose_pairs(labels: Array) -> NDArray[np.int32]:
    """Choose pairs of test images for interpolations; return their rows, (P, 2).

    At most ten classes are used, evenly spaced among all classes with two or more images. The first
    image of each is paired with the second image of its class, and with the first image of the next
    class. If there are fewer than two such classes, the first images form a ring of pairs.
    """
    rows = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    enough = [row for row in rows if len(row) >= 2]
    if len(enough) < 2:
        images = (enough[0] if enough else np.arange(len(labels)))[:MOST_PAIRS]
        return np.stack([images, np.roll(images, -1)], axis=1).astype(np.int32)
    most = MOST_PAIRS // 2
    spaced = np.linspace(0, len(enough) - 1, min(most, len(enough))).astype(np.intp)
    chosen = [enough[at] for at in spaced]
    within = [(row[0], row[1]) for row in chosen]
    across = [(row[0], following[0]) for row, following in pairwise([*chosen, chosen[0]])]
    return np.array(within + across, dtype=np.int32)
