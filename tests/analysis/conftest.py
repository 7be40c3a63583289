"""Small sweeps on disk, written through the real store: arrays are made up, files are not."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.stats import norm
from typer.testing import CliRunner, Result

from aevae.config import DataConfig, EvaluationConfig, ModelConfig, RunConfig, TrainConfig
from aevae.files.atomic import publish_text
from aevae.files.dataset import file_sha256, write_dataset
from aevae.files.fields import (
    MOST_PLANES,
    SCHEMA_VERSION,
    evaluation_fields,
    label_type,
    training_fields,
)
from aevae.files.hdf5 import Array
from aevae.files.layout import SweepPaths
from aevae.files.names import Translation
from aevae.files.schema import open_results
from analysis.cli import app
from analysis.measures.judges import judge
from analysis.measures.study import Study
from analysis.sweep.load import SweepResults, open_sweep

COUNTS = {"N_train": 60, "N_val": 40, "N_test": 100, "P": 20, "E": 3}
SMALL = EvaluationConfig(
    importance_samples=5,
    samples_per_sampler=30,
    grid_size=4,
    traversal_steps=3,
    interpolation_steps=3,
    outliers=("noise", "inverted"),
)
MNIST = DataConfig()
HIDDEN = (8, 6)  # not the article's: files stay small, and no two layers are alike
MakeConfig = Callable[..., RunConfig]
MakeData = Callable[..., DataConfig]
BuildSweep = Callable[..., Path]
Publish = Callable[..., None]


@pytest.fixture(scope="session", autouse=True)
def quickly_trained_judges() -> Iterator[None]:
    """Train judges of made-up images, of which nothing can be learnt, in few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "LEAST_STEPS", 1)
        yield


def _make_config(
    kind: str,
    latent_size: int,
    *,
    seed: int = 0,
    epochs: int = 3,
    data: DataConfig = MNIST,
    **model: object,
):
    return RunConfig(
        model=ModelConfig(kind=kind, latent_size=latent_size, **{"hidden_sizes": HIDDEN} | model),
        train=TrainConfig(epochs=epochs),
        data=data,
        seed=seed,
    )


def _make_data(
    image_shape: tuple[int, ...], class_names: Sequence[str] = (), noun: str = "class"
) -> DataConfig:
    return DataConfig(
        dataset="own-images",
        fingerprint="5" * 64,
        image_shape=image_shape,
        class_names=tuple(class_names),
        noun=noun,
    )


def _dataset_arrays(data: DataConfig) -> dict[str, Array]:
    rng = np.random.default_rng(1)
    arrays: dict[str, Array] = {}
    for split in ("train", "val", "test"):
        count = COUNTS[f"N_{split}"]
        if data.classes:
            # Every class is there if there are images enough, but not equally often.
            once = np.arange(min(data.classes, count))
            others = rng.integers(0, data.classes, count - len(once))
            labels = np.append(once, others).astype(label_type(data.classes))
            arrays[f"{split}/label"] = rng.permutation(labels)
        arrays[f"{split}/index"] = np.arange(count)
        shape = (count, *data.image_shape)
        arrays[f"{split}/image"] = rng.integers(0, 256, shape, dtype=np.uint8)
    return arrays


def _result_arrays(
    config: RunConfig, evaluation: EvaluationConfig, images: Array
) -> dict[str, Array]:
    """Random arrays of the declared shapes, made consistent where the analysis relies on it."""
    rng = np.random.default_rng(int(config.run_id[-8:], 16))
    arrays: dict[str, Array] = {}
    for field in [*training_fields(config), *evaluation_fields(config, evaluation)]:
        if field.dims is None:
            continue
        shape = [COUNTS[dim] if isinstance(dim, str) else dim for dim in field.dims]
        if np.dtype(field.dtype).kind == "f":
            arrays[field.path] = rng.gamma(5.0, size=shape).astype(field.dtype)
        else:
            arrays[field.path] = rng.integers(0, 10, shape).astype(field.dtype)
    arrays |= _weights(config, rng)
    arrays["interpolation/pair"] = np.arange(40, dtype="i4").reshape(20, 2)
    arrays["traversal/dim"] = rng.permutation(config.model.latent_size).astype("i4")
    decoded = rng.integers(0, 256, images.shape, dtype=np.uint8)
    arrays["test/reconstruction_at_mean"] = decoded
    squares = ((decoded / 255.0 - images / 255.0) ** 2).reshape(len(images), -1)
    errors = squares.sum(axis=1) / config.model.latent_size
    arrays["test/sse_at_mean"] = errors.astype("f4")
    for name in Translation(SCHEMA_VERSION, config.model.traits).samplers:
        # As in real files, the noise depends on the seed and not on the model.
        noise = np.random.default_rng(config.seed).normal(size=(30, config.model.latent_size))
        arrays[f"samples/{name}/z"] = noise.astype("f4")
        shape = (30, *config.data.image_shape)
        arrays[f"samples/{name}/image"] = rng.integers(0, 256, shape, dtype=np.uint8)
        if config.model.traits.conditional:
            labels = np.arange(30) % config.data.classes
            arrays[f"samples/{name}/label"] = labels.astype(label_type(config.data.classes))
    if config.model.latent_size == 2:
        _fill_grids(config, arrays)
    return arrays


def _weights(config: RunConfig, rng: np.random.Generator) -> dict[str, Array]:
    """Random parameters of every layer."""
    first, second = config.model.hidden_sizes
    d, traits = config.model.latent_size, config.model.traits
    labels, values = config.data.classes * traits.conditional, config.data.values
    layers = {
        "encoder.0": (first, values + labels),
        "encoder.2": (second, first),
        "mu": (d, second),
        "decoder.0": (second, d + labels),
        "decoder.2": (first, second),
        "output": (values, first),
    }
    if traits.variational:
        layers["logvar"] = layers["mu"]
    learnt = {"weights/log_sigma": np.array([-1.5], dtype="f4")} if traits.learns_variance else {}
    return learnt | {
        f"weights/{name}.{part}": rng.normal(size=size).astype("f4")
        for name, shape in layers.items()
        for part, size in (("weight", shape), ("bias", shape[:1]))
    }


