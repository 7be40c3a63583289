"""Time and peak memory of the commands, by the number of runs of a sweep.

The real commands lay out the runs. One small run is trained, and its files are written again as
those of every other run, so that each run has valid files of its own. The last columns are the time
to look up where the job of a run is, how it ended, and whether the run belongs to the sweep; the
answers of squeue and sacct come from commands that print what SLURM would print.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
from measure import Goal, parser, report, run, timed

from aevae.config import RunConfig
from aevae.files.attempt import Attempt
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.runs import RunList
from jobs.scheduler.profile import load_profile
from jobs.scheduler.queue import SweepJobs
from jobs.scheduler.submissions import new_submission, write_submission
from jobs.sweep.folder import Sweep
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


COMMANDS = ("--dry-run", "--prepare", "status, planned", "status, done", "tables")
LOOKUPS = ("newest job, µs", "end of a job, µs", "choice of runs, µs")
COLUMNS = ("runs", *(f"{name}, s" for name in COMMANDS), "tables, MB", *LOOKUPS)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--planned", type=int, nargs="*", default=[10, 100, 1_000, 10_000])
    options.add_argument("--done", type=int, nargs="*", default=[10, 100, 1_000])
    options.add_argument("--submitted", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    arguments = options.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for count in sorted({*arguments.planned, *arguments.done}):
            rows.append(measure(Path(folder) / str(count), count, done=count in arguments.done))
            print(rows[-1], flush=True)
        rows.append(measure_grid(Path(folder)))
        print(rows[-1], flush=True)
        for count in arguments.submitted:
            rows.append(measure_lookups(Path(folder) / f"submitted-{count}", count))
            print(rows[-1], flush=True)
    title = "seconds, peak memory (MB) and microseconds a lookup, by number of runs"
    report(title, rows, arguments.json, goals(rows))


LIMITS = [
    # runs, column, what it is, most, unit
    (10_000, "--dry-run, s", "`aevae sweep --dry-run`", 5, "s"),
    (10_000, "status, planned, s", "`aevae status`", 5, "s"),
    (100_000, "--dry-run, s", "`aevae sweep --dry-run` of a grid", 5, "s"),
    (1_000, "tables, s", "`aevae-analysis tables`", 60, "s"),
    (1_000, "tables, MB", "peak memory of `tables`", 1000, "MB"),
]


def goals(rows: list[dict[str, Any]]) -> list[Goal]:
    """Compare what was measured with the limits."""
    return [
        Goal(f"{count:,} runs: {what}", row[column], most=most, unit=unit)
        for count, column, what, most, unit in LIMITS
        for row in rows
        if row["runs"] == count and row[column] is not None
    ]


def measure(folder: Path, count: int, *, done: bool) -> dict[str, Any]:
    folder.mkdir()
    spec, sweep = folder / "scale.toml", folder / "sweep"
    spec.write_text(SPEC.format(seeds=list(range(count))))
    jobs = [sys.executable, "-m", "jobs.cli"]
    analysis = [sys.executable, "-m", "analysis.cli"]
    costs = {
        "--dry-run": run([*jobs, "sweep", spec, "--out", sweep, "--dry-run"]),
        "--prepare": run([*jobs, "sweep", spec, "--out", sweep, "--prepare"]),
        "status, planned": run([*jobs, "status", sweep]),
    }
    if done:
        finish_all(sweep, load_spec(spec).runs(str(spec)))
        costs["status, done"] = run([*jobs, "status", sweep])
        costs["tables"] = run([*analysis, "tables", sweep, "--format", "csv"])
    row: dict[str, Any] = {"runs": count}
    row |= {f"{name}, s": round(cost.seconds, 2) for name, cost in costs.items()}
    row |= {"tables, MB": round(costs["tables"].peak_mb)} if done else {}
    return dict.fromkeys(COLUMNS) | row


def measure_grid(folder: Path) -> dict[str, Any]:
    """Plan 100,000 cells: the VAE with 100 learning rates, 50 KL weights and 20 weight decays."""
    lists = {
        "train.learning_rate": [step / 1e5 for step in range(1, 101)],
        "model.kl_weight": range(1, 51),
        "train.weight_decay": range(1, 21),
    }
    grids = [f"--grid={key}={','.join(map(str, values))}" for key, values in lists.items()]
    one = ["--set", 'models=["vae"]', "--set", "latent_sizes=[2]"]
    command = [sys.executable, "-m", "jobs.cli", "sweep", "fast", "--out", folder / "grid"]
    cost = run([*command, "--dry-run", *one, *grids])
    return dict.fromkeys(COLUMNS) | {"runs": 100_000, "--dry-run, s": round(cost.seconds, 2)}


def measure_lookups(folder: Path, count: int) -> dict[str, Any]:
    """Look up every run of one submission: half of its jobs wait, the others have ended."""
    paths = SweepPaths(folder)
    run_ids = tuple(f"vae-z002-s{seed}-{seed:08x}" for seed in range(count))
    (folder / "bin").mkdir(parents=True)
    submission = new_submission(paths, 1, run_ids, load_profile(Path("v100")), None)
    write_submission(paths, submission.model_copy(update={"job_id": "7"}))
    half = range(count // 2)
    _answer(folder, "squeue", (f"7_{i}|7|{submission.job_name}|PENDING|N/A||None" for i in half))
    _answer(folder, "sacct", (f"7_{i + count // 2}|7|x|Unknown|0||TIMEOUT" for i in half))
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    jobs, newest_job_s = timed(lambda: SweepJobs.of(paths))
    newest, seconds = timed(lambda: [jobs.newest_job(run_id) for run_id in run_ids])
    reasons, end_reason_s = timed(lambda: [jobs.end_reason(run_id) for run_id in run_ids])
    assert sum(job.kind == "waiting" for job in newest) == reasons.count("timeout")
    sweep = Sweep(paths, load_spec(Path("quickstart")), RunList(run_ids, run_ids))
    selected, select_s = timed(lambda: sweep.select(run_ids))
    assert selected == list(run_ids)
    taken = (newest_job_s + seconds, end_reason_s, select_s)
    per_run = {name: round(1e6 * s / count, 1) for name, s in zip(LOOKUPS, taken, strict=True)}
    return dict.fromkeys(COLUMNS) | {"runs": count} | per_run


def _answer(folder: Path, name: str, lines: Iterable[str]) -> None:
    """Write a script in place of a command of SLURM, which prints these lines."""
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    command = folder / "bin" / name
    command.write_text(f"#!/bin/sh\nexec cat '{folder}/{name}.txt'\n")
    command.chmod(0o755)


def finish_all(folder: Path, runs: list[RunConfig]) -> None:
    """Train the first run, and write its files as those of every other run."""
    sweep, (first, *others) = SweepPaths(folder), runs
    command = [sys.executable, "-m", "jobs.cli", "run", sweep.root, first.run_id]
    subprocess.run(command, check=True, capture_output=True)
    trained, evaluation = sweep.run(first.run_id), load_spec(sweep.spec).evaluation
    for config in others:
        paths = sweep.run(config.run_id)
        attempt = Attempt.claim(paths)
        for source, copy in zip(files(trained), files(paths), strict=True):
            shutil.copy(source, copy)
            with h5py.File(copy, "r+") as file:
                file.attrs["run_id"] = config.run_id
                if "config" in file.attrs:
                    file.attrs["config"] = config.canonical_json()
        attempt.finish("done", evaluation=evaluation.digest)


def files(paths: RunPaths) -> tuple[Path, Path]:
    return paths.trained, paths.evaluation


if __name__ == "__main__":
    main()
