"""Fixtures for all tests: small real runs on real digits, in folders with difficult names."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from aevae.config import DataConfig, EvaluationConfig, ModelConfig, RunConfig, TrainConfig
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.schema import check_training, write_evaluation, write_training

# With these settings a run takes about a second, but it still computes every dataset.
SMALL_EVALUATION = {
    "importance_samples": 2,
    "samples_per_sampler": 10,
    "mixture_components": 2,
    "grid_size": 3,
    "traversal_steps": 3,
    "interpolation_steps": 3,
}

# On a busy machine any example of a property test may take long, so there is no time limit.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

os.environ["AEVAE_CACHE_DIR"] = ""  # no test may find what another has computed
UNCHANGED = dict(os.environ)  # the environment before the first test
PLAIN = {"LANG": "C", "LC_ALL": "C", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}

Finished = subprocess.CompletedProcess[str]


class ByFile(LoadFileScheduling):
    """Gives each test file to one worker of pytest-xdist, and tests/slurm in halves to two.

    Each worker has its own SLURM for the tests in tests/slurm, which mostly wait for it. Two halves
    of about the same length take half the time of one, and two workers are enough for them.
    """

    def _split_scope(self, nodeid: str) -> str:
        if not nodeid.startswith("tests/slurm/"):
            return super()._split_scope(nodeid)
        name = nodeid.partition("::")[0].removeprefix("tests/slurm/test_")
        first_half = ("cgroups.py", "interruptions.py", "onehost.py", "sbatch.py")
        return f"cluster {1 if name in first_half else 2}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    return ByFile(config, log)


SPEC = f"""
name = "tiny"
models = ["ae", "vae"]
latent_sizes = [2]

[model]
hidden_sizes = [32]

[data]
dataset = "digits"

[train]
epochs = 2
batch_size = 256

[execution]
checkpoint_seconds = 0

[evaluation]
{"".join(f"{key} = {value}{os.linesep}" for key, value in SMALL_EVALUATION.items())}
"""


@pytest.fixture
def weird(tmp_path: Path) -> Path:
    """An empty folder whose name has characters that are easily mishandled."""
    path = tmp_path / "spaces, ünïcode & 100 % 'quoted'"
    path.mkdir()
    return path


@pytest.fixture
def tiny_config() -> Callable[..., RunConfig]:
    """A function that returns the configuration of a small run; `model` has model settings."""

    def make(kind="vae", latent_size=2, *, epochs=2, seed=0, learning_rate=1e-3, **model):
        settings = {"hidden_sizes": [32], **model}
        return RunConfig(
            model=ModelConfig(kind=kind, latent_size=latent_size, **settings),
            train=TrainConfig(epochs=epochs, batch_size=256, learning_rate=learning_rate),
            data=DataConfig(dataset="digits"),
            seed=seed,
        )

    return make


@pytest.fixture
def small_evaluation() -> EvaluationConfig:
    """Settings with which an evaluation takes no time."""
    return EvaluationConfig(**SMALL_EVALUATION)


@pytest.fixture
def plan() -> Callable[[SweepPaths, RunConfig], RunPaths]:
    """A function that writes the configuration of a run into a sweep; it returns the paths."""

    def lay_out(sweep, config):
        paths = sweep.run(config.run_id)
        paths.root.mkdir(parents=True)
        paths.config.write_text(config.canonical_json())
        return paths

    return lay_out


@pytest.fixture(scope="session")
def publish() -> Callable[..., None]:
    """Write both files of a run from arrays by name."""

    def write(paths, config, evaluation, arrays, provenance, dataset_sha256):
        trained = {n: a for n, a in arrays.items() if n.startswith(("weights/", "history/"))}
        evaluated = {name: array for name, array in arrays.items() if name not in trained}
        write_training(paths.trained, config, trained, provenance)
        write_evaluation(
            paths.evaluation,
            check_training(paths.trained),
            evaluation,
            evaluated,
            provenance=provenance,
            dataset_sha256=dataset_sha256,
        )

    return write


@pytest.fixture
def spec(weird: Path) -> Path:
    """The file with the specification of a sweep of two small runs."""
    path = weird / "tiny spec.toml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def command_environment() -> dict[str, str]:
    """The environment of commands: one thread, and the C locale that many clusters have."""
    return {**os.environ, "LANG": "C", "LC_ALL": "C", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def _command(module: str, environment: dict[str, str]) -> Callable[..., Finished]:
    def call(*arguments, cwd):
        return subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=200,
            check=False,
        )

    return call


@pytest.fixture(scope="session")
def _shim_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        if "AEVAE_REQUIRE_SLURM" in os.environ:
            pytest.fail("there is no C compiler")
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("shim") / "filesystem.so"
    source = Path(__file__).with_name("filesystem.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def shim(_shim_library: Path, command_environment: dict[str, str]) -> Callable[..., None]:
    """A function that makes system calls on files fail in commands that are started afterwards.

    For example, `shim(fsync=errno.EINVAL)` sets SHIM_FSYNC; filesystem.c explains the variables.
    """

    def fail(**settings):
        names = {f"SHIM_{name.upper()}": str(value) for name, value in settings.items()}
        command_environment.update({"LD_PRELOAD": str(_shim_library), **names})

    return fail


@pytest.fixture
def aevae(command_environment) -> Callable[..., Finished]:
    """A function that calls the real `aevae` command in a process of its own."""
    return _command("jobs.cli", command_environment)


@pytest.fixture
def analyse(command_environment) -> Callable[..., Finished]:
    """A function that calls the real `aevae-analysis` command in a process of its own."""
    return _command("analysis.cli", command_environment)


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(SPEC)
    # The fixture `aevae` cannot be used here, because it has the environment of a single test.
    trained = _command("jobs.cli", {**UNCHANGED, **PLAIN})(
        *("sweep", folder / "tiny.toml", "--out", folder / "sweep"),
        *("--cluster", "debug"),  # one process is quicker than two
        cwd=folder,
    )
    assert trained.returncode == 0, trained.stderr
    return folder / "sweep"


@pytest.fixture
def done(_trained: Path, weird: Path) -> SweepPaths:
    """A sweep of two small runs that are trained and evaluated; each test has its own copy."""
    return SweepPaths(Path(shutil.copytree(_trained, weird / "done")))


@pytest.fixture
def schema_1(weird: Path) -> Path:
    """A copy of the sweep that the first release wrote."""
    return Path(shutil.copytree(Path(__file__).parent / "data" / "schema-1", weird / "schema-1"))
