"""Local runs use the GPUs that the user may use, each as many runs as its share."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aevae.execution import StopRequest
from jobs.launch import gpus, local, side_by_side
from jobs.launch.gpus import usable_gpus
from jobs.sweep.folder import lay_out
from jobs.sweep.spec import load_spec

UUID = "GPU-00000002-2222-3333-4444-555555555555"
LAPTOP = "GPU 0: NVIDIA GeForce RTX 4070 Laptop GPU (UUID: GPU-11111111-2222)"
TWO = "\n".join(f"GPU {n}: NVIDIA A100 (UUID: GPU-{n})" for n in range(2))
MIG = f"{LAPTOP}\n  MIG 1g.5gb Device 0: (UUID: MIG-0a1b2c3d)\n  MIG 1g.5gb Device 1: (UUID: MIG-1)"


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Put a nvidia-smi on the PATH, which stands for hardware that is not here."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def define(body):
        command = tmp_path / "nvidia-smi"
        command.write_text(f"#!/bin/sh\n{body}\n")
        command.chmod(0o755)

    return define


@pytest.mark.parametrize(
    ("listing", "found"),
    [(LAPTOP, ("0",)), (TWO, ("0", "1")), (MIG, ("0",)), ("No devices were found", ())],
)
def test_a_gpu_counts_once_whatever_its_name_and_its_parts(smi, listing, found):
    smi(f"cat <<'END'\n{listing}\nEND")
    assert usable_gpus() == found


NAMES = st.sampled_from(["NVIDIA A100", "TITAN X (Pascal)", "Quadro: GPU 7: x"]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20
)
IDS = st.uuids().map(str)
PARTS = st.builds("  MIG 1g.{}gb     Device  0: (UUID: MIG-{})".format, st.integers(5, 80), IDS)
ERRORS = st.sampled_from(
    [
        "Unable to determine the device handle for GPU 0000:0B:00.0: Unknown Error",
        "GPU is lost.  Reboot the system to recover this GPU",
        "GPU access blocked by the operating system",
        "WARNING: infoROM is corrupted at gpu 0000:3B:00.0",
        "",
    ]
)


# Each example starts a nvidia-smi.
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(
        st.integers(0, 63), st.tuples(NAMES, IDS, st.lists(PARTS, max_size=3), ERRORS), max_size=8
    )
)
def test_every_gpu_of_a_listing_is_found_by_its_number(smi, tmp_path, machine):
    lines = []
    for number, (name, uuid, parts, error) in machine.items():
        lines += [f"GPU {number}: {name} (UUID: GPU-{uuid})", *parts, error]
    (tmp_path / "listing").write_text("\n".join(lines), encoding="utf-8")
    smi(f"cat '{tmp_path}/listing'")
    assert usable_gpus() == tuple(map(str, machine))


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary() | st.lists(ERRORS).map(lambda lines: "\n".join(lines).encode()))
def test_what_is_no_listing_names_no_gpu(smi, tmp_path, output):
    (tmp_path / "listing").write_bytes(output)
    smi(f"cat '{tmp_path}/listing'")
    assert usable_gpus() == ()


def test_a_nvidia_smi_that_fails_lists_nothing(smi):
    smi(f"echo '{TWO}'; exit 9")
    assert usable_gpus() == ()


def test_a_nvidia_smi_that_hangs_is_not_waited_for(smi, monkeypatch):
    smi("sleep 100")
    monkeypatch.setattr(gpus, "TIMEOUT_S", 0.2)
    began = time.monotonic()
    assert usable_gpus() == ()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("allowed", "found"),
    [
        ("3", ("3",)),
        ("2, 0", ("2", "0")),
        (f"{UUID},MIG-0a1b/1/0", (UUID, "MIG-0a1b/1/0")),
        ("1,-1,2", ("1",)),
        ("NoDevFiles", ()),
        ("", ()),
    ],
)
def test_what_the_user_allows_is_all_there_is(smi, monkeypatch, allowed, found):
    smi(f"echo '{TWO}'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert usable_gpus() == found


# Read by every Python that starts: the process of a run notes its GPU and ends. The one on GPU 0
# ends last.
PROCESS_OF_A_RUN = """
import os, sys, time
from pathlib import Path
if "submitit.core._submit" in sys.orig_argv:
    log, gpu = Path({log!r}), os.environ["CUDA_VISIBLE_DEVICES"]
    with log.open("a") as file:
        print(gpu, file=file)
    deadline = time.monotonic() + 20
    while gpu == "0" and len(log.read_text().split()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os._exit(0)
"""


@pytest.fixture
def gpus_of_runs(weird, spec, monkeypatch):
    """Start three local runs, two at once; return the values of CUDA_VISIBLE_DEVICES they had."""
    (weird / "sitecustomize.py").write_text(PROCESS_OF_A_RUN.format(log=str(weird / "log")))
    monkeypatch.setenv("PYTHONPATH", str(weird))
    loaded = load_spec(spec, ['models=["ae"]', "latent_sizes=[2,3,4]"])
    sweep = lay_out(loaded, loaded.runs("it"), weird / "sweep")

    def start():
        assert local.run_local(sweep, sweep.runs.current, 2, lambda: None)
        return sorted((weird / "log").read_text().split("\n")[:-1])

    return start


@pytest.mark.parametrize("allowed", [UUID, ""])
def test_the_processes_of_local_runs_see_what_the_user_allows(gpus_of_runs, monkeypatch, allowed):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert gpus_of_runs() == [allowed] * 3


def test_a_new_run_gets_the_gpu_that_has_become_free(gpus_of_runs, smi):
    smi(f"echo '{TWO}'")
    assert gpus_of_runs() == ["0", "1", "1"]


@pytest.mark.parametrize(
    ("allowed", "seen"), [("4,5", ["4", "5", "4"]), ("4", ["4", "4", "4"]), (None, [None] * 3)]
)
def test_runs_side_by_side_share_the_gpus_of_their_job_out(tmp_path, monkeypatch, allowed, seen):
    if allowed is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    environments = []

    class Process(subprocess.Popen):
        def __init__(self, command, env):
            environments.append(env)
            super().__init__([shutil.which("true") or sys.executable, "-V"], env=env)

    monkeypatch.setattr(side_by_side.subprocess, "Popen", Process)
    side_by_side.execute_side_by_side(tmp_path, ["a", "b", "c"], StopRequest(), in_job=False)
    assert [env.get("CUDA_VISIBLE_DEVICES") for env in environments] == seen
