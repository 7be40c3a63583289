"""The one-machine SLURM, which runs during the tests of this folder."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
import tomli_w

REPOSITORY = Path(__file__).resolve().parents[2]
ONEHOST = REPOSITORY / "slurm" / "onehost"
# These epochs take two seconds, which is long enough to disturb the training twice.
EPOCHS = 40
SEEDS = "seeds=[0,1]"
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


def run(argv: list[str], code: int = 0) -> "subprocess.CompletedProcess[str]":
    """Run a command, which must exit with `code`."""
    result = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=280,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert result.returncode == code, f"{' '.join(argv)}: {result.stdout}{result.stderr}"
    return result


def wait_for(condition: Callable[[], object], what: str, pause_s: float = 0.2) -> None:
    deadline = time.monotonic() + 250
    while not condition():
        assert time.monotonic() < deadline, f"not within 250 s: {what}"
        time.sleep(pause_s)


@dataclass(frozen=True)
class Run:
    """The folder of a run."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def attempts(self) -> list[dict[str, Any]]:
        folders = sorted((self.path / "attempts").glob("[0-9]*"), key=lambda p: int(p.name))
        return [json.loads((folder / "attempt.json").read_text()) for folder in folders]

    @property
    def epoch(self) -> int:
        return json.loads((self.path / "progress.json").read_text())["epoch"]

    @property
    def checkpoints(self) -> list[Path]:
        return sorted(self.path.glob("checkpoint-*.pt"))

    @property
    def starts(self) -> list[int]:
        """The epoch from which each attempt continued."""
        logs = [self.log(number) for number in range(1, len(self.attempts) + 1)]
        return [int(epoch) for log in logs for epoch in re.findall(r"from epoch (\d+) of", log)]

    def log(self, attempt: int) -> str:
        """The log of an attempt; empty until the attempt has written its first line."""
        path = self.path / "attempts" / str(attempt) / "stderr"
        return path.read_text() if path.exists() else ""

    def hold(self, attempt: int = 1) -> None:
        """Suspend the process of an attempt once it has trained, as if it had become slow."""
        wait_for(lambda: self.held(attempt), f"{self.name} trains", pause_s=0.02)

    def held(self, attempt: int) -> bool:
        """Suspend the process of an attempt if it has trained; return whether it has."""
        if len(self.attempts) < attempt or not self.checkpoints:
            return False
        if len(self.starts) < attempt or self.epoch <= self.starts[-1]:
            return False
        if self.attempts[-1]["outcome"] is None:  # else the attempt has ended already
            os.kill(self.attempts[-1]["pid"], signal.SIGSTOP)
        return True

    def go_on(self) -> None:
        """Continue the process that `hold` suspended; signals of SLURM continue it, too."""
        os.kill(self.attempts[-1]["pid"], signal.SIGCONT)

    def wait_ended(self, attempt: int) -> dict[str, Any]:
        def ended() -> bool:
            return len(self.attempts) >= attempt and self.attempts[attempt - 1]["outcome"]

        wait_for(ended, f"the end of attempt {attempt}")
        return self.attempts[attempt - 1]

    def go_on_when_told(self) -> None:
        """Continue the process once USR2 is pending; needed if only the batch script gets signals.

        SLURM continues a suspended process only if it sends its signals to this process.
        """
        status = Path(f"/proc/{self.attempts[-1]['pid']}/status")
        usr2 = 1 << (signal.SIGUSR2 - 1)

        def told() -> bool:
            if self.attempts[-1]["outcome"] is not None:
                return True
            pending = re.search(r"ShdPnd:\s*(\w+)", status.read_text())
            return pending is not None and bool(int(pending[1], 16) & usr2)

        wait_for(told, "USR2")
        if psutil.pid_exists(self.attempts[-1]["pid"]):
            self.go_on()


