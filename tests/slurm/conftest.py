"""The one-machine SLURM, up while the tests of this folder run."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ONEHOST = REPOSITORY / "slurm" / "onehost"
SPEC = """
name = "tiny"
models = ["vae"]
latent_sizes = [2]
[model]
hidden_sizes = [32]
[train]
epochs = {epochs}
batch_size = 64
[data]
dataset = "digits"
[evaluation]
importance_samples = 1
samples_per_sampler = 10
grid_size = 2
outliers = ["noise"]
[execution]
threads = 1
checkpoint_seconds = 0.2
"""


class Onehost:
    """Commands against the cluster; each must succeed within its deadline."""

    def up(self, *options: str) -> None:
        self._run([str(ONEHOST / "up"), *options])

    def slurm(self, *argv: str) -> str:
        return self._run(list(argv)).stdout.strip()

    def aevae(self, *argv: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        return self._run([sys.executable, "-m", "jobs.cli", *argv], code)

    def start_now(self, job: str) -> None:
        """Spare a requeued job its waiting time."""
        self.wait_for(
            lambda: self.slurm("squeue", "-h", "-j", job, "-o", "%T") == "PENDING", f"{job} waits"
        )
        self.slurm("scontrol", "update", f"jobid={job}", "starttime=now")

    def accounted(self, job: str, field: str = "state") -> list[str]:
        """One field of every attempt and task of a job, as sacct knows it; it may lag."""
        return self.slurm("sacct", "-DXnP", "-j", job, "-o", field).splitlines()

    def wait_accounted(self, job: str, *states: str) -> None:
        """Wait until sacct knows all attempts at a job to have ended, in these states."""
        self.wait_for(lambda: sorted(self.accounted(job)) == sorted(states), f"{states} in sacct")

    def wait_for(self, condition: Callable[[], object], what: str, timeout_s: float = 120) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
            time.sleep(0.2)

    def _run(self, argv: list[str], code: int = 0) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        result = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=280,
            check=False,
            env=environment,
        )
        assert result.returncode == code, f"{' '.join(argv)}: {result.stdout}{result.stderr}"
        return result


@pytest.fixture(scope="session", autouse=True)
def leave_as_found() -> Iterator[None]:
    """Need SLURM and root; stop the cluster afterwards unless it was up before."""
    if shutil.which("slurmctld", path="/usr/sbin:/usr/bin") is None or os.geteuid() != 0:
        if os.environ.get("AEVAE_REQUIRE_SLURM") == "1":
            pytest.fail("AEVAE_REQUIRE_SLURM=1, but SLURM is not installed or this is not root")
        pytest.skip("needs root and slurm/onehost/install")
    status = subprocess.run([ONEHOST / "status"], capture_output=True, timeout=60, check=False)
    yield
    last = "up" if status.returncode == 0 else "down"
    subprocess.run([ONEHOST / last], capture_output=True, timeout=120, check=True)


@pytest.fixture
def onehost(leave_as_found: None, monkeypatch: pytest.MonkeyPatch) -> Onehost:
    """Have the cluster up with its defaults, empty, and SLURM's commands talk to it."""
    cluster = Onehost()
    cluster.up()
    setting = cluster.slurm(str(ONEHOST / "env")).removeprefix("export ")
    monkeypatch.setenv(*setting.split("=", maxsplit=1))
    # What an enclosing job would leave in the environment must not reach ours.
    monkeypatch.setenv("SBATCH_PARTITION", "nowhere")
    cluster.slurm("scancel", "--partition=gpu")
    cluster.wait_for(lambda: not cluster.slurm("squeue", "-h"), "an empty queue")
    return cluster


@pytest.fixture
def spec(tmp_path: Path) -> Callable[[int], str]:
    """Write the specification of a tiny sweep of so many epochs; its path has a space."""

    def write(epochs: int) -> str:
        path = tmp_path / "a spec.toml"
        path.write_text(SPEC.format(epochs=epochs))
        return str(path)

    return write
