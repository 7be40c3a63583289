"""Jobs run the code that was submitted: what is copied, what is shared, and what it says it is."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
COPY = """
import sys
from importlib.metadata import version
from pathlib import Path
from aevae.files.layout import SweepPaths
from jobs.launch.code import code_folder, keep_code
paths = SweepPaths(Path(sys.argv[1]))
kept = keep_code(paths)
assert kept == code_folder(paths)
print(kept.name if kept else "none")
"""
IDENTITY = """
from importlib.metadata import version
from aevae.files.git import git_identity
print(*git_identity(), version("aevae"))
"""


@pytest.fixture
def checkout(weird):
    """A checkout of our packages that a test may edit."""
    root = weird / "checkout"
    for name in ("aevae", "jobs", "analysis", "slurm"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, root / name, ignore=ignore)
    return root


def python(program, *arguments, path):
    done = subprocess.run(
        # -B: files that Python writes beside the code would count as uncommitted changes.
        [sys.executable, "-P", "-B", "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def git(folder, *arguments):
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(checkout):
    git(checkout, "init", "-q")
    git(checkout, "add", "aevae", "jobs", "analysis", "slurm")
    git(checkout, "commit", "-q", "-m", "first")
    return git(checkout, "rev-parse", "HEAD")


def test_submissions_of_the_same_code_share_a_copy_and_edited_code_has_its_own(checkout, weird):
    sweep = weird / "sweep"
    first = python(COPY, sweep, path=checkout)
    assert python(COPY, sweep, path=checkout) == first
    (checkout / "aevae" / "__pycache__").mkdir(exist_ok=True)
    (checkout / "aevae" / "__pycache__" / "left.pyc").write_bytes(b"by python")
    (checkout / "aevae" / ".config.py.swp").write_bytes(b"by an editor")
    assert python(COPY, sweep, path=checkout) == first
    with (checkout / "analysis" / "tables" / "published.csv").open("a") as file:
        file.write("# edited\n")
    second = python(COPY, sweep, path=checkout)
    copies = sweep / "submissions" / "code"
    assert {path.name for path in copies.iterdir()} == {first, second}
    edited = (copies / second / "analysis" / "tables" / "published.csv").read_text()
    assert edited.endswith("# edited\n")
    assert python(COPY, weird / "other", path=copies / second) == second  # a copy of the copy


def test_a_copy_that_was_purged_in_part_is_made_again(checkout, weird):
    sweep = weird / "sweep"
    copy = sweep / "submissions" / "code" / python(COPY, sweep, path=checkout)
    (copy / "jobs" / "toml.py").unlink()
    (copy.parent / ".code-half").mkdir()
    python(COPY, sweep, path=checkout)
    assert (copy / "jobs" / "toml.py").read_bytes() == (checkout / "jobs" / "toml.py").read_bytes()
    assert list(copy.parent.iterdir()) == [copy]


def test_a_copy_names_the_commit_and_version_that_were_copied(checkout, weird):
    commit = committed(checkout)
    sweep = weird / "sweep"
    copy = sweep / "submissions" / "code" / python(COPY, sweep, path=checkout)
    git(checkout, "commit", "-q", "--allow-empty", "-m", "second")
    assert python(IDENTITY, path=copy).split()[:2] == [commit, "False"]
    (metadata,) = copy.glob("aevae-*.dist-info/METADATA")
    metadata.write_text("Name: aevae\nVersion: 7.7\n")
    assert python(IDENTITY, path=copy).split()[2] == "7.7"


def test_a_package_that_pip_installed_from_a_repository_has_the_commit_that_it_recorded(
    checkout, weird
):
    installed = weird / "lib" / "site-packages"
    shutil.move(checkout, installed)
    recorded = installed / "aevae-0.1.0.dist-info"
    recorded.mkdir()
    (recorded / "METADATA").write_text("Metadata-Version: 2.1\nName: aevae\nVersion: 0.1.0\n")
    assert python(IDENTITY, path=installed).split()[:2] == ["None", "None"]
    origin = {"url": "https://example.org/aevae", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}}
    (recorded / "direct_url.json").write_text(json.dumps(origin))
    assert python(IDENTITY, path=installed).split()[:2] == ["a" * 40, "None"]


def test_an_installed_wheel_is_not_copied(checkout, weird):
    installed = weird / "lib" / "site-packages"
    shutil.move(checkout, installed)
    assert python(COPY, weird / "sweep", path=installed) == "none"
    assert not (weird / "sweep").exists()


def test_a_submission_records_its_code_and_the_script_runs_it(checkout, tmp_path):
    commands, folder = tmp_path / "bin", tmp_path / "a sweep"
    commands.mkdir()
    answers = {"squeue": "exit 0", "scontrol": "echo 'MaxArraySize = 99'"}
    for name, body in (answers | {"sbatch": "echo Submitted batch job 7"}).items():
        (commands / name).write_text(f"#!/bin/sh\n{body}\n")
        (commands / name).chmod(0o755)
    command = ["-m", "jobs.cli", "sweep", "quickstart-digits", "--cluster", "onehost"]
    subprocess.run(
        [sys.executable, "-P", *command, "--out", folder],
        env={
            **os.environ,
            "PYTHONPATH": str(checkout),
            "PATH": f"{commands}:{os.environ['PATH']}",
        },
        check=True,
        timeout=60,
    )
    record = json.loads((folder / "submissions" / "1.json").read_text())
    copies = list((folder / "submissions" / "code").iterdir())
    assert [copy.name for copy in copies] == [record["code"]]
    assert record["version"] == version("aevae")
    script = (folder / "submitit" / "7_submission.sh").read_text()
    assert f"export PYTHONPATH='{copies[0]}'${{PYTHONPATH:+:$PYTHONPATH}}\n" in script