def _fill_grids(config: RunConfig, arrays: dict[str, Array]) -> None:
    """Every image shows its place: brightness 10 * row + column, brighter in its top half."""
    first = {"quantile": norm.ppf(np.linspace(0.025, 0.975, 4)), "range": np.linspace(-30, 50, 4)}
    for name, z1 in first.items():
        z = np.stack(np.meshgrid(z1, z1 * 0.5), axis=-1).astype("f4")
        rows, columns = np.mgrid[:4, :4]
        shape = config.data.image_shape
        image = np.zeros((4, 4, *shape), dtype="u1")
        image += (10 * rows + columns).astype("u1").reshape(4, 4, *np.ones_like(shape))
        image[:, :, : shape[0] // 2] += 100
        planes = min(config.data.classes, MOST_PLANES)
        lead = (planes,) if config.model.traits.conditional else ()
        arrays[f"grid/{name}/z"] = np.broadcast_to(z, (*lead, *z.shape))
        arrays[f"grid/{name}/image"] = np.broadcast_to(image, (*lead, *image.shape))


def _build_sweep(
    publish: Publish,
    root: Path,
    configs: Sequence[RunConfig],
    evaluation: EvaluationConfig = SMALL,
) -> Path:
    paths = SweepPaths(root)
    root.mkdir(parents=True)
    settings = configs[0].data
    data = _dataset_arrays(settings)
    write_dataset(paths.dataset, data, settings, source="made up", sha256={"train": "0" * 64})
    for config in configs:
        run = paths.run(config.run_id)
        run.root.mkdir(parents=True)
        publish_text(run.config, config.canonical_json())
        arrays = _result_arrays(config, evaluation, data["test/image"])
        sha256 = file_sha256(paths.dataset)
        facts = {"training_seconds": 1.5, "host": "</td><script>"}
        publish(run, config, evaluation, arrays, facts, sha256)
    return root


def _flip_byte(path: Path, dataset: str) -> None:
    """Damage one bit in the middle of the stored chunk of a dataset."""
    with h5py.File(path) as file:
        chunk = file[dataset].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="session")
def make_config() -> MakeConfig:
    """Make a small configuration: kind, latent size, seed, epochs, data, model settings."""
    return _make_config


@pytest.fixture(scope="session")
def make_data() -> MakeData:
    """Make the settings of a dataset: shape of the images, names of the classes, noun."""
    return _make_data


@pytest.fixture(scope="session")
def build_sweep(publish: Publish) -> BuildSweep:
    """Write a sweep folder with finished runs of some configurations."""
    return partial(_build_sweep, publish)


@pytest.fixture(scope="session")
def flip_byte() -> Callable[[Path, str], None]:
    """Damage a stored dataset."""
    return _flip_byte


def _rewrite_results(
    publish: Publish, root: Path, change: Callable[[dict[str, Array]], None]
) -> None:
    """Publish the only run of a sweep again, with its arrays changed."""
    (paths,) = SweepPaths(root).planned()
    with open_results(paths) as results:
        arrays = {name: results.array(name) for name in results.all_names()}
    change(arrays)
    facts = results.provenance, results.dataset_sha256
    publish(paths, results.config, results.evaluation, arrays, *facts)


@pytest.fixture(scope="session")
def rewrite_results(
    publish: Publish,
) -> Callable[[Path, Callable[[dict[str, Array]], None]], None]:
    """Change the stored arrays of a sweep of one run."""
    return partial(_rewrite_results, publish)


@pytest.fixture(scope="session")
def complete_dir(tmp_path_factory: pytest.TempPathFactory, build_sweep: BuildSweep) -> Path:
    """A sweep whose six runs (three models, d = 2 and 20) are done. Not to be changed."""
    configs = [_make_config(kind, d) for kind in ("ae", "vae", "cvae") for d in (2, 20)]
    return build_sweep(tmp_path_factory.mktemp("sweep") / "weird folder %ü", configs)


@pytest.fixture(scope="session")
def complete(complete_dir: Path) -> SweepResults:
    """The same, opened."""
    return open_sweep(complete_dir)


@pytest.fixture(scope="session")
def study(complete: SweepResults) -> Study:
    """A study of it, which remembers what tests have computed."""
    return Study(complete)


@pytest.fixture
def sweep_dir(complete_dir: Path, tmp_path: Path) -> Path:
    """A copy of the complete sweep that a test may damage."""
    return Path(shutil.copytree(complete_dir, tmp_path / "my swéep %d"))


@pytest.fixture
def stored(complete_dir: Path) -> Callable[[str], AbstractContextManager[h5py.File]]:
    """Open both files of a run with h5py alone, for computations independent of the analysis."""

    def open_raw(start: str) -> h5py.File:
        (folder,) = complete_dir.glob(f"runs/{start}*")
        both = h5py.File.in_memory()
        for name in ("trained.h5", "evaluation.h5"):
            with h5py.File(folder / name, locking=False) as file:
                for group in file:
                    file.copy(group, both)
        return both

    return open_raw


@pytest.fixture
def test_labels(complete_dir: Path) -> Array:
    """Labels of the test images, read with h5py alone."""
    with h5py.File(complete_dir / "dataset.h5", locking=False) as file:
        return file["test/label"][()]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call `aevae-analysis` in this process."""
    monkeypatch.setenv("NO_COLOR", "1")

    def invoke(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return invoke
