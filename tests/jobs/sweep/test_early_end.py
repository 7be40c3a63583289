"""A job that ends before it claims an attempt at its run: status and logs say why."""

import json
import os

import pytest

from aevae.files.attempt import Attempt
from aevae.files.layout import SweepPaths
from aevae.files.runs import read_runs
from jobs.sweep.early_end import (
    early_end,
    failed_start,
    log_tail,
    record_failed_start,
    submitted_job,
)

TRACEBACK = """
Lmod has loaded cuda/12.1
Traceback (most recent call last):
  File "submission.py", line 55, in process_job
    result = delayed.result()
aevae.errors.InputError: /scratch/x holds no sweep
  of any kind
srun: error: node7: task 0: Exited with exit code 1
slurmstepd: error: *** JOB 7 ON node7 CANCELLED AT 2026-11-25T10:00:00 ***
"""


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (TRACEBACK, "aevae.errors.InputError: /scratch/x holds no sweep"),
        ("Lmod\n/x/script: line 9: cuda: command not found\n", "/x/script: line 9: cuda: command"),
        ("srun: error: Unable to create step for job 7: Invalid account\n", "srun: error: Unable"),
        ("srun: error: node7: task 0: Segmentation fault\n", "srun: error: node7: task 0: Segm"),
        ("Traceback (most recent call last):\n", "Traceback (most"),
        ("\x1b[31mno\tspace\a\n", "[31mno space"),
        ("a" * 100_000, "a" * 300),
    ],
)
def test_the_line_that_tells_most_is_the_reason(tmp_path, log, reason):
    paths = SweepPaths(tmp_path)
    paths.submitit.mkdir()
    paths.job_log("7_3").write_text(log)
    assert early_end(paths, "7_3").startswith(f"its job ended before the run began: {reason}")


@pytest.mark.parametrize("log", [None, b"", b"\n \n"])
def test_a_job_that_said_nothing_is_still_said_to_have_ended(tmp_path, log):
    paths = SweepPaths(tmp_path)
    paths.submitit.mkdir()
    if log is not None:
        paths.job_log("7").write_bytes(log)
    assert early_end(paths, "7") == "its job ended before the run began"


def test_an_attempt_is_newer_than_a_start_that_failed_before_it(tmp_path):
    run = SweepPaths(tmp_path).run("ae-z002-s0-0000000000")
    run.sweep.submitit.mkdir()
    run.root.mkdir(parents=True)
    record_failed_start(run, "55")
    assert failed_start(run) == "55"
    Attempt.claim(run)
    assert failed_start(run) is None


def test_of_a_long_log_the_end_is_read(tmp_path):
    paths = SweepPaths(tmp_path)
    paths.submitit.mkdir()
    paths.job_log("7").write_bytes(b"a" * 10 + b"b" * 65_534 + b"\xffc\n")
    assert log_tail(paths, "7") == "b" * (65_536 - 3) + "\ufffdc"
    assert log_tail(paths, "8") == ""
    paths.job_log("8").write_text("\n short \n")
    assert log_tail(paths, "8") == "short"


def test_of_a_job_that_nobody_knows_the_end_has_no_reason(tmp_path):
    assert early_end(SweepPaths(tmp_path), None) == "its job ended before the run began"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        # The last error counts, and what follows it is of no use.
        (
            TRACEBACK + TRACEBACK.replace("/scratch/x", "/scratch/y"),
            "aevae.errors.InputError: /scratch/y holds no sweep",
        ),
        (
            "Traceback (most recent call last):\n  File x\nE: 1\nDuring handling, another:\n"
            "Traceback (most recent call last):\n  File y\nF: 2\nbye\n",
            "F: 2",
        ),
        ("why\nsrun: Terminating StepId=7.0\n", "why"),
        ("why\nsrun: launch/slurm: _step_signal\n", "why"),
        ("why\nslurmstepd: error: *** STEP 7.0 ON n CANCELLED ***\n", "why"),
        ("  why  \n\n", "why"),
        ("a\x00b\n", "a b"),
    ],
)
def test_the_reason_is_one_line_and_no_more(tmp_path, log, reason):
    paths = SweepPaths(tmp_path)
    paths.submitit.mkdir()
    paths.job_log("7").write_text(log)
    assert early_end(paths, "7") == f"its job ended before the run began: {reason}"


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"job": "5"}', b"\xff"])
def test_a_record_of_a_failed_start_that_cannot_be_read_is_none(tmp_path, content):
    run = SweepPaths(tmp_path).run("ae-z002-s0-0000000000")
    run.sweep.submitit.mkdir()
    if content is not None:
        run.sweep.failed_start(run.run_id).write_bytes(content)
    assert failed_start(run) is None


def test_a_run_is_found_in_the_newest_job_that_it_was_submitted_with(sweep, submit):
    first, second = (sweep.paths.run(run_id) for run_id in sweep.runs.current)
    assert submitted_job(first) is None
    submit(number=1, job_id="77")
    assert (submitted_job(first), submitted_job(second)) == ("77_0", "77_1")
    submit(number=2, job_id="80", run_ids=[second.run_id])
    assert (submitted_job(first), submitted_job(second)) == ("77_0", "80")
    # Of the last one nobody knows whether sbatch took it.
    submit(number=3, job_id=None)
    assert (submitted_job(first), submitted_job(second)) == ("77_0", "80")
    submit(number=4, job_id="90", runs_per_job=2)
    assert (submitted_job(first), submitted_job(second)) == ("90", "90")


def prepared(aevae, spec, out):
    done = aevae("sweep", spec, "--out", out, "--prepare", cwd=out.parent)
    assert done.returncode == 0, done.stderr
    paths = SweepPaths(out)
    return paths.run(read_runs(paths).current[0])


def state(aevae, out):
    run = json.loads(aevae("status", out, "--json", cwd=out.parent).stdout)["runs"][0]
    return run["state"], run["reason"]


def test_a_local_run_whose_folder_cannot_be_made_says_so(weird, spec, aevae):
    out = weird / "sweep"
    run = prepared(aevae, spec, out)
    (run.root / "attempts").symlink_to("purged")
    swept = aevae("sweep", spec, "--out", out, "--only", run.run_id, cwd=weird)
    assert swept.returncode == 1
    found, reason = state(aevae, out)
    assert found == "failed"
    assert reason.startswith("its job ended before the run began: FileExistsError: [Errno 17] File")
    assert f"{run.run_id} failed: {reason}; see aevae logs" in swept.stderr
    log = aevae("logs", out, run.run_id, cwd=weird)
    assert log.returncode == 0
    assert log.stdout.startswith("--- submitit's log of job ")
    assert "Traceback" in log.stdout


def test_a_local_process_that_is_killed_before_its_attempt_is_seen(
    weird, spec, aevae, command_environment, monkeypatch
):
    out = weird / "sweep"
    run = prepared(aevae, spec, out)
    Attempt.claim(run).finish("failed", "diverged")  # of an earlier launch
    killed = "import os, sys\nif 'submitit.core._submit' in sys.orig_argv: os.kill(os.getpid(), 9)"
    (weird / "sitecustomize.py").write_text(killed)
    path = [str(weird), os.environ.get("PYTHONPATH", "")]
    command_environment["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    assert aevae("sweep", spec, "--out", out, "--only", run.run_id, cwd=weird).returncode == 1
    assert state(aevae, out) == ("failed", "its job ended before the run began")
    assert "(it is empty)" in aevae("logs", out, run.run_id, cwd=weird).stdout
