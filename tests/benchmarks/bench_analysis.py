"""Time and memory of each analysis command; `figures` runs twice, without and with cached t-SNE."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from bench_scale import run
from measure import Goal, parser, report

COMMANDS = ("check", "tables", "figures", "figures", "findings", "report")


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sweep", type=Path, default=Path("runs/paper"))
    arguments = options.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in COMMANDS:
            to = [] if name == "check" else ["--to", folder]
            cost = run([sys.executable, "-m", "analysis.cli", name, arguments.sweep, *to])
            again = any(row["command"] == name for row in rows)
            rows.append(
                {
                    "command": f"{name}, again" if again else name,
                    "seconds": round(cost.seconds, 1),
                    "processor_s": round(cost.processor_s, 1),
                    "peak_mb": round(cost.peak_mb),
                }
            )
            print(rows[-1], flush=True)
    limits = {"tables": 20, "figures, again": 20, "findings": 20, "report": 45}
    goals = [
        Goal(f"analysis of 18 runs: {row['command']}", row["seconds"], most=limits[name], unit="s")
        for row in rows
        if (name := row["command"]) in limits
    ]
    report(f"analysis of {arguments.sweep}", rows, arguments.json, goals)


if __name__ == "__main__":
    main()
