"""Start-up times: of the command line, and of a job until its first training step."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Goal, parser, report, seconds

FIRST_STEP = """
import sys, time
started = time.perf_counter()
import torch
torch_s = time.perf_counter() - started
import torch._dynamo  # the constructor of every torch optimiser imports it
dynamo_s = time.perf_counter() - started - torch_s
import aevae.training.loop
real = aevae.training.loop.batch_metrics
def first(*arguments):
    real(*arguments)
    print(torch_s, dynamo_s, time.perf_counter() - started - torch_s - dynamo_s)
    sys.stdout.flush()
    import os
    os._exit(0)
aevae.training.loop.batch_metrics = first
sys.argv = ["aevae", "run", sys.argv[1], "--index", "0"]
from jobs.cli.main import main
main()
"""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    options.add_argument("--repeats", type=int, default=5)
    arguments = options.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(folder) / "paper"
        aevae = [sys.executable, "-m", "jobs.cli"]
        prepare = ["sweep", "paper", "--out", sweep, "--data-dir", arguments.data_dir.absolute()]
        call([*aevae, *prepare, "--prepare"])
        for name, command in {
            "python -c pass": [sys.executable, "-c", "pass"],
            "aevae --help": [*aevae, "--help"],
            "aevae status, 18 runs": [*aevae, "status", sweep],
        }.items():
            least = min(
                seconds(lambda command=command: call(command)) for _ in range(arguments.repeats)
            )
            rows.append({"what": name, "seconds": least})
        steps = [
            [float(word) for word in call([sys.executable, "-c", FIRST_STEP, sweep]).split()]
            for _ in range(arguments.repeats)
        ]
        least = [min(values) for values in zip(*steps, strict=True)]
    names = (
        "import torch",
        "import torch._dynamo",
        "job to its first step, without imports of torch",
    )
    rows += [{"what": name, "seconds": value} for name, value in zip(names, least, strict=True)]
    taken = {str(row["what"]): float(row["seconds"]) for row in rows}
    limits = {"aevae --help": 0.5, "aevae status, 18 runs": 0.5, names[-1]: 1.0}
    goals = [Goal(name, taken[name], most=limit, unit="s") for name, limit in limits.items()]
    report(f"start-up, best of {arguments.repeats}", rows, arguments.json, goals)


def call(command: list[object]) -> str:
    """Run a command; exit code 1, by which `status` reports missing runs, is allowed."""
    result = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=os.environ, check=False
    )
    assert result.returncode in (0, 1), result.stderr
    return result.stdout


if __name__ == "__main__":
    main()
