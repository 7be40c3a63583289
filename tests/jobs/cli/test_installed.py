"""What a release contains: an installed package must find its profiles and scripts, for example."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(
    not (REPOSITORY / ".git").exists(), reason="only a checkout says which files are the project's"
)


def build(kind, source, to):
    code = f"import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, to], cwd=source, check=True, timeout=120)
    return next(to.glob("aevae-*"))


@pytest.fixture(scope="module")
def files():
    """List the files of the project, those that are not yet committed included."""
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    shown = subprocess.run(git, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    listed = [name for name in shown.stdout.split("\0") if name]
    return {name for name in listed if (REPOSITORY / name).is_file()}


@pytest.fixture(scope="module")
def unpacked(files, tmp_path_factory):
    """Unpack the source distribution of a checkout that has been used."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in files:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, checkout / name)
    made_by_use = [
        ".venv/pyvenv.cfg",
        "aevae/__pycache__/axes.cpython-311.pyc",
        "build/lib/aevae/axes.py",
        "data/MNIST/raw/train-images",
        "runs/mine/sweep.toml",
        "tests/__pycache__/conftest.pyc",
    ]
    for name in made_by_use:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    for path in (checkout / "docs").rglob("*.*"):
        path.write_bytes(b"")  # packing the contents takes seconds
    to = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", checkout, to)) as archive:
        archive.extractall(to, filter="data")
    return next(path for path in to.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def installed(unpacked, tmp_path_factory):
    """Unpack the wheel that is built from the source distribution, as pip does."""
    to = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build("wheel", unpacked, to)) as wheel:
        wheel.extractall(to / "installed")
    return to / "installed"


def test_a_source_distribution_has_the_files_of_the_project_and_no_others(files, unpacked):
    contents = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    generated = {"PKG-INFO", "setup.cfg"}
    expected = {name for name in files if not name.startswith(".git")} | generated
    found = {name for name in contents if (unpacked / name).is_file()}
    assert {name for name in found if not name.startswith("aevae.egg-info/")} == expected


def test_a_wheel_has_the_files_of_the_packages_and_no_others(files, installed):
    packages = ("aevae/", "jobs/", "analysis/")
    expected = {name for name in files if name.startswith(packages)}
    for name in files:
        if name.startswith("slurm/") and name.endswith((".toml", ".sbatch")):
            expected.add(name.replace("slurm/", "jobs/slurm_files/"))
    contents = {path.relative_to(installed).as_posix() for path in installed.rglob("*.*")}
    found = {name for name in contents if (installed / name).is_file()}
    assert {name for name in found if ".dist-info/" not in name} == expected


def test_a_wheel_alone_prints_the_script_of_a_shipped_cluster(installed, tmp_path):
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
