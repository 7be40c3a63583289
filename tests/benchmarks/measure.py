"""Functions of all benchmarks: timing several programs alternately, and writing the table."""

import argparse
import json
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import torch

from aevae.config import RunConfig
from aevae.data.sources import Dataset, load_dataset
from aevae.training.loop import DeviceImages, TrainState
from aevae.training.precision import Precision

Row = Mapping[str, object]
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
        bound = f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}"
        above = self.least is not None and self.measured < self.least
        missed = above or (self.most is not None and self.measured > self.most)
        return {
            "goal": self.what,
            "wanted": f"{bound} {self.unit}".strip(),
            "measured": f"{self.measured:.3g} {self.unit}".strip(),
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
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
