"""Time to submit up to ten thousand runs to a real SLURM, and of `status` afterwards.

This script needs the one-machine SLURM (slurm/onehost/install). It starts the SLURM, and stops it
afterwards if it was down before. Every job ends at once, so that only the launcher is measured.
Jobs that still wait at the end are cancelled.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import tomli_w
from bench_scale import SPEC
from measure import parser, report, run

REPOSITORY = Path(__file__).resolve().parents[2]
ONEHOST = REPOSITORY / "slurm" / "onehost"


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--runs", type=int, nargs="+", default=[1_000, 10_000])
    arguments = options.parse_args()
    was_up = subprocess.run([ONEHOST / "status"], capture_output=True, check=False).returncode == 0
    subprocess.run([ONEHOST / "up"], check=True)
    setting = subprocess.run([ONEHOST / "env"], capture_output=True, text=True, check=True).stdout
    name, _, value = setting.strip().removeprefix("export ").partition("=")
    os.environ[name] = value
    try:
        with tempfile.TemporaryDirectory() as folder:
            rows = [measure(Path(folder) / str(count), count) for count in arguments.runs]
    finally:
        subprocess.run(["scancel", "--partition=gpu"], check=True)
        if not was_up:
            subprocess.run([ONEHOST / "down"], check=True)
    report("submission to SLURM", rows, arguments.json)


def measure(folder: Path, count: int) -> dict[str, object]:
    folder.mkdir()
    spec, sweep, profile = folder / "scale.toml", folder / "sweep", folder / "profile.toml"
    spec.write_text(SPEC.format(seeds=list(range(count))))
    onehost = tomllib.loads((ONEHOST.parent / "clusters" / "onehost.toml").read_text())
    profile.write_text(tomli_w.dumps(onehost | {"setup": ["exit 0"], "requeue": False}))
    aevae = [sys.executable, "-m", "jobs.cli"]
    submission = run([*aevae, "sweep", spec, "--out", sweep, "--cluster", profile, "--yes"])
    status = run([*aevae, "status", sweep])
    row = {
        "runs": count,
        "submission, s": round(submission.seconds, 1),
        "calls of sbatch": len(list((sweep / "submissions").glob("*.json"))),
        "peak, MB": round(submission.peak_mb),
        "status, s": round(status.seconds, 1),
    }
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
