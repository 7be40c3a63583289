"""Jobs in a container image: what is bound into it, and how they come back into the queue.

There is no Apptainer where the tests run, so its exact command is compared.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from aevae.errors import InputError
from aevae.files.layout import SweepPaths
from jobs.launch.container import python_lines, python_words, requeue_lines, write_stand_in
from jobs.launch.on_node import node_command
from jobs.launch.script import batch_script
from jobs.scheduler.profile import SLURM_FILES, ClusterProfile
from jobs.scheduler.request import JobRequest

IMAGE = JobRequest(container=Path("/images/a.sif"))


@pytest.fixture
def paths(tmp_path):
    """A sweep's folder as a launcher leaves it, under a name with blanks."""
    paths = SweepPaths(tmp_path / "my sweep")
    paths.submitit.mkdir(parents=True)
    write_stand_in(paths)
    return paths


@pytest.mark.parametrize(
    ("keys", "gpu"), [({}, False), ({"gpus": 1}, True), ({"gres": "shard:1"}, True)]
)
def test_the_gpu_is_bound_where_one_is_asked_for(keys, gpu):
    request = JobRequest(container=Path("/images/a.sif"), **keys)
    assert ("--nv" in python_words(request, [])) == gpu


def test_folders_are_bound_once_and_those_that_cannot_be_are_refused(tmp_path):
    words = python_words(IMAGE, [Path("/a b"), Path("/a b")])
    assert words == ["apptainer", "exec", "--bind", "/a b", "/images/a.sif", "python3"]
    with pytest.raises(InputError, match="a container needs folders without ',' and ':'"):
        python_words(IMAGE, [Path("/a,b")])


def test_data_that_is_not_there_is_not_bound(paths, tmp_path):
    for folder in (tmp_path, tmp_path / "not there"):
        profile = ClusterProfile(container=Path("/images/a.sif"), data_dir=folder)
        assert (f"--bind {folder} " in batch_script(paths, 1, profile, 1)) == (folder == tmp_path)


def test_packages_of_the_users_shell_stay_out_of_the_image():
    lines = python_lines(JobRequest(container="/a.sif", container_command="singularity"), None)
    assert "export SINGULARITYENV_PYTHONPATH=''" in lines


@pytest.mark.parametrize(
    ("inside", "code", "job", "requeued", "ended"),
    [
        # The time limit: submitit asks for the requeue, and ends with its own code.
        (["requeue"], 255, "", True, 0),
        (["show"], 0, "JobState=RUNNING PreemptTime=2026-01-01T00:00:00 x=y", True, 0),
        (["show"], 0, "JobState=RUNNING PreemptTime=None x=y", False, 0),
        (["show"], 0, None, False, 0),
        ([], 0, "", False, 0),
        ([], 3, "", False, 3),
    ],
)
def test_what_is_asked_of_slurm_inside_an_image_is_done_outside(
    paths, tmp_path, monkeypatch, inside, code, job, requeued, ended
):
    outside = tmp_path / "bin" / "scontrol"
    outside.parent.mkdir()
    answer = "exit 1" if job is None else f"echo '{job}'"
    outside.write_text(
        f'#!/bin/sh\ncase $1 in requeue) echo "$2" >"{tmp_path}/requeued";; *) {answer};; esac\n'
    )
    outside.chmod(0o755)
    monkeypatch.setenv("PATH", f"{outside.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    before, after = requeue_lines(paths, IMAGE)
    # In an image, the folder of the stand-in comes first.
    asked = [f'PATH="$APPTAINERENV_PREPEND_PATH:$PATH" scontrol {what} 77' for what in inside]
    script = "\n".join([*before, *asked, f"(exit {code})", *after])
    left_by_a_killed_job = paths.submitit / "asked-77"
    left_by_a_killed_job.write_text("requeue\n")
    done = subprocess.run(["/bin/bash", "-c", script], check=False, timeout=60)
    assert done.returncode == ended
    assert (tmp_path / "requeued").exists() == requeued
    assert not left_by_a_killed_job.exists()


def test_the_doctor_runs_in_the_image_with_the_folders_that_it_looks_at():
    *_, bash, _, script = node_command(ClusterProfile(container="/a.sif"), ["x y"], [Path("/data")])
    assert bash == "/bin/bash"
    last = script.splitlines()[-1]
    assert re.fullmatch(
        r"apptainer exec --bind /data --bind \S+ /a.sif python3 -m jobs.cli doctor 'x y'", last
    )


@pytest.mark.parametrize("gpu", ["", "0"])
def test_the_script_for_submitting_by_hand_runs_in_an_image(tmp_path, monkeypatch, gpu):
    apptainer = tmp_path / "bin" / "apptainer"
    apptainer.parent.mkdir()
    apptainer.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    apptainer.chmod(0o755)
    (tmp_path / "my sweep").mkdir()
    values = {"PATH": f"{apptainer.parent}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "3"}
    values |= {"SWEEP_DIR": "my sweep", "AEVAE_CONTAINER": "/a.sif", "SLURM_JOB_GPUS": gpu}
    done = subprocess.run(
        ["/bin/bash", SLURM_FILES / "train.sbatch"],
        cwd=tmp_path,
        env=values,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    nv = ["--nv"] if gpu else []
    folder = str(tmp_path / "my sweep")
    words = done.stdout.splitlines()
    assert words[: 7 + len(nv)] == [
        *("exec", *nv, "--bind", folder, "/a.sif"),
        *("aevae", "run", folder),
    ]
    assert words[-2:] == ["--index", "3"]
