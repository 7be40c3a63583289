"""A sweep whose processes are killed at random must give the results of an undisturbed sweep.

Without SLURM, launchers, runs and submitit's controllers get SIGKILL, SIGTERM or USR2. With the
one-machine SLURM (which must be up), the steps of jobs get these signals, jobs are requeued and
nodes are set down. A random generator with a given seed chooses the fault and its time. The same
command is repeated until all runs are done. Then every dataset of every results file is compared
with that of an undisturbed sweep.

By hand: python tests/faults/storm.py --kills 100 --to /tmp/storm [--slurm]
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil

from aevae.files.hdf5 import Array
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.schema import open_results

ONEHOST = Path(__file__).parents[2] / "slurm" / "onehost"
NODES = ("gpu01", "gpu02")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR2)
MEASURED = {"history/epoch_seconds"}  # the only dataset that differs between repetitions
SWEEP_LIMIT_S = 1200
SPEC = """
name = "storm"
models = ["ae", "vae"]
latent_sizes = [2]
[model]
hidden_sizes = [16]
[data]
dataset = "digits"
[train]
epochs = {epochs}
batch_size = 64
[execution]
checkpoint_seconds = 0.2
threads = 1
[evaluation]
importance_samples = 1
samples_per_sampler = 10
mixture_components = 1
grid_size = 2
outliers = ["noise"]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=800, help="of each run")
    parser.add_argument("--slurm", action="store_true", help="on the SLURM of one machine")
    parser.add_argument("--to", type=Path, required=True, help="a folder that is not there yet")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True)
    battlefield = OnCluster if arguments.slurm else Here
    rng = random.Random(arguments.seed)
    figures = storm(arguments.to.resolve(), arguments.kills, rng, battlefield, arguments.epochs)
    print(json.dumps(figures, indent=1))


def storm(
    folder: Path, kills: int, rng: random.Random, place: "type[Here | OnCluster]", epochs: int
) -> dict[str, object]:
    """Disturb one sweep after another until there were `kills` faults; return what was counted."""
    spec = folder / "storm.toml"
    spec.write_text(SPEC.format(epochs=epochs))
    peaceful = SweepPaths(folder / "peaceful")
    assert Here(spec, peaceful).launch().wait(SWEEP_LIMIT_S) == 0
    blows: Counter[str] = Counter()
    figures = Counter(sweeps=0, runs=0, attempts=0, resumes=0, epochs_repeated=0, files_compared=0)
    differences: list[str] = []
    while blows.total() < kills:
        stormed = SweepPaths(folder / f"stormed-{figures['sweeps']}")
        blows += storm_one(place(spec, stormed), kills - blows.total(), rng)
        figures["sweeps"] += 1
        differences += map(str, stormed.root.glob(".*.tmp"))
        for paths, reference in zip(stormed.planned(), peaceful.planned(), strict=True):
            starts, repeated = history(paths)
            figures["runs"] += 1
            figures["attempts"] += len(paths.attempts())
            figures["resumes"] += sum(start > 0 for start in starts)
            figures["epochs_repeated"] += repeated
            figures["files_compared"] += 1
            differences += compare(paths, reference)
    return {"blows": dict(sorted(blows.items())), **figures, "differences": differences}


def storm_one(place: "Here | OnCluster", kills: int, rng: random.Random) -> Counter[str]:
    """Complete one sweep in spite of at most `kills` faults; return the faults that happened."""
    blows: Counter[str] = Counter()
    deadline = time.monotonic() + SWEEP_LIMIT_S
    while not place.done():
        assert time.monotonic() < deadline, f"{place.sweep.root}: not done in {SWEEP_LIMIT_S} s"
        place.keep_going()
        time.sleep(rng.uniform(0.2, rng.choice(place.PAUSES_S)))
        if blows.total() < kills and (blow := place.strike(rng)):
            blows[blow] += 1
    place.settle()
    return blows


class Here:
    """A sweep with local jobs on this machine."""

    # After a short pause a fault meets processes that start, after a long one runs that train.
    PAUSES_S = (1, 2, 8)

    def __init__(self, spec: Path, sweep: SweepPaths) -> None:
        self.sweep = sweep
        self._command = [*AEVAE, "sweep", str(spec), "--out", str(sweep.root), "--jobs", "2"]
        self._launcher: subprocess.Popen[bytes] | None = None

    def launch(self) -> "subprocess.Popen[bytes]":
        with (self.sweep.root.parent / "launchers.log").open("ab") as log:
            return subprocess.Popen(self._command, stderr=log, env=ENVIRONMENT)

    def done(self) -> bool:
        # A launcher that was killed at once has planned no run, so the results are looked for, too.
        over = self._launcher is not None and self._launcher.poll() is not None
        return over and has_results(self.sweep)

    def keep_going(self) -> None:
        if self._launcher is None or self._launcher.poll() is not None:
            self._launcher = self.launch()

    def strike(self, rng: random.Random) -> str | None:
        return send_a_signal(self.sweep, rng)

    def settle(self) -> None:
        """Launch once more, so that nothing is unfinished and no temporary file remains."""
        assert self.launch().wait(SWEEP_LIMIT_S) == 0


