"""Local sweeps must survive impatience: two launchers, a cancel, a killed launcher."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.sweep.folder import Sweep

LONG = ("--set", "train.epochs=4000", "--set", "train.batch_size=64")


@pytest.fixture
def start(command_environment, weird, aevae):
    """Start the command in the background; it is ended with the test, and its runs with it."""
    processes = []

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs.cli", *map(str, arguments)],
            cwd=weird,
            env=command_environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
    for sweep in weird.glob("*/sweep.toml"):  # runs outlive a launcher that is killed
        aevae("cancel", sweep.parent, cwd=weird)
    for process in processes:
        process.communicate()


def wait_until(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def states(out: Path, aevae, weird):
    return [
        r["state"] for r in json.loads(aevae("status", out, "--json", cwd=weird).stdout)["runs"]
    ]


def checkpointed(out: Path):
    return len(list(out.glob("runs/*/checkpoint-*.pt")))


def test_20_of_two_launchers_one_works_and_cancel_stops_it_with_checkpoints(
    weird, spec, aevae, start
):
    out = weird / "long"
    launcher = start("sweep", spec, "--out", out, "--jobs", 2, *LONG)
    wait_until(lambda: checkpointed(out) >= 2)
    second = aevae("sweep", spec, "--out", out, *LONG, cwd=weird)
    assert second.returncode == 2
    named = f"process {launcher.pid} on {socket.gethostname()}"
    assert f"another launcher ({named}) is at work" in second.stderr
    assert states(out, aevae, weird) == ["running", "running"]
    follower = start("logs", out, Sweep.open(out).runs.planned[0], "--follow")

    assert aevae("cancel", out, cwd=weird).returncode == 0
    assert launcher.wait(60) == 75
    assert follower.wait(60) == 0
    assert states(out, aevae, weird) == ["interrupted", "interrupted"]
    assert all(len(run.attempts()) == 1 for run in Sweep.open(out).paths.planned())
    assert "nothing was running" in aevae("cancel", out, cwd=weird).stderr


def test_21_runs_outlive_a_killed_launcher_and_the_next_one_waits_for_them(
    weird, spec, aevae, start
):
    out = weird / "orphans"
    settings = ("--set", "train.epochs=60", "--set", "train.batch_size=32")
    launcher = start("sweep", spec, "--out", out, "--jobs", 2, *settings)
    wait_until(lambda: len(list(out.glob("runs/*/progress.json"))) == 2)
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    again = aevae("sweep", spec, "--out", out, *settings, cwd=weird)
    assert again.returncode == 0, again.stderr
    assert states(out, aevae, weird) == ["done", "done"]
    assert all(len(run.attempts()) == 1 for run in Sweep.open(out).paths.planned())


def test_14_a_run_told_to_stop_three_times_saves_exits_75_and_goes_on(weird, spec, aevae, start):
    out = weird / "stopped"
    settings = ("--set", "train.epochs=200", "--set", 'models=["vae"]')
    first = aevae("sweep", spec, "--out", out, "--prepare", *settings, cwd=weird)
    assert first.returncode == 0
    process = start("run", out, "--index", 0)
    wait_until(lambda: checkpointed(out) >= 1)
    for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGUSR2):
        os.kill(process.pid, number)
    assert process.wait(60) == 75
    assert "SIGUSR2 after epoch" in process.stderr.read()
    again = aevae("run", out, "--index", 0, cwd=weird)
    assert again.returncode == 0, again.stderr
    assert states(out, aevae, weird) == ["done"]


def test_a_failed_run_is_named_and_tried_again(weird, spec, aevae):
    out = weird / "diverges"
    settings = ("--set", "train.learning_rate=1e30", "--set", 'models=["vae"]')
    for attempt in (1, 2):
        result = aevae("sweep", spec, "--out", out, *settings, cwd=weird)
        assert result.returncode == 1
        assert "failed: diverged: train loss is" in result.stderr
        run = json.loads(aevae("status", out, "--json", cwd=weird).stdout)["runs"][0]
        assert (run["state"], run["attempts"]) == ("failed", attempt)


def test_the_debug_cluster_runs_in_this_process(weird, spec, aevae):
    out = weird / "debug"
    result = aevae("sweep", spec, "--out", out, "--cluster", "debug", cwd=weird)
    assert result.returncode == 0, result.stderr
    assert "2 runs: 2 done" in result.stderr
    pids = [json.loads(p.read_text())["pid"] for p in out.glob("runs/*/attempts/1/attempt.json")]
    assert len(set(pids)) == 1
    logs = [path.read_text() for path in out.glob("runs/*/attempts/1/stderr")]
    assert [log.count("epoch 2: train ") for log in [result.stderr, *logs]] == [2, 1, 1]
