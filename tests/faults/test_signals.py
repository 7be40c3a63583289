"""No signal is lost, whenever it arrives, and none damages a checkpoint."""

import os
import signal

import pytest

from aevae.errors import Interrupted
from aevae.execution import STOP_SIGNALS, ExecutionConfig, StopRequest
from aevae.files.attempt import read_record
from aevae.files.layout import SweepPaths
from aevae.files.schema import open_results
from aevae.training.run import execute

ONE_THREAD = ExecutionConfig(threads=1)


@pytest.fixture
def stop():
    """A stop request that handles the signals of this process, as in a job."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield StopRequest().install()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def run(weird, tiny_config, plan):
    """A planned run of four epochs: the sweep, the paths of the run and its id."""
    config = tiny_config(epochs=4)
    sweep = SweepPaths(weird)
    return sweep, plan(sweep, config), config.run_id


def test_13_usr2_inside_an_except_that_swallows_everything_still_stops(run, stop, small_evaluation):
    sweep, paths, run_id = run
    try:
        os.kill(os.getpid(), signal.SIGUSR2)
        raise ValueError("what a library might catch")
    except Exception:  # noqa: BLE001 - the case at hand
        os.kill(os.getpid(), signal.SIGUSR2)
    with pytest.raises(Interrupted, match="SIGUSR2"):
        execute(sweep, run_id, ONE_THREAD, small_evaluation, stop)
    assert [p.name for p in paths.checkpoints()] == ["checkpoint-000001.pt"]


def test_14_signals_during_a_save_leave_one_valid_checkpoint(
    run, stop, monkeypatch, small_evaluation
):
    sweep, paths, run_id = run
    save = os.fsync

    def interrupted_save(descriptor):
        # In each save, SLURM announces the time limit twice (USR2), and then ends the job (TERM).
        for number in (signal.SIGUSR2, signal.SIGUSR2, signal.SIGTERM):
            os.kill(os.getpid(), number)
        save(descriptor)

    monkeypatch.setattr(os, "fsync", interrupted_save)
    with pytest.raises(Interrupted, match="SIGUSR2"):
        execute(sweep, run_id, ONE_THREAD, small_evaluation, stop)
    monkeypatch.undo()
    (attempt,) = paths.attempts()
    record = read_record(attempt)
    assert (record.outcome, record.reason) == ("interrupted", "SIGUSR2 after epoch 1")
    assert len(paths.checkpoints()) == 1
    assert not list(paths.root.glob(".*.tmp"))
    execute(sweep, run_id, ONE_THREAD, small_evaluation, StopRequest())
    with open_results(paths) as results:
        assert len(results.array("history/val/loss")) == 4
