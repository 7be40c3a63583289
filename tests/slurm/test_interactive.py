"""What a person starts by hand inside an allocation, and jobs that wait behind others."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(280)]


@pytest.fixture
def session(onehost, monkeypatch) -> Iterator[str]:
    """The job of an interactive session; commands get the environment that its shell has."""
    monkeypatch.delenv("SBATCH_PARTITION")
    with subprocess.Popen(["salloc", "--gres=gpu:v100:1", "--mem=100", "sleep", "600"]) as salloc:
        onehost.wait_for(psutil.Process(salloc.pid).children, "the session")
        shell = psutil.Process(salloc.pid).children()[0]
        onehost.wait_for(lambda: "SLURM_JOB_ID" in shell.environ(), "the environment of its shell")
        inherited = {k: v for k, v in shell.environ().items() if k.startswith("SLURM_")}
        for name, value in inherited.items():
            monkeypatch.setenv(name, value)
        yield inherited["SLURM_JOB_ID"]
        shell.terminate()


def test_a_local_sweep_in_a_session_is_interrupted_resumed_and_cancelled_but_not_the_session(
    onehost, session, sweep, folder
):
    sweep[sweep.index("onehost")] = "local"
    # Enough epochs that it is still training when a command stops it.
    sweep += ["--set", "seeds=[0]", "--set", "train.epochs=1000"]
    command = [sys.executable, "-m", "jobs.cli", *sweep]

    def started(attempt: int) -> "subprocess.Popen[bytes]":
        launcher = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        onehost.wait_for(lambda: list(folder.path.glob("runs/*/attempts")), "the run")
        folder.runs[0].hold(attempt)
        return launcher

    def state() -> tuple[str, str | None]:
        return onehost.states(folder)[folder.runs[0].name]

    with started(attempt=1) as launcher:
        launcher.send_signal(signal.SIGINT)
        folder.runs[0].go_on()
    assert state()[0] == "interrupted"
    with started(attempt=2) as launcher:
        assert state() == ("running", None)
        folder.runs[0].go_on()
        onehost.aevae("cancel", str(folder.path))
    assert state()[0] == "interrupted"
    assert onehost.slurm("squeue", "-h", "-j", session, "-o", "%T") == "RUNNING"
    assert [attempt["outcome"] for attempt in folder.runs[0].attempts] == ["interrupted"] * 2
    assert folder.runs[0].starts[1] > 0


def test_a_run_that_is_cancelled_while_it_waits_is_submitted_again(onehost, sweep, folder, profile):
    onehost.aevae(*sweep, "--cluster", profile(array_parallelism=1))
    first, second = folder.runs
    first.hold()
    onehost.aevae("cancel", str(folder.path), second.name)
    onehost.wait_for(lambda: onehost.states(folder)[second.name][0] != "pending", "the cancel")
    assert onehost.states(folder)[second.name] == ("failed", "cancelled")
    assert onehost.states(folder)[first.name] == ("running", None)
    again = onehost.aevae(*sweep).stderr
    assert "1 run submitted" in again
    first.go_on()
    folder.wait_done()
    assert [len(run.attempts) for run in folder.runs] == [1, 1]