@dataclass(frozen=True)
class SweepFolder:
    """The folder of a sweep."""

    path: Path

    @property
    def runs(self) -> list[Run]:
        return [Run(path) for path in sorted((self.path / "runs").iterdir())]

    @property
    def submissions(self) -> list[dict[str, Any]]:
        paths = sorted((self.path / "submissions").glob("*.json"), key=lambda p: int(p.stem))
        return [json.loads(path.read_text()) for path in paths]

    @property
    def job(self) -> str:
        """The job of the newest submission."""
        return self.submissions[-1]["job_id"]

    def hold(self, *runs: Run) -> None:
        """Suspend each of these runs in its first attempt, so that none ends before all train."""
        waiting = list(runs)

        def all_held() -> bool:
            waiting[:] = [run for run in waiting if not run.held(attempt=1)]
            return not waiting

        wait_for(all_held, f"{[run.name for run in runs]} train", pause_s=0.02)

    def wait_done(self) -> None:
        wait_for(lambda: all((r.path / "evaluation.h5").exists() for r in self.runs), "all results")

    def assert_equals(self, other: "SweepFolder") -> None:
        """Compare every dataset of the runs that both sweeps have, except the seconds of epochs."""
        shared = {run.name for run in self.runs} & {run.name for run in other.runs}
        assert shared
        for name in shared:
            mine, theirs = (Run(sweep.path / "runs" / name) for sweep in (self, other))
            a, b = _datasets(mine.path), _datasets(theirs.path)
            assert a.keys() == b.keys()
            for key in a:
                np.testing.assert_array_equal(a[key], b[key], err_msg=f"{name}: {key}")


def _datasets(run: Path) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    for name in ("trained.h5", "evaluation.h5"):
        with h5py.File(run / name) as file:
            file.visititems(add)
    del arrays["history/epoch_seconds"]
    return arrays


