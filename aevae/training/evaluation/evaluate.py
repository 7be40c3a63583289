"""The evaluation of a trained model, as arrays for ``evaluation.h5``.

`evaluate` computes the datasets that `aevae.files.fields` declares. Errors are computed before
images are rounded to uint8. A conditional model gets the true class of an image that it encodes,
and the requested class of an image that it generates.
"""

from pathlib import Path

import torch

from aevae.config import EvaluationConfig, RunConfig
from aevae.data.sources import Dataset
from aevae.files import names
from aevae.models.networks import Autoencoder
from aevae.models.samplers import Codes
from aevae.training.evaluation.codes import split_arrays, training_posteriors
from aevae.training.evaluation.evaluator import Arrays, Evaluator
from aevae.training.evaluation.importance import importance_bound
from aevae.training.evaluation.outliers import outlier_errors
from aevae.training.evaluation.planes import grids, interpolations, traversal
from aevae.training.evaluation.samples import samples
from aevae.training.loop import DeviceImages


@torch.no_grad()
def evaluate(
    config: RunConfig,
    evaluation: EvaluationConfig,
    model: Autoencoder,
    dataset: Dataset,
    train_data: DeviceImages,
    data_dir: Path,
) -> Arrays:
    """Compute all datasets of ``evaluation.h5``.

    Parameters
    ----------
    config, evaluation
        Settings of the run and of its evaluation.
    model
        The trained model, on the device of `train_data`.
    dataset
        The images of all splits.
    train_data
        All training images, also those that the run was not trained on. They are already on the
        device.
    data_dir
        Data folder, from which outlier datasets are read.

    Returns
    -------
    dict
        Arrays by path, as declared in `aevae.files.fields.evaluation_fields`.
    """
    device = train_data.images.device
    run = Evaluator(config, evaluation, model, device)
    val_data = DeviceImages.of(dataset.val, config.data.classes, device)
    test_data = DeviceImages.of(dataset.test, config.data.classes, device)
    test_mu = names.of_split("test", names.MU)
    arrays = training_posteriors(run, train_data)
    arrays |= split_arrays(run, val_data, "val")
    arrays |= split_arrays(run, test_data, "test")
    if run.variational:
        arrays |= importance_bound(run, test_data)
    codes = _trained_codes(config, arrays, dataset)
    arrays |= samples(run, codes)
    if config.model.latent_size == 2:
        arrays |= grids(run, arrays[test_mu])
    arrays |= traversal(run, arrays, codes.mu, dataset.test.labels[0])
    arrays |= interpolations(run, arrays[test_mu], dataset.test.labels)
    arrays |= outlier_errors(run, dataset, data_dir)
    return arrays


def _trained_codes(config: RunConfig, arrays: Arrays, dataset: Dataset) -> Codes:
    """Take the posteriors of those training images that the run was trained on."""
    rows = config.data.trained_rows
    logvar = arrays.get(names.of_split("train", names.LOGVAR))
    labels = dataset.train.labels if config.model.traits.conditional else None
    return Codes(
        arrays[names.of_split("train", names.MU)][rows],
        None if logvar is None else logvar[rows],
        None if labels is None else labels[rows],
    )