class OnCluster:
    """A sweep with jobs of the one-machine SLURM."""

    PAUSES_S = (5, 10, 20)

    def __init__(self, spec: Path, sweep: SweepPaths) -> None:
        self.sweep = sweep
        self._command = [*AEVAE, "sweep", str(spec), "--out", str(sweep.root)]
        self._command += ["--cluster", "onehost"]
        setting = output([str(ONEHOST / "env")]).strip().removeprefix("export ")
        os.environ.update([setting.split("=", maxsplit=1)])

    def done(self) -> bool:
        return has_results(self.sweep) and not output(["squeue", "-h"])

    def keep_going(self) -> None:
        """Launch again if no job is left, bring nodes back, and start requeued jobs at once.

        If a node is lost while a job starts on it, SLURM holds the job until an operator releases
        it; this function does the same.
        """
        if not output(["squeue", "-h"]):
            self._launch()
        for job in output(["squeue", "-h", "-r", "-t", "PENDING", "-o", "%i"]).split():
            attempt(["scontrol", "release", job])
            attempt(["scontrol", "update", f"jobid={job}", "starttime=now"])
        for node in output(["sinfo", "-h", "-N", "-t", "down,drain", "-o", "%N"]).split():
            attempt(["scontrol", "update", f"nodename={node}", "state=resume"])

    def strike(self, rng: random.Random) -> str | None:
        kind = rng.choice(["requeue", "node down", "signal", "signal"])
        if kind == "signal":
            return send_a_signal(self.sweep, rng)
        running = output(["squeue", "-h", "-t", "RUNNING", "-o", "%i"]).split()
        if not running:
            return None
        if kind == "requeue":
            return kind if attempt(["scontrol", "requeue", rng.choice(running)]) else None
        node = rng.choice(NODES)
        lost = attempt(["scontrol", "update", f"nodename={node}", "state=down", "reason=storm"])
        return kind if lost else None

    def settle(self) -> None:
        self._launch()

    def _launch(self) -> None:
        with (self.sweep.root.parent / "launchers.log").open("ab") as log:
            subprocess.run(self._command, stderr=log, env=ENVIRONMENT | os.environ, check=True)


AEVAE = (sys.executable, "-m", "jobs.cli")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def attempt(command: list[str]) -> bool:
    """Run a command that SLURM refuses if the job has just ended; return whether it succeeded."""
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def has_results(sweep: SweepPaths) -> bool:
    return sweep.spec.exists() and all(paths.evaluation.exists() for paths in sweep.planned())


def send_a_signal(sweep: SweepPaths, rng: random.Random) -> str | None:
    """Send a signal to one process of a sweep; return the role of the process and the signal."""
    victims = dict(processes_of(sweep))
    if not victims:
        return None
    name, number = rng.choice(sorted(victims)), rng.choice(SIGNALS)
    try:
        victims[name].send_signal(number)
    except psutil.NoSuchProcess:
        return None
    return f"{name.split()[0]} {number.name}"


def processes_of(sweep: SweepPaths) -> Iterator[tuple[str, psutil.Process]]:
    """Yield every process of a sweep with its role, also the children of killed launchers."""
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if str(sweep.root) not in command or process.status() == psutil.STATUS_ZOMBIE:
                continue
        except psutil.Error:
            continue
        if "jobs.cli" in command:
            role = "launcher"
        elif command.startswith("srun"):
            role = "srun"
        elif "_local" in command:
            role = "controller"
        else:
            role = "run"
        yield f"{role} {process.pid}", process


def compare(paths: RunPaths, reference: RunPaths) -> list[str]:
    """Return the datasets that differ from the undisturbed run, and files that should not exist."""
    found, expected = arrays_of(paths), arrays_of(reference)
    differing = [name for name in expected if found.get(name) != expected[name]]
    names = {path.name for path in paths.root.iterdir()}
    leftovers = names - {"config.json", "progress.json", "trained.h5", "evaluation.h5", "attempts"}
    leftovers |= {p.name for p in (paths.root / "attempts").glob(".*")}
    return [f"{paths.run_id}: {name}" for name in [*differing, *sorted(leftovers)]]


def arrays_of(paths: RunPaths) -> dict[str, bytes]:
    with open_results(paths) as results:
        arrays: dict[str, Array] = {n: results.array(n) for n in results.all_names()}
    return {name: array.tobytes() for name, array in arrays.items() if name not in MEASURED}


def history(paths: RunPaths) -> tuple[list[int], int]:
    """Return the first epoch of each attempt and the number of epochs that were repeated."""
    logs = [a.stderr.read_text() for a in paths.attempts() if a.stderr.exists()]
    starts = [int(epoch) for log in logs for epoch in re.findall(r", from epoch (\d+) of", log)]
    trained = [epoch for log in logs for epoch in re.findall(r"INFO epoch (\d+):", log)]
    return starts, len(trained) - len(set(trained))


if __name__ == "__main__":
    main()
