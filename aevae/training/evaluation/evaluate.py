"""Everything that needs the trained model, as arrays for the results file.

`evaluate` fills the schema of `aevae.files.schema`; images are rounded to uint8 only after the
errors are computed. A conditional model is told the true label of an image, or the requested digit.
"""

from pathlib import Path

import torch

from aevae.config import RunConfig
from aevae.data.sources import Dataset
from aevae.models.networks import Autoencoder
from aevae.training.evaluation.codes import log_weights, posterior_means, split_arrays
from aevae.training.evaluation.evaluator import Arrays, Evaluator
from aevae.training.evaluation.outliers import outlier_errors
from aevae.training.evaluation.planes import grids, interpolations, traversal
from aevae.training.evaluation.samples import samples
from aevae.training.loop import DeviceImages


@torch.no_grad()
def evaluate(
    config: RunConfig,
    model: Autoencoder,
    dataset: Dataset,
    train_data: DeviceImages,
    data_dir: Path,
) -> Arrays:
    """Compute all datasets of the results file except history and weights.

    Parameters
    ----------
    config, model
        The run and its trained model, on the device of `train_data`.
    dataset
        All splits.
    train_data
        The training split as it already lives on the device.
    data_dir
        Where outlier datasets are staged.

    Returns
    -------
    dict
        Arrays by path, as declared in `aevae.files.schema.result_fields`.
    """
    device = train_data.images.device
    run = Evaluator(config, model, device)
    val_data = DeviceImages.of(dataset.val.images, dataset.val.labels, device)
    test_data = DeviceImages.of(dataset.test.images, dataset.test.labels, device)
    arrays: Arrays = {"train/mu": posterior_means(run, train_data, "train")}
    arrays |= split_arrays(run, val_data, "val")
    arrays |= split_arrays(run, test_data, "test")
    if run.variational:
        arrays["test/log_weights"] = log_weights(run, test_data)
    arrays |= samples(run, arrays["train/mu"])
    if config.model.latent_size == 2:
        arrays |= grids(run, arrays["test/mu"])
    arrays |= traversal(run, arrays, dataset.test.labels[0])
    arrays |= interpolations(run, arrays["test/mu"], dataset.test.labels)
    arrays |= outlier_errors(run, dataset, data_dir)
    return arrays


def weight_arrays(model: Autoencoder) -> Arrays:
    """Trained parameters as arrays for the results file, bit for bit."""
    return {f"weights/{name}": value.cpu().numpy() for name, value in model.state_dict().items()}
