"""The analysis as a job: what it asks for, what it runs, and what is said if sbatch refuses it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aevae.files.layout import SweepPaths
from jobs.launch.analysis_job import analysis_script
from jobs.scheduler.profile import SLURM_FILES, ClusterProfile, load_profile

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("site", ["site-a", "site-b"])
def test_the_analysis_asks_for_what_its_site_demands(site, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/opt/aevae/bin/python")
    paths = SweepPaths(Path("/scratch/aevae/runs/paper"))
    profile = load_profile(GOLDEN / f"{site}.toml")
    script = analysis_script(paths, profile, Path("/scratch/code"), ["77", "78"])
    head = (GOLDEN / f"{site}-analysis.sbatch").read_text()
    assert script == head + (SLURM_FILES / "analysis.sbatch").read_text()


@pytest.mark.parametrize(
    ("keys", "memory"),
    [
        ({}, {"mem": "8G"}),
        ({"mem_gb": 0.0}, {"mem": "8G"}),
        ({"mem_gb": "default"}, {}),
        ({"gpus": 1, "mem_per_gpu_gb": 16.0}, {"mem-per-cpu": "4G"}),
        ({"analysis": {"mem_per_cpu_gb": 3}}, {"mem-per-cpu": "3G"}),
        ({"mem_per_cpu_gb": 1.0, "analysis": {"mem_gb": "default"}}, {}),
    ],
)
def test_the_analysis_asks_for_memory_in_the_way_of_its_site(keys, memory):
    options = ClusterProfile(**keys).analysis_request.options
    assert {name: value for name, value in options.items() if name.startswith("mem")} == memory


def test_a_sweep_with_a_difficult_name_is_analysed(weird):
    command = weird / "python"
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    command.chmod(0o755)
    folder = weird.with_name("spaces, ünïcode & 'quoted'")
    profile = ClusterProfile(python=str(command), setup=("export SET_UP=1", "test $SET_UP = 1"))
    script = weird / "script.sh"
    script.write_text(analysis_script(SweepPaths(folder), profile, None), encoding="utf-8")
    done = subprocess.run(
        ["/bin/bash", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        # What an earlier submission by hand left in the shell must not count.
        env={**os.environ, "AEVAE_CODE": "/old", "AEVAE_ANALYSIS": "false", "SWEEP_DIR": "/old"},
    )
    step = f"-m\nanalysis.cli\n{{}}\n{folder}\n"
    assert done.stdout == step.format("tables") + step.format("figures")
    assert done.returncode == 0
