"""Codes along lines and over planes, decoded: grids, traversals, interpolations."""

from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aevae.files import names
from aevae.files.fields import INTERPOLATION_PAIRS
from aevae.files.hdf5 import Array
from aevae.models.losses import kl_per_dimension
from aevae.models.networks import CLASSES, Posterior
from aevae.training.evaluation.evaluator import Arrays, Evaluator

GRID_TAIL = 0.025
TRAVERSAL_SIGMAS = 3.0


def grids(run: Evaluator, test_mu: Array) -> Arrays:
    """Planes of codes (rows: z2 upwards, columns: z1), decoded; ten planes if conditional."""
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
        if run.config.model.kind == "cvae":
            plane = np.repeat(plane[None], CLASSES, axis=0)
            labels = np.broadcast_to(np.arange(CLASSES)[:, None, None], plane.shape[:-1])
        else:
            labels = np.zeros(plane.shape[:-1], dtype=np.int64)
        arrays[names.grid(name, names.Z)] = plane
        arrays[names.grid(name, names.IMAGE)] = run.decode(plane, np.ascontiguousarray(labels))
    return arrays


def traversal(run: Evaluator, arrays: Arrays, label: int) -> Arrays:
    """Vary one dimension at a time around the code of the first test image.

    Each row spans three standard deviations of the training codes about their mean. Order: mean
    KL per dimension, or the codes' variance for the autoencoder, largest first.
    """
    codes, anchor = (
        arrays[names.of_split("train", names.MU)],
        arrays[names.of_split("test", names.MU)][0],
    )
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
    """Straight lines between the codes of test images; the label weights move along too.

    Ten pairs within a digit, then ten from each digit to the next.
    """
    rows = [np.flatnonzero(labels == digit) for digit in range(CLASSES)]
    within = [(r[0], r[1]) for r in rows]
    across = [(rows[digit][0], rows[(digit + 1) % CLASSES][0]) for digit in range(CLASSES)]
    pairs = np.array(within + across, dtype=np.int32)
    assert len(pairs) == INTERPOLATION_PAIRS
    share = np.linspace(0, 1, run.evaluation.interpolation_steps)[None, :, None]
    start, end = pairs[:, 0], pairs[:, 1]

    def line(values: Array) -> NDArray[np.float32]:
        mixed: NDArray[Any] = (1 - share) * values[start, None] + share * values[end, None]
        return mixed.astype(np.float32)

    z = line(test_mu)
    weights = line(np.eye(CLASSES)[labels])
    return {
        names.interpolation(names.Z): z,
        names.interpolation(names.IMAGE): run.decode(z, weights),
        names.interpolation(names.PAIR): pairs,
    }
