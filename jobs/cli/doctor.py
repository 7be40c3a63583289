"""Checks whether machine, cluster, data and GPU can run a sweep; each result is one line."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aevae.config import DataConfig
from aevae.data.sources import look_up, verify_source
from aevae.errors import InputError, RunFailed, importing
from aevae.files.atomic import publish_text
from aevae.files.filesystem import try_lock
from aevae.files.layout import SweepPaths
from jobs.launch.analysis_job import analysis_script
from jobs.launch.script import batch_script
from jobs.scheduler.commands import SchedulerError, ask, call, configuration
from jobs.scheduler.limits import array_tasks, too_long
from jobs.scheduler.profile import ClusterProfile
from jobs.scheduler.sbatch import refusal

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
    """Make all checks that apply, one after another; temporary files are removed.

    Parameters
    ----------
    profile
        The cluster that will be used; None for this machine alone.
    dataset, data_dir
        The dataset to train on, and the folder in which it is staged.
    out
        Folder for sweeps, which need not exist.
    """
    if profile is not None and not _in_image_on_node():
        yield _check("slurm", lambda: _slurm(profile))
        yield _check("job", lambda: _acceptance(profile))
        yield _check("analysis", lambda: _acceptance_of_analysis(profile))
        image = profile.container
        if image is not None:
            yield _check("image", lambda: _image(image))
    yield _check("data", lambda: _data(dataset, data_dir))
    yield _check("output", lambda: _output(out))
    wanted = None if profile is None else profile.device
    torch = _check("torch", lambda: _device(wanted))
    yield torch
    # A login node says nothing of the GPU that the jobs will get.
    if torch.verdict == "ok" or (torch.verdict == "warning" and wanted != "cuda"):
        yield _check("precision", lambda: _precision(wanted))


def _check(subject: str, check: Callable[[], Finding | str]) -> Finding:
    """Make one check; any error becomes a finding of one line, so that the next checks are made."""
    try:
        found = check()
    except (InputError, SchedulerError, OSError) as error:
        return Finding(subject, "failed", str(error))
    except Exception as error:  # noqa: BLE001 - for example an answer of SLURM in another form
        said = " ".join(str(error).split())
        return Finding(subject, "failed", f"this check failed: {type(error).__name__}: {said}")
    return Finding(subject, "ok", found) if isinstance(found, str) else found


def _in_image_on_node() -> bool:
    """Whether this process is a job inside a container image, which has no commands of SLURM."""
    return "SLURM_JOB_ID" in os.environ and "SINGULARITY_CONTAINER" in os.environ


def _image(path: Path) -> Finding | str:
    if path.exists():
        return f"{path} is there"
    return Finding("image", "warning", f"{path} is not on this host; the nodes must have it")


def _slurm(profile: ClusterProfile) -> str:
    version = " ".join(ask("sinfo", "--version").split())
    tasks = array_tasks(configuration(profile.clusters))
    if tasks == 1:
        return f"{version} answers; job arrays are disabled, so each job is submitted by itself"
    return f"{version} answers; a job array may have up to {tasks} jobs"


def _acceptance(profile: ClusterProfile) -> Finding | str:
    """Let sbatch check the script of a sweep without submitting it."""
    folder = SweepPaths(Path(tempfile.gettempdir()))
    reason, start = _sbatch_says(batch_script(folder, 1, profile, 1))
    if reason is not None:
        advice = "compare the profile with `sinfo -o '%P %G %f %l'` and `sacctmgr show assoc`"
        return Finding("job", "failed", f"sbatch would refuse it: {reason}; {advice}")
    long = too_long(profile)
    if long is not None:
        # A quality of service (QOS) may allow more time than the partition.
        return Finding("job", "failed" if profile.qos is None else "warning", long)
    return "sbatch would take it" + (f", to start at {start}" if start else "")


def _acceptance_of_analysis(profile: ClusterProfile) -> Finding | str:
    folder = SweepPaths(Path(tempfile.gettempdir()))
    reason, _ = _sbatch_says(analysis_script(folder, profile, None))
    if reason is None:
        return "sbatch would take it"
    advice = "--then-analyse needs other values in the table [analysis] of the profile"
    return Finding("analysis", "warning", f"sbatch would refuse it: {reason}; {advice}")


def _sbatch_says(script: str) -> tuple[str | None, str | None]:
    """Return why sbatch would refuse a script, and when the job would start, as far as it says."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.sh"
        path.write_text(script, encoding="utf-8")
        done = call("sbatch", "--test-only", str(path))
    if done.returncode != 0:
        return refusal(done.stderr) or f"exit code {done.returncode}", None
    start = re.search(r"to start at (\S+)", done.stderr)
    return None, start.group(1) if start else None


def _data(dataset: str, data_dir: Path) -> str:
    verify_source(DataConfig(dataset=dataset).of(look_up(dataset, data_dir)), data_dir)
    return f"{dataset} is in {data_dir}, checksums right"


def _output(out: Path) -> Finding | str:
    """Check that the file system of `out` can do what runs and launchers need."""
    existing = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    with tempfile.TemporaryDirectory(dir=existing, prefix=".aevae-doctor-") as name:
        problem = _missing_ability(Path(name))
        with (Path(name) / "lock").open("w") as file:
            locked = try_lock(file)
    if problem:
        return Finding("output", "failed", f"{problem} in {existing}")
    if not locked:
        return Finding(
            "output",
            "warning",
            f"files in {existing} cannot be locked (on Lustre: mount it with the option flock); "
            "only the folder that a launcher claims in a sweep keeps other launchers out",
        )
    free_gb = shutil.disk_usage(existing).free / 1e9
    if free_gb < LITTLE_SPACE_GB:
        return Finding("output", "warning", f"{free_gb:.1f} GB free in {existing}: make room")
    return f"{existing} can be written, {free_gb:.0f} GB free"


def _missing_ability(folder: Path) -> str | None:
    """Write, replace and rename files in an empty folder in the ways that a sweep needs."""
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
    try:
        # The import stands here because importing torch takes seconds. scikit-learn is imported
        # too, because a run that lacks it would fail only at its end.
        with importing("train"):
            import sklearn.mixture  # noqa: F401 - only whether it can be imported

            from aevae.training.device import gpu_problem
    except (RunFailed, MemoryError) as error:
        return Finding("torch", "failed", str(error))
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


def _precision(wanted: str | None) -> str:
    from aevae.training.precision import advice

    return advice(use_gpu=wanted != "cpu")
