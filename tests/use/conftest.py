"""A small sweep on disk whose networks have random weights: nothing is trained."""

from collections.abc import Callable

import numpy as np
import pytest

from aevae.config import DataConfig, EvaluationConfig, ModelConfig, RunConfig, TrainConfig
from aevae.files.dataset import write_dataset
from aevae.files.fields import evaluation_fields, training_fields
from aevae.files.layout import RunPaths, SweepPaths
from aevae.models.networks import build_model

SIZES = {"N_train": 40, "N_val": 99, "N_test": 100, "P": 20, "E": 1}
DATA = DataConfig(
    dataset="cells",
    fingerprint="5" * 64,
    image_shape=(5, 4),
    class_names=("round", "long", "7"),
    noun="cell",
)
LABELS = {split: np.arange(SIZES[f"N_{split}"]) % 3 for split in ("train", "val", "test")}
EVALUATION = EvaluationConfig(samples_per_sampler=10, grid_size=2, outliers=())


@pytest.fixture
def add_run(weird, publish) -> Callable[..., RunPaths]:
    """A function that adds a run of a kind to a sweep; it returns the paths of the run."""

    def add(kind="vae", *, evaluated=True, loss=1.0, seed=0, data=DATA, **model):
        settings = {"hidden_sizes": [16, 12], "latent_size": 3, **model}
        config = RunConfig(
            model=ModelConfig(kind=kind, **settings),
            train=TrainConfig(epochs=1),
            data=data,
            seed=seed,
        )
        rng = np.random.default_rng(seed)
        arrays = {}
        for field in [*training_fields(config), *evaluation_fields(config, EVALUATION)]:
            if field.dims is not None:
                shape = [SIZES[dim] if isinstance(dim, str) else dim for dim in field.dims]
                arrays[field.path] = rng.random(shape).astype(field.dtype)
        network = build_model(config, seed)
        arrays |= {f"weights/{n}": value.numpy() for n, value in network.state_dict().items()}
        if kind == "sigma-vae":
            arrays["weights/log_sigma"] = np.array([np.log(0.2)], "f4")
        arrays["history/val/loss"][:] = loss
        # Validation images with the losses 1, 2, ..., 99.
        arrays["val/sse_at_mean"] = np.arange(1, 100, dtype="f4")
        if "val/kl" in arrays:
            arrays["val/kl"][:] = 0
        arrays["train/mu"][LABELS["train"] == 1] += 5
        paths = SweepPaths(weird).run(config.run_id)
        paths.root.mkdir(parents=True)
        paths.config.write_text(config.canonical_json())
        publish(paths, config, EVALUATION, arrays, {}, "")
        if not evaluated:
            paths.evaluation.unlink()
        return paths

    return add


@pytest.fixture
def images() -> np.ndarray:
    """Images of the shape that the models take."""
    return np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)


@pytest.fixture
def add_dataset(weird) -> Callable[..., None]:
    """A function that adds the dataset to the sweep."""

    def add(data=DATA):
        rng = np.random.default_rng(0)
        arrays = {}
        for split, labels in LABELS.items():
            shape = (len(labels), *data.image_shape)
            arrays[f"{split}/label"] = labels.astype("u1")
            arrays[f"{split}/index"] = np.arange(len(labels))
            arrays[f"{split}/image"] = rng.integers(0, 256, shape, dtype=np.uint8)
        write_dataset(SweepPaths(weird).dataset, arrays, data, source="made up", sha256={})

    return add
