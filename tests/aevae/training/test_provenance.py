"""Stored results say where they come from, so that a surprising number can be traced."""

import json
import platform
import re
import resource
import sys
from importlib.metadata import version
from types import SimpleNamespace

import pytest
import torch

from aevae.files.attempt import AttemptRecord, SlurmJob
from aevae.training import provenance
from aevae.training.provenance import collect_provenance, describe_process

ATTEMPT = AttemptRecord(
    number=3,
    host="node9",
    pid=1,
    process_started=0.0,
    slurm_job_id="14",
    started_at="2026-01-01T00:00:00+00:00",
    slurm_job=SlurmJob("12_3", "14"),
)
CPU, CUDA = torch.device("cpu"), torch.device("cuda", 1)


@pytest.fixture(autouse=True)
def known_code(monkeypatch):
    monkeypatch.setattr(provenance, "git_identity", lambda: ("c" * 40, True))


@pytest.fixture
def gpu(monkeypatch):
    """Let torch have a second GPU."""
    for name, value in {
        "get_device_name": "Tesla V100",
        "get_device_capability": (7, 0),
        "max_memory_allocated": 2**20 * 5 + 2**19 + 40_000,
    }.items():
        monkeypatch.setattr(torch.cuda, name, {CUDA: value}.__getitem__)


def test_a_process_is_described_without_times(monkeypatch):
    monkeypatch.setattr(platform, "processor", lambda: "")
    found = describe_process(ATTEMPT, CPU)
    packages = ("aevae", "torch", "numpy", "h5py")
    assert found == {
        "versions": {name: version(name) for name in packages}
        | {"python": ".".join(map(str, sys.version_info[:3]))},
        "git_commit": "c" * 40,
        "git_dirty": True,
        "host": "node9",
        "device": f"cpu ({platform.machine()})",
        "device_capability": None,
        "threads": torch.get_num_threads(),
    }
    monkeypatch.setattr(platform, "processor", lambda: "POWER9")
    assert describe_process(ATTEMPT, CPU)["device"] == "cpu (POWER9)"


def test_training_is_described_with_its_job_times_and_memory():
    found = collect_provenance(
        ATTEMPT, CPU, precision="bfloat16", training_seconds=1.23456, wall_seconds=2.34567
    )
    assert json.loads(json.dumps(found)) == found
    ended, memory = found.pop("ended_at"), found.pop("peak_memory_mib")
    assert found == describe_process(ATTEMPT, CPU) | {
        "slurm_job_id": "14",
        "attempt": 3,
        "started_at": ATTEMPT.started_at,
        "precision": "bfloat16",
        "training_seconds": 1.235,
        "wall_seconds": 2.346,
    }
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", ended)
    assert list(memory) == ["host"]


def test_a_gpu_is_described(gpu):
    found = collect_provenance(ATTEMPT, CUDA, precision="tf32", training_seconds=1, wall_seconds=2)
    assert (found["device"], found["device_capability"]) == ("Tesla V100", "7.0")
    assert found["peak_memory_mib"]["device"] == 5.5


# Linux counts KiB, and macOS bytes.
@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_memory_is_counted_in_mebibytes(monkeypatch, system, unit):
    most = {resource.RUSAGE_SELF: SimpleNamespace(ru_maxrss=(2**20 * 1234 + 2**18) // unit)}
    monkeypatch.setattr(resource, "getrusage", most.__getitem__)
    monkeypatch.setattr(sys, "platform", system)
    assert provenance.peak_memory_mib(CPU) == {"host": 1234.2}
