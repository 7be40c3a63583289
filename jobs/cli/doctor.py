"""Checks whether machine, cluster, data and GPU can run a sweep; one line each, with advice."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aevae.data.sources import verify_source
from aevae.errors import InputError
from aevae.files.atomic import publish_text
from aevae.files.filesystem import try_lock
from aevae.files.layout import SweepPaths
from jobs.launch.script import batch_script
from jobs.launch.slurm import clean_environment
from jobs.scheduler.commands import SchedulerError, ask, call, configuration, max_array_size
from jobs.scheduler.profile import ClusterProfile

LITTLE_SPACE_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    subject: str
    verdict: Literal["ok", "warning", "failed"]
    detail: str


def examine(
    profile: ClusterProfile | None, dataset: str, data_dir: Path, out: Path
) -> Iterator[Finding]:
    """Make all checks that apply, one after another; nothing is left behind.

    Parameters
    ----------
    profile
        The cluster that will be used; None: only this machine.
    dataset, data_dir
        What will be trained on, and where it is staged.
    out
        Folder that sweeps will be written to; it need not exist.
    """
    if profile is not None:
        yield _check("slurm", _slurm)
        yield _check("job", lambda: _acceptance(profile))
    yield _check("data", lambda: _data(dataset, data_dir))
    yield _check("output", lambda: _output(out))
    yield _device(None if profile is None else profile.device)


def on_node(profile: ClusterProfile, arguments: list[str]) -> int:
    """Run the same checks in a job as `profile` asks for it; return their exit code."""
    options = profile.options("partition", "account", "qos", "gpus_per_node", "gres", "constraint")
    options += [
        "--ntasks=1",
        f"--cpus-per-task={profile.cpus_per_task}",
        f"--mem={profile.mem_gb * 1024:.0f}M",
        "--time=10",
        "--job-name=aevae-doctor",
    ]
    command = [sys.executable, "-P", "-m", "jobs.cli", "doctor", *arguments]
    with clean_environment():
        return subprocess.run(["srun", *options, *command], check=False).returncode


def _check(subject: str, check: Callable[[], Finding | str]) -> Finding:
    try:
        found = check()
    except (InputError, SchedulerError, OSError) as error:
        return Finding(subject, "failed", str(error))
    return Finding(subject, "ok", found) if isinstance(found, str) else found


def _slurm() -> str:
    version = ask("sinfo", "--version").strip()
    return f"{version} answers; up to {max_array_size(configuration())} runs an array"


def _acceptance(profile: ClusterProfile) -> Finding | str:
    """Have sbatch check the script that would be submitted, without submitting it."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.sh"
        script.write_text(batch_script(SweepPaths(Path(folder)), 1, profile, 2), encoding="utf-8")
        with clean_environment():
            done = call("sbatch", "--test-only", str(script))
    lines = [line.removeprefix("sbatch: ") for line in done.stderr.strip().splitlines()]
    if done.returncode != 0:
        reason = "; ".join(lines) or f"exit code {done.returncode}"
        advice = "compare the profile with `sinfo -o '%P %G %f %l'` and `sacctmgr show assoc`"
        return Finding("job", "failed", f"sbatch would refuse it: {reason}; {advice}")
    start = re.search(r"to start at (\S+)", done.stderr)
    return "sbatch would take it" + (f", to start at {start.group(1)}" if start else "")


def _data(dataset: str, data_dir: Path) -> str:
    verify_source(dataset, data_dir)
    return f"{dataset} is in {data_dir}, checksums right"


def _output(out: Path) -> Finding | str:
    """Try what runs and launchers need of the file system, in the folder that is meant."""
    existing = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    with tempfile.TemporaryDirectory(dir=existing, prefix=".aevae-doctor-") as name:
        problem = _assumption_broken(Path(name))
        with (Path(name) / "lock").open("w") as file:
            locked = try_lock(file)
    if problem:
        return Finding("output", "failed", f"{problem} in {existing}")
    if not locked:
        return Finding(
            "output",
            "warning",
            f"files in {existing} cannot be locked (on Lustre: mount it with the option flock); "
            "two launchers are kept apart only by the folder that each claims in a sweep",
        )
    free_gb = shutil.disk_usage(existing).free / 1e9
    if free_gb < LITTLE_SPACE_GB:
        return Finding("output", "warning", f"{free_gb:.1f} GB free in {existing}: make room")
    return f"{existing} can be written, {free_gb:.0f} GB free"


def _assumption_broken(folder: Path) -> str | None:
    """Write, replace and claim in an empty folder as will be done in a sweep's."""
    file = folder / "file"
    for text in ("old", "new"):
        publish_text(file, text)
    if file.read_text(encoding="utf-8") != "new" or list(folder.iterdir()) != [file]:
        return "renaming over a file does not work"
    claims = [folder / "claim", folder / "1"]
    for claim in claims:
        claim.mkdir()
        (claim / "record").touch()
    try:
        claims[0].rename(claims[1])
    except OSError:
        pass
    else:
        return "a folder can be renamed over another, so two jobs could train the same run,"
    return None


def _device(wanted: str | None) -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("torch", "failed", "torch is not installed: pip install 'aevae[train]'")
    # Not at the top: it imports torch, which takes seconds.
    from aevae.training.device import gpu_problem

    problem = gpu_problem()
    if problem is None:
        return Finding("torch", "ok", "a kernel ran on the GPU")
    if wanted == "cpu":
        return Finding("torch", "ok", "will train on the CPU, as the profile says")
    in_job = "SLURM_JOB_ID" in os.environ
    if wanted == "cuda" and in_job:
        return Finding("torch", "failed", problem)
    hint = "" if in_job else "; login nodes often have none: try --on-node"
    return Finding("torch", "warning", problem + hint)
