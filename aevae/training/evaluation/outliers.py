"""Errors and KL divergences of outliers: images unlike those of the dataset."""

from pathlib import Path

import numpy as np

from aevae.data.outliers import make_outliers
from aevae.data.sources import Dataset, Split
from aevae.files import names
from aevae.models.losses import kl_divergence, sse
from aevae.training.evaluation.evaluator import Arrays, Evaluator, join
from aevae.training.loop import DeviceImages


def outlier_errors(run: Evaluator, dataset: Dataset, data_dir: Path) -> Arrays:
    """Return the SSE and, if the model is variational, the KL of every outlier, by dataset."""
    arrays: Arrays = {}
    for name in run.evaluation.outliers:
        images, labels = make_outliers(name, dataset.test, data_dir)
        # Another dataset may have more classes than a conditional model, so labels wrap around.
        split = Split(images, labels % run.classes, np.arange(len(images)))
        data = DeviceImages.of(split, run.classes, run.device)
        errors, divergences = [], []
        for x, y in run.batches(data, name):
            posterior = run.model.encode(x, y)
            errors.append(sse(run.model.decode(posterior.mu, y), x))
            divergences.append(kl_divergence(posterior))
        arrays[names.of_outliers(name, names.SSE_AT_MEAN)] = join(errors)
        if run.variational:
            arrays[names.of_outliers(name, names.KL)] = join(divergences)
    return arrays
