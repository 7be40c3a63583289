"""An installed package must find its profiles and scripts; a checkout has them beside the code."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def test_a_wheel_alone_prints_the_script_of_a_shipped_cluster(tmp_path):
    source = tmp_path / "source"
    for name in ("aevae", "jobs", "analysis", "slurm"):
        shutil.copytree(REPOSITORY / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, source], check=True, timeout=120)
    installed = tmp_path / "installed"
    with zipfile.ZipFile(next(tmp_path.glob("aevae-*.whl"))) as wheel:
        wheel.extractall(installed)
    sweep = ["sweep", "quickstart", "--cluster", "v100", "--dry-run"]
    shown = subprocess.run(
        [sys.executable, "-m", "jobs.cli", *sweep],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert "#SBATCH --gres=gpu:v100:1" in shown.stdout
    assert "6 runs, at most 12.0 GPU-hours" in shown.stderr
    assert (installed / "jobs" / "slurm_files" / "train.sbatch").is_file()
    for name in ("aevae", "jobs", "analysis"):
        files = [path.relative_to(source) for path in (source / name).rglob("*") if path.is_file()]
        kept = [path for path in files if path.suffix not in (".md", ".pyc")]
        assert [path for path in kept if not (installed / path).is_file()] == []
