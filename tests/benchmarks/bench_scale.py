"""Ten thousand runs: planning, looking, and tabulating; time and peak memory against their number.

The runs are laid out by the real commands. Results are those of one real small run, written again
under every other run's name, so that the files are valid and each is one more to read.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from measure import parser, report

from aevae.config import RunConfig
from aevae.files.attempt import Attempt
from aevae.files.layout import SweepPaths
from aevae.files.schema import file_sha256, open_results, write_results
from jobs.sweep.spec import load_spec

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
    """What a command took."""

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
        finish_all(sweep, load_spec(spec).runs(str(spec)))
        costs["status_done"] = run([*jobs, "status", sweep])
        costs["tables"] = run([*analysis, "tables", sweep, "--format", "csv"])
    row: dict[str, object] = {"runs": count}
    for name in ("dry_run", "prepare", "status_planned", "status_done", "tables"):
        cost = costs.get(name)
        row[f"{name}_s"] = round(cost.seconds, 2) if cost else None
    row["tables_mb"] = round(costs["tables"].peak_mb) if done else None
    return row


def finish_all(folder: Path, runs: list[RunConfig]) -> None:
    """Train the first run, and give every other one a copy of its results as its own."""
    sweep, (first, *others) = SweepPaths(folder), runs
    command = [sys.executable, "-m", "jobs.cli", "run", sweep.root, first.run_id]
    subprocess.run(command, check=True, capture_output=True)
    digest = file_sha256(sweep.dataset)
    with open_results(sweep.run(first.run_id).results) as results:
        arrays = {name: results.array(name) for name in results.file.layout}
        provenance = results.provenance
    for config in others:
        paths = sweep.run(config.run_id)
        attempt = Attempt.claim(paths)
        write_results(paths.results, config, arrays, provenance=provenance, dataset_sha256=digest)
        attempt.finish("done")


def run(command: list[object]) -> Cost:
    """Run a command to its end; `status` exits with 1 while runs are missing."""
    started = time.perf_counter()
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1), command
    return Cost(time.perf_counter() - started, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
