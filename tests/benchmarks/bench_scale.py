"""Time and peak memory of `sweep`, `status` and `tables`, by the number of runs of a sweep.

The real commands lay out the runs. One small run is trained, and its results are written again as
those of every other run. So each run has a valid results file of its own.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
from measure import parser, report

from aevae.files.attempt import Attempt
from aevae.files.layout import RunPaths
from jobs.sweep.folder import Sweep

SPEC = """
name = "scale"
models = ["vae"]
latent_sizes = [2]
seeds = {seeds}
[model]
hidden_sizes = [8]
[data]
dataset = "digits"
[train]
epochs = 1
[evaluation]
importance_samples = 2
samples_per_sampler = 10
mixture_components = 2
"""


@dataclass(frozen=True)
class Cost:
    """Time and peak memory of a command."""

    seconds: float
    peak_mb: float


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--planned", type=int, nargs="+", default=[10, 100, 1_000, 10_000])
    options.add_argument("--done", type=int, nargs="+", default=[10, 100, 1_000])
    arguments = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in sorted({*arguments.planned, *arguments.done}):
            rows.append(measure(Path(folder) / str(count), count, done=count in arguments.done))
            print(rows[-1], flush=True)
    report("seconds and peak memory (MB) by number of runs", rows, arguments.json)


def measure(folder: Path, count: int, *, done: bool) -> dict[str, object]:
    folder.mkdir()
    spec, sweep = folder / "scale.toml", folder / "sweep"
    spec.write_text(SPEC.format(seeds=list(range(count))))
    jobs = [sys.executable, "-m", "jobs.cli"]
    analysis = [sys.executable, "-m", "analysis.cli"]
    costs = {
        "dry_run": run([*jobs, "sweep", spec, "--out", sweep, "--dry-run"]),
        "prepare": run([*jobs, "sweep", spec, "--out", sweep, "--prepare"]),
        "status_planned": run([*jobs, "status", sweep]),
    }
    if done:
        finish_all(Sweep.open(sweep))
        costs["status_done"] = run([*jobs, "status", sweep])
        costs["tables"] = run([*analysis, "tables", sweep, "--format", "csv"])
    row: dict[str, object] = {"runs": count}
    for name in ("dry_run", "prepare", "status_planned", "status_done", "tables"):
        cost = costs.get(name)
        row[f"{name}_s"] = round(cost.seconds, 2) if cost else None
    row["tables_mb"] = round(costs["tables"].peak_mb) if done else None
    return row


def finish_all(sweep: Sweep) -> None:
    """Train the first run, and write its results as those of every other run."""
    first, *others = sweep.runs
    command = [sys.executable, "-m", "jobs.cli", "run", sweep.paths.root, first.run_id]
    subprocess.run(command, check=True, capture_output=True)
    trained = sweep.paths.run(first.run_id)
    for config in others:
        paths = sweep.paths.run(config.run_id)
        attempt = Attempt.claim(paths)
        for source, copy in zip(files(trained), files(paths), strict=True):
            shutil.copy(source, copy)
            with h5py.File(copy, "r+") as file:
                file.attrs["run_id"] = config.run_id
                if "config" in file.attrs:
                    file.attrs["config"] = config.canonical_json()
        attempt.finish("done", evaluation=sweep.spec.evaluation.digest)


def files(paths: RunPaths) -> tuple[Path, Path]:
    return paths.trained, paths.evaluation


def run(command: list[object]) -> Cost:
    """Run a command to its end; exit code 1 is allowed: `status` has it for missing runs."""
    started = time.perf_counter()
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1), command
    return Cost(time.perf_counter() - started, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
