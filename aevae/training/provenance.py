"""Where a result comes from: code, versions, machine, job, time and memory."""

import platform
import resource
import sys
from importlib.metadata import version

import torch

from aevae.files.attempt import AttemptRecord, utc_now
from aevae.files.git import git_identity

PACKAGES = ("aevae", "torch", "numpy", "h5py")


def collect_provenance(
    attempt: AttemptRecord,
    device: torch.device,
    *,
    precision: str,
    training_seconds: float,
    wall_seconds: float,
) -> dict[str, object]:
    """Describe the training that this process did; all values can be written as JSON."""
    return describe_process(attempt, device) | {
        "slurm_job_id": attempt.slurm_job_id,
        "attempt": attempt.number,
        "started_at": attempt.started_at,
        "ended_at": utc_now(),
        "precision": precision,
        "training_seconds": round(training_seconds, 3),
        "wall_seconds": round(wall_seconds, 3),
        "peak_memory_mib": peak_memory_mib(device),
    }


def describe_process(attempt: AttemptRecord, device: torch.device) -> dict[str, object]:
    """Describe code, versions, machine and device, without times and job: runs may share this."""
    commit, dirty = git_identity()
    return {
        "versions": {name: version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "git_commit": commit,
        "git_dirty": dirty,
        "host": attempt.host,
        "device": device_name(device),
        "device_capability": device_capability(device),
        "threads": torch.get_num_threads(),
    }


def device_name(device: torch.device) -> str:
    """Name of the processor that the models run on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.processor() or platform.machine()})"


def device_capability(device: torch.device) -> str | None:
    """CUDA compute capability, for example ``7.0`` on a V100; None elsewhere."""
    if device.type != "cuda":
        return None
    major, minor = torch.cuda.get_device_capability(device)
    return f"{major}.{minor}"


def peak_memory_mib(device: torch.device) -> dict[str, float]:
    """Peak memory of the process, and of its tensors on a CUDA device, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    host_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    peak = {"host": round(host_bytes / 2**20, 1)}
    if device.type == "cuda":
        peak["device"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return peak
