"""With control groups, a job is held to the memory and the GPU that it asked for."""

import os
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(280),
    pytest.mark.skipif(
        not Path("/sys/fs/cgroup/memory/cgroup.procs").exists(),
        reason="needs version 1 of control groups",
    ),
]


def test_18_a_run_whose_step_is_killed_for_its_memory_is_not_submitted_again(
    onehost, sweep, folder
):
    onehost.up("--cgroups")
    # The weights alone are larger than the gigabyte that the profile asks for.
    sweep += ["--set", 'models=["ae"]', "--set", "ae.hidden_sizes=[16000,16000]"]
    sweep += ["--set", "seeds=[0]"]
    onehost.aevae(*sweep)
    onehost.wait_accounted(folder.job, "FAILED")
    # On a busy machine, accounting hears of the end of a job before that of its step.
    deadline = time.monotonic() + 60
    while onehost.accounted(folder.job, "derivedexitcode") != ["0:125"]:
        assert time.monotonic() < deadline, onehost.accounted(folder.job, "state,derivedexitcode")
        time.sleep(0.5)
    assert list(onehost.states(folder).values()) == [("failed", "out_of_memory")]
    again = onehost.aevae(*sweep).stderr
    assert "1 run is out of memory" in again
    assert "0 runs submitted" in again


def test_a_job_can_open_only_a_gpu_that_it_was_given(onehost, tmp_path):
    onehost.up("--cgroups")
    command = f"cat {Path(os.environ['SLURM_CONF']).parents[1]}/dev/gpu01"
    node = ("--partition=gpu", "--nodelist=gpu01", "--mem=100")
    log = tmp_path / "log"
    said = []
    for asked in ((), ("--gres=gpu:v100:1",)):
        job = ("--parsable", *node, *asked, f"--output={log}", "--wrap", command)
        onehost.wait_ended(onehost.slurm("sbatch", *job))
        said.append(log.read_text())
    assert "Operation not permitted" in said[0]
    assert "No such device or address" in said[1]  # it may open it, but there is no driver
