"""Functions of all benchmarks: timing several programs alternately, and writing the table."""

import argparse
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pandas as pd
import torch

from aevae.config import RunConfig
from aevae.data.sources import Dataset, load_dataset
from aevae.training.loop import DeviceImages, TrainState
from aevae.training.precision import Precision

Row = Mapping[str, object]
PUBLISHED = Path(__file__).parents[2] / "docs" / "results"
T = TypeVar("T")


def timed(call: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    value = call()
    return value, time.perf_counter() - started


def seconds(call: Callable[[], object]) -> float:
    return timed(call)[1]


def best_of(repeats: int, sides: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Time all sides alternately, so that a slow moment affects all; return the least of each."""
    rounds = [{name: seconds(call) for name, call in sides.items()} for _ in range(repeats)]
    return {name: min(times[name] for times in rounds) for name in sides}


@dataclass(frozen=True)
class Cost:
    """Time, processor time with that of its processes, and peak memory of a command."""

    seconds: float
    processor_s: float
    peak_mb: float


# Linux counts the memory of the process that starts a command as memory of the command, and a
# benchmark has imported torch. So a small process starts it, and says what it has taken.
STARTER = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - started
code = os.waitstatus_to_exitcode(status)
print(code, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)
"""


def run(command: Sequence[object]) -> Cost:
    """Run a command to its end; exit code 1, by which `status` reports missing runs, is allowed."""
    starter = [sys.executable, "-S", "-c", STARTER, *map(str, command)]
    printed = subprocess.run(starter, stdout=subprocess.PIPE, check=True).stdout
    code, *cost = map(float, printed.split())
    assert code in (0, 1), command
    return Cost(*cost)


CPU = torch.device("cpu")


def training_state(
    config: RunConfig,
    data_dir: Path,
    device: torch.device = CPU,
    precision: Precision | None = None,
) -> tuple[Dataset, DeviceImages, DeviceImages, TrainState]:
    """Return the dataset, its training and validation images on `device`, and a new state."""
    dataset = load_dataset(config.data, data_dir)
    training, validation = (
        DeviceImages.of(split, config.data.classes, device)
        for split in (dataset.train, dataset.val)
    )
    return dataset, training, validation, TrainState.new(config, device, precision)


def faithful_losses() -> dict[tuple[str, int], float]:
    """Return the last validation loss of the published sweep `paper`, by model and d."""
    compared = pd.read_csv(PUBLISHED / "comparison.csv")
    paper = compared[(compared["sweep"] == "paper") & (compared["quantity"] == "val_loss")]
    return paper.set_index(["model", "latent_size"])["value"].to_dict()


def fast_losses() -> dict[tuple[str, int], list[float]]:
    """Return the last validation loss of every seed of the published sweep `seeds`."""
    runs = pd.read_csv(PUBLISHED / "tables" / "seeds" / "summary.csv").dropna(subset="run_id")
    return runs.groupby(["model", "latent_size"])["val_loss"].apply(list).to_dict()


def parser(description: str | None) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--json", type=Path, help="also write the table here")
    return made


@dataclass(frozen=True)
class Goal:
    """What a benchmark should give: a number of at most, or of at least, some size."""

    what: str
    measured: float
    most: float | None = None
    least: float | None = None
    unit: str = ""

    @property
    def row(self) -> dict[str, str]:
        """The goal beside what was measured."""
        bound = f"≥ {cell(self.least)}" if self.most is None else f"≤ {cell(self.most)}"
        too_small = self.least is not None and self.measured < self.least
        missed = too_small or (self.most is not None and self.measured > self.most)
        return {
            "goal": self.what,
            "wanted": f"{bound} {self.unit}".strip(),
            "measured": f"{cell(self.measured)} {self.unit}".strip(),
            "reached": "no" if missed else "yes",
        }


def report(
    title: str, rows: Sequence[Row], json_path: Path | None, goals: Sequence[Goal] = ()
) -> None:
    """Print `rows` as an aligned table under a title and the machine, versions and date.

    `bench_all.py` makes one table of the goals of all benchmarks from their JSON.
    """
    processor = f"{_processor()}, {torch.get_num_threads()} threads"
    if torch.cuda.is_initialized():
        processor += f", {torch.cuda.get_device_name()}"
    machine = {
        "machine": processor,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
    }
    print(f"\n{title}\n{', '.join(f'{key} {value}' for key, value in machine.items())}")
    show(rows)
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        content = {"title": title, **machine, "rows": rows, "goals": [goal.row for goal in goals]}
        json_path.write_text(json.dumps(content, indent=1) + "\n")


def _processor() -> str:
    """Name the processor; its architecture where the kernel does not tell more."""
    facts = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", facts.read_text()) if facts.exists() else None
    return named[1] if named else platform.machine()


def show(rows: Sequence[Row]) -> None:
    """Print rows as an aligned table."""
    lines = cells(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)))


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Return the texts of a table, the column titles first.

    Times and ratios have three significant digits. Losses and errors have four, since a small
    difference between two of them matters.
    """
    digits = {name: 4 if name.endswith(("loss", "error")) else 3 for name in rows[0]}
    return [list(digits), *([cell(row[name], digits[name]) for name in digits] for row in rows)]


def cell(value: object, digits: int = 3) -> str:
    """Render one value; a number of type float has so many significant digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    rounded = float(f"{value:.{digits}g}")
    if abs(rounded) >= 10**digits:
        return f"{rounded:,.0f}"
    return f"{rounded:#.{digits}g}".removesuffix(".")
