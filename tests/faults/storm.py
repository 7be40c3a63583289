"""A kill storm: a sweep whose processes die at random moments must end as an undisturbed one.

Launchers, runs and submitit's controllers get SIGKILL, SIGTERM or USR2, whichever and whenever a
seeded generator says. What dies is started again by the one command, until everything is done;
then every results file is compared, dataset by dataset, with that of a sweep left in peace.

By hand: python tests/faults/storm.py --kills 100 --to /tmp/storm
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

from aevae.paths import RunPaths, SweepPaths
from aevae.results import open_results
from aevae.store import Array

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR2)
MEASURED = {"history/epoch_seconds"}  # the only dataset that no repetition reproduces
RUNS_AT_ONCE = 2
ROUND_LIMIT_S = 600
SPEC = """
name = "storm"
models = ["ae", "vae", "cvae"]
latent_sizes = [2, 5]
[model]
hidden_sizes = [64]
[data]
dataset = "digits"
[train]
epochs = 60
batch_size = 16
[execution]
checkpoint_seconds = 0
threads = 1
[evaluation]
importance_samples = 2
samples_per_sampler = 10
mixture_components = 2
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", type=Path, required=True, help="a folder that is not there yet")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True)
    print(json.dumps(storm(arguments.to, arguments.kills, arguments.seed), indent=1))


def storm(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Storm one sweep after another until `kills` signals were sent; return the figures."""
    rng = random.Random(seed)
    spec = folder / "storm.toml"
    spec.write_text(SPEC)
    peaceful = SweepPaths(folder / "peaceful")
    with launch(spec, peaceful) as launcher:
        assert launcher.wait(ROUND_LIMIT_S) == 0
    sent: Counter[str] = Counter()
    figures = Counter(sweeps=0, runs=0, attempts=0, epochs_repeated=0, files_compared=0)
    differences: list[str] = []
    while sent.total() < kills:
        stormed = SweepPaths(folder / f"stormed-{figures['sweeps']}")
        sent += storm_one(spec, stormed, kills - sent.total(), rng)
        figures["sweeps"] += 1
        for paths, reference in zip(stormed.planned(), peaceful.planned(), strict=True):
            figures["runs"] += 1
            figures["attempts"] += len(paths.attempts())
            figures["epochs_repeated"] += epochs_repeated(paths)
            figures["files_compared"] += 1
            differences += compare(paths, reference)
    return {"seed": seed, "signals": dict(sent), **figures, "differences": differences}


def storm_one(spec: Path, sweep: SweepPaths, kills: int, rng: random.Random) -> Counter[str]:
    """Bring one sweep to its end in spite of at most `kills` signals; return those sent."""
    sent: Counter[str] = Counter()
    deadline = time.monotonic() + ROUND_LIMIT_S
    launcher = launch(spec, sweep)
    while not all(paths.results.exists() for paths in sweep.planned()) or launcher.poll() is None:
        assert time.monotonic() < deadline, f"{sweep.root} was not done in {ROUND_LIMIT_S} s"
        if launcher.poll() is not None:
            launcher = launch(spec, sweep)
        time.sleep(rng.uniform(0.1, 2))
        victims = dict(processes_of(sweep))
        if victims and sent.total() < kills:
            name = rng.choice(sorted(victims))
            number = rng.choice(SIGNALS)
            try:
                victims[name].send_signal(number)
            except psutil.NoSuchProcess:
                continue
            sent[f"{name.split()[0]} {number.name}"] += 1
    # Whatever the storm left undone or lying about, one more launch puts in order.
    with launch(spec, sweep) as last:
        assert last.wait(ROUND_LIMIT_S) == 0
    return sent


def launch(spec: Path, sweep: SweepPaths) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "jobs.cli", "sweep", str(spec), "--out", str(sweep.root)]
    command += ["--jobs", str(RUNS_AT_ONCE)]
    with (sweep.root.parent / "launchers.log").open("ab") as log:
        return subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=log)


def processes_of(sweep: SweepPaths) -> Iterator[tuple[str, psutil.Process]]:
    """Find every process at work on a sweep, orphans of dead launchers included, by its role."""
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if str(sweep.root) not in command or process.status() == psutil.STATUS_ZOMBIE:
                continue
        except psutil.Error:
            continue
        if "jobs.cli" in command:
            role = "launcher"
        elif "_local" in command:
            role = "controller"
        else:
            role = "run"
        yield f"{role} {process.pid}", process


def compare(paths: RunPaths, reference: RunPaths) -> list[str]:
    """Name what differs from the undisturbed run, and any file that should not be there."""
    found, expected = arrays_of(paths), arrays_of(reference)
    differing = [name for name in expected if found.get(name) != expected[name]]
    names = {path.name for path in paths.root.iterdir()}
    leftovers = names - {"config.json", "progress.json", "results.h5", "attempts"}
    leftovers |= {p.name for p in (paths.root / "attempts").glob(".*")}
    return [f"{paths.run_id}: {name}" for name in [*differing, *sorted(leftovers)]]


def arrays_of(paths: RunPaths) -> dict[str, bytes]:
    with open_results(paths.results) as results:
        arrays: dict[str, Array] = {n: results.array(n) for n in results.file.layout}
    return {name: array.tobytes() for name, array in arrays.items() if name not in MEASURED}


def epochs_repeated(paths: RunPaths) -> int:
    """Count the epochs that were trained more than once, from the logs of the attempts."""
    trained = [
        epoch
        for attempt in paths.attempts()
        if attempt.stderr.exists()
        for epoch in re.findall(r"INFO epoch (\d+):", attempt.stderr.read_text())
    ]
    return len(trained) - len(set(trained))


if __name__ == "__main__":
    main()
