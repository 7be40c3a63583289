"""Time and memory of each analysis command, with more and more of what earlier ones have cached."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Goal, parser, report, run

NOTHING, LAYOUTS, MEASURES = "nothing", "layouts and judges", "measures too"
# What is cached before a command, and the most seconds that it may take.
STEPS = (
    ("check", NOTHING, None),
    ("figures", NOTHING, None),
    ("tables", LAYOUTS, 20),
    ("figures", LAYOUTS, 20),
    ("findings", LAYOUTS, 20),
    ("report", LAYOUTS, 45),
    ("figures", MEASURES, 20),
    ("findings", MEASURES, 20),
    ("report", MEASURES, 45),
)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sweep", type=Path, default=Path("runs/paper"))
    arguments = options.parse_args()
    rows: list[dict[str, Any]] = []
    goals = []
    with tempfile.TemporaryDirectory() as folder:
        measures = str(Path(folder, "measures"))
        for name, cached, most in STEPS:
            # Only the first report writes measures that later commands read.
            kept = cached == MEASURES or name == "report"
            os.environ["AEVAE_CACHE_DIR"] = measures if kept else ""
            to = [] if name == "check" else ["--to", folder]
            cost = run([sys.executable, "-m", "analysis.cli", name, arguments.sweep, *to])
            rows.append(
                {
                    "command": name,
                    "cached": cached,
                    "seconds": round(cost.seconds, 1),
                    "processor s": round(cost.processor_s, 1),
                    "peak, MB": round(cost.peak_mb),
                }
            )
            print(rows[-1], flush=True)
            if most:
                goals.append(Goal(f"{name}, cached: {cached}", rows[-1]["seconds"], most, unit="s"))
    report(f"analysis of {arguments.sweep}", rows, arguments.json, goals)


if __name__ == "__main__":
    main()
