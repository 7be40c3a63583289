"""Two launchers, many `status --watch` and the analysis use one running sweep at the same time.

Each run must have one job, no reader may report an error, and no writer may wait for a reader.

By hand, for minutes: python tests/faults/crowd.py --epochs 10000 --watchers 10 --to /tmp/crowd
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from storm import SPEC

from aevae.files.attempt import read_record
from aevae.files.layout import RunPaths, SweepPaths

LIMIT_S = 1200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--watchers", type=int, default=10)
    parser.add_argument("--to", type=Path, required=True, help="a folder that is not there yet")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True)
    figures = crowd(arguments.to.resolve(), arguments.epochs, arguments.watchers)
    print(json.dumps(figures, indent=1))


def crowd(folder: Path, epochs: int, watchers: int) -> dict[str, object]:
    """Run a sweep while other processes use it; return counts of what these processes printed."""
    spec, sweep = folder / "crowd.toml", SweepPaths(folder / "sweep")
    spec.write_text(SPEC.format(epochs=epochs))
    started = time.monotonic()
    launch = ("jobs.cli", "sweep", spec, "--out", sweep.root, "--jobs", 2)
    launchers = [start(*launch), start(*launch)]
    while not all(paths.progress.exists() for paths in sweep.planned()) or not sweep.planned():
        assert time.monotonic() - started < LIMIT_S, "no run has begun"
        time.sleep(0.1)
    watching = [start("jobs.cli", "status", sweep.root, "--watch") for _ in range(watchers)]
    checks = []
    while any(launcher.poll() is None for launcher in launchers):
        assert time.monotonic() - started < LIMIT_S, "the sweep does not end"
        checks.append(end(start("analysis.cli", "check", sweep.root)))
    launched, watched = [end(process) for process in launchers], [end(p) for p in watching]
    said = [text for _, text in (*launched, *watched, *checks)]
    return {
        "seconds": round(time.monotonic() - started),
        "launchers": sorted(code for code, _ in launched),
        "watchers": Counter(code for code, _ in watched),
        "checks": Counter(code for code, _ in checks),
        "tracebacks": sum("Traceback" in text for text in said),
        "damaged": sum("damaged" in text for text in said),
        "attempts": [outcomes(paths) for paths in sweep.planned()],
        "longest_epoch_s": max(longest_pause(paths) for paths in sweep.planned()),
    }


def start(module: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"},
    )


def end(process: "subprocess.Popen[str]") -> tuple[int, str]:
    text, _ = process.communicate(timeout=LIMIT_S)
    return process.returncode, text


def outcomes(paths: RunPaths) -> list[str | None]:
    records = [read_record(attempt) for attempt in paths.attempts()]
    return [record and record.outcome for record in records]


def longest_pause(paths: RunPaths) -> float:
    """Return the longest time in seconds between the ends of two epochs, as the log says it."""
    log = paths.attempts()[0].stderr.read_text()
    times = re.findall(r"^([-\d]+ [:\d]+),\d+ INFO epoch", log, re.MULTILINE)
    moments = [datetime.fromisoformat(text) for text in times]
    return max((b - a).total_seconds() for a, b in pairwise(moments))


if __name__ == "__main__":
    main()