class Onehost:
    """Commands that use the cluster; each must succeed within its deadline."""

    def up(self, *options: str) -> None:
        self._run([str(ONEHOST / "up"), *options])

    def down(self) -> None:
        self._run([str(ONEHOST / "down")])

    def slurm(self, *argv: str) -> str:
        return self._run(list(argv)).stdout.strip()

    def aevae(self, *argv: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
        return self._run([sys.executable, "-m", "jobs.cli", *argv], code)

    def limit(self, job: str, minutes: int) -> None:
        """Change the time limit of a job, in minutes; SLURM checks limits every 30 s."""
        self.slurm("scontrol", "update", f"jobid={job}", f"timelimit={minutes}")

    def start_now(self, job: str) -> None:
        """Start a requeued job without its waiting time."""
        self.wait_for(
            lambda: self.slurm("squeue", "-h", "-j", job, "-o", "%T") == "PENDING", f"{job} waits"
        )
        # slurmd compares the starts of a job by whole seconds. If the job started again in the
        # second in which its last start ended, slurmd would take the new start for the old one and
        # kill the job ("credential revoked").
        time.sleep(1.1)
        self.slurm("scontrol", "update", f"jobid={job}", "starttime=now")

    def accounted(self, job: str, field: str = "state") -> list[str]:
        """One field of every start and task of a job, from sacct, which may be late."""
        return self.slurm("sacct", "-DXnP", "-j", job, "-o", field).splitlines()

    def preempt(self, job: str) -> None:
        """Preempt a job by a short job that needs its GPU."""
        node = self.slurm("squeue", "-h", "-j", job, "-o", "%N")
        wanted = ("--gres=gpu:v100:1", "--mem=100", f"--nodelist={node}", "--output=/dev/null")
        urgent = ("sbatch", "--parsable", "--partition=urgent", *wanted, "--wrap", "true")
        self.wait_ended(self.slurm(*urgent))

    def wait_ended(self, job: str) -> None:
        """Wait until a job has ended; `sbatch --wait` would ask less and less often."""
        state = ("squeue", "-h", "-j", job, "-o", "%T")
        self.wait_for(lambda: self.slurm(*state) not in ("PENDING", "RUNNING"), f"the end of {job}")

    def wait_accounted(self, job: str, *states: str) -> None:
        """Wait until sacct shows that all starts of a job have ended, in these states."""
        self.wait_for(lambda: sorted(self.accounted(job)) == sorted(states), f"{states} in sacct")

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        wait_for(condition, what)

    def stop(self, daemon: str) -> None:
        """End a daemon, as if it had failed; `up` brings it back."""
        lines = [line.split() for line in self._run([str(ONEHOST / "status")]).stdout.splitlines()]
        pid = next(int(words[-1]) for words in lines if words and words[0] == daemon)
        os.kill(pid, signal.SIGTERM)
        self.wait_for(lambda: not psutil.pid_exists(pid), f"{daemon} ends")

    def _run(self, argv: list[str], code: int = 0) -> "subprocess.CompletedProcess[str]":
        return run(argv, code)

    def report(self, folder: SweepFolder, code: int = 1) -> dict[str, Any]:
        """The output of `aevae status --json`, with its runs by name."""
        report = json.loads(self.aevae("status", str(folder.path), "--json", code=code).stdout)
        return report | {"runs": {run["run_id"]: run for run in report["runs"]}}

    def states(self, folder: SweepFolder, code: int = 1) -> dict[str, tuple[str, str | None]]:
        runs = self.report(folder, code)["runs"]
        return {name: (run["state"], run["reason"]) for name, run in runs.items()}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the state of the cluster and of the runs to a failure, because both may be gone later."""
    report = yield
    if report.when == "call" and report.failed:
        report.sections.extend(_what_the_cluster_says())
        report.sections.extend(_what_the_runs_say(item.funcargs.get("folder")))
    return report


def _what_the_cluster_says() -> Iterator[tuple[str, str]]:
    for command in ("squeue", "scontrol show node"):
        yield command, subprocess.getoutput(f"timeout 30 {command}")
    state = Path(os.environ.get("SLURM_CONF", "/none/etc/slurm.conf")).parents[1]
    for log in sorted(state.glob("log/slurm*.log")):
        yield log.name, subprocess.getoutput(f"tail -n 60 {log}")


def _what_the_runs_say(folder: SweepFolder | None) -> Iterator[tuple[str, str]]:
    for run in map(Run, sorted(folder.path.glob("runs/*")) if folder is not None else ()):
        files = sorted(file.name for file in run.path.iterdir())
        yield run.name, f"{files}\n{run.attempts}\n{run.log(len(run.attempts))[-2000:]}"


@pytest.fixture(scope="session", autouse=True)
def own_cluster(worker_id: str) -> Iterator[None]:
    """Require SLURM and root, and give each worker of pytest-xdist its own cluster."""
    if shutil.which("slurmctld", path="/usr/sbin:/usr/bin") is None or os.geteuid() != 0:
        if os.environ.get("AEVAE_REQUIRE_SLURM") == "1":
            pytest.fail("AEVAE_REQUIRE_SLURM=1, but SLURM is not installed or this is not root")
        pytest.skip("needs root and slurm/onehost/install")
    number = 0 if worker_id == "master" else int(worker_id.removeprefix("gw"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AEVAE_ONEHOST_DIR", f"/var/tmp/aevae-onehost-test-{number}")
        environment.setenv("AEVAE_ONEHOST_PORTS", str(170 + number))
        yield
        subprocess.run([ONEHOST / "down", "--purge"], capture_output=True, timeout=120, check=True)


@pytest.fixture
def onehost(own_cluster: None, monkeypatch: pytest.MonkeyPatch) -> Onehost:
    """The cluster, started again with its defaults and an empty queue; SLURM's commands use it."""
    cluster = Onehost()
    cluster.down()  # removes the jobs and the node states of the test before
    cluster.up()
    setting = cluster.slurm(str(ONEHOST / "env")).removeprefix("export ")
    monkeypatch.setenv(*setting.split("=", maxsplit=1))
    # An enclosing job may set such variables; they must not affect the jobs of the tests.
    monkeypatch.setenv("SBATCH_PARTITION", "nowhere")
    cluster.wait_for(lambda: not cluster.slurm("squeue", "-h"), "an empty queue")
    return cluster


def write_spec(folder: Path, epochs: int) -> str:
    path = folder / "a spec.toml"
    path.write_text(SPEC.format(epochs=epochs))
    return str(path)


@pytest.fixture
def spec(tmp_path: Path) -> Callable[[int], str]:
    """A function that writes a specification with some number of epochs; its path has a space."""
    return lambda epochs: write_spec(tmp_path, epochs)


@pytest.fixture
def profile(tmp_path: Path) -> Callable[..., str]:
    """Write a copy of the shipped profile with other settings."""

    def write(**settings: object) -> str:
        values = tomllib.loads((REPOSITORY / "slurm" / "clusters" / "onehost.toml").read_text())
        path = tmp_path / "profile.toml"
        path.write_text(tomli_w.dumps(values | settings))
        return str(path)

    return write


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    return SweepFolder(tmp_path / "a sweep, é")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """Two runs of some seconds, trained on this machine without any cluster."""
    root = tmp_path_factory.mktemp("undisturbed")
    out = SweepFolder(root / "sweep")
    spec = write_spec(root, EPOCHS)
    command = [sys.executable, "-m", "jobs.cli", "sweep", spec, "--set", SEEDS]
    run([*command, "--out", str(out.path)])
    return out


@pytest.fixture
def sweep(spec: Callable[[int], str], folder: SweepFolder) -> list[str]:
    """The command that trains the same two runs on the cluster."""
    return [
        "sweep",
        spec(EPOCHS),
        "--set",
        SEEDS,
        "--cluster",
        "onehost",
        "--out",
        str(folder.path),
    ]
