"""Links out of a sweep, wrong clocks, missing runs, and earlier attempts that are still alive."""

import os
import shutil
import subprocess
import sys

import h5py
import pytest

import aevae.files.dataset
import aevae.training.stages
from aevae.errors import Interrupted, RunFailed
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.atomic import publish_text
from aevae.files.attempt import Attempt, read_record
from aevae.files.layout import SweepPaths
from aevae.training.checkpoint import load_newest, save_checkpoint
from aevae.training.loop import TrainState
from aevae.training.run import execute
from aevae.training.stages import choose_device

ONE_THREAD = ExecutionConfig(threads=1)


def test_24_an_older_attempt_does_not_publish_over_a_newer_one(
    weird, tiny_config, plan, monkeypatch, small_evaluation
):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    evaluate = aevae.training.stages.evaluate

    def evaluate_while_another_host_takes_over(*arguments):
        publish_text(paths.attempt(1).record, "{}")  # the other host cannot see this process
        assert Attempt.claim(paths).record.number == 2
        return evaluate(*arguments)

    monkeypatch.setattr(aevae.training.stages, "evaluate", evaluate_while_another_host_takes_over)
    with pytest.raises(Interrupted, match="attempt 2 has taken over from 1"):
        execute(sweep, config.run_id, ONE_THREAD, small_evaluation, StopRequest())
    assert not paths.evaluation.exists()


def test_24_runs_that_begin_at_once_share_a_dataset_that_each_may_publish(
    weird, tiny_config, plan, monkeypatch, small_evaluation
):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    examine, copy = aevae.files.dataset.examine, weird / "copy"

    def examine_while_another_run_publishes(path):
        header = examine(path)
        if path == sweep.dataset and not copy.exists():
            shutil.copy(path, copy)
            shutil.copy(path, weird / "again")
            (weird / "again").replace(path)
        return header

    monkeypatch.setattr(aevae.files.dataset, "examine", examine_while_another_run_publishes)
    execute(sweep, config.run_id, ONE_THREAD, small_evaluation, StopRequest())
    assert copy.exists()
    assert paths.evaluation.exists()


@pytest.mark.parametrize("linked", ["runs/RUN", "runs/RUN/attempts", "runs/RUN/trained.h5"])
def test_28_what_leads_out_of_the_sweep_is_refused(weird, spec, aevae, linked):
    outside = weird / "outside"
    outside.mkdir()
    prepared = aevae("sweep", spec, "--out", weird / "sweep", "--prepare", cwd=weird)
    assert prepared.returncode == 0, prepared.stderr
    run = next((weird / "sweep" / "runs").glob("ae*"))
    place = weird / "sweep" / linked.replace("RUN", run.name)
    if place == run:
        shutil.move(place, outside / "moved")
    target = outside / "moved"
    place.symlink_to(target, target_is_directory=True)
    before = sorted(outside.rglob("*"))
    launched = aevae("sweep", spec, "--out", weird / "sweep", cwd=weird)
    executed = aevae("run", weird / "sweep", run.name, cwd=weird)
    for result in (launched, executed):
        assert result.returncode == 2
        assert "leads out of the sweep, to " in result.stderr
        assert "Traceback" not in result.stderr
    assert sorted(outside.rglob("*")) == before


def test_28_a_sweep_may_itself_be_reached_through_a_link(
    weird, tiny_config, plan, small_evaluation
):
    config = tiny_config()
    plan(SweepPaths(weird / "real"), config)
    (weird / "link").symlink_to(weird / "real", target_is_directory=True)
    execute(SweepPaths(weird / "link"), config.run_id, ONE_THREAD, small_evaluation, StopRequest())
    assert SweepPaths(weird / "real").run(config.run_id).evaluation.exists()


def test_31_status_reads_while_runs_write(weird, spec, aevae, command_environment):
    command = [sys.executable, "-m", "jobs.cli", "sweep", str(spec), "--out", str(weird / "s")]
    command += ["--set", "train.epochs=60"]
    with subprocess.Popen(command, env=command_environment, stderr=subprocess.DEVNULL) as sweep:
        looks = 0
        while sweep.poll() is None:
            if (weird / "s" / "sweep.toml").exists():
                result = aevae("status", weird / "s", "--json", cwd=weird)
                assert result.returncode in (0, 1), result.stderr
                assert result.stderr == ""
                looks += 1
    assert sweep.returncode == 0
    assert looks >= 3


def test_32_a_gpu_that_is_not_there_is_said_before_any_data_is_read(
    weird, tiny_config, plan, small_evaluation
):
    if aevae.training.stages.torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    with pytest.raises(RunFailed, match="no_device: device 'cuda' was asked for"):
        execute(
            sweep, config.run_id, ExecutionConfig(device="cuda"), small_evaluation, StopRequest()
        )
    assert read_record(paths.attempt(1)).reason.startswith("no_device")
    assert not sweep.dataset.exists()


def test_33_clocks_decide_nothing(weird, tiny_config, plan):
    config = tiny_config()
    paths = plan(SweepPaths(weird), config)
    device = choose_device("cpu")
    state = TrainState.new(config, device)
    for epoch in (9, 10):
        state.epoch = epoch
        save_checkpoint(paths, config, state)
    os.utime(paths.checkpoint(10), (0, 0))  # 1970, as on a node without a clock
    assert load_newest(paths, config, device).epoch == 10
    for number in (9, 10):
        paths.attempt(number).root.mkdir(parents=True)
    os.utime(paths.attempt(10).root, (0, 0))
    assert paths.attempts()[-1].number == 10
    assert Attempt.claim(paths).record.number == 11


def test_34_each_gap_is_listed_and_partial_output_says_so(weird, spec, aevae, analyse):
    models = ["--set", 'models=["ae", "vae", "cvae"]']
    sweep = weird / "s"
    here = ["--cluster", "debug"]  # one process is quicker than three
    assert aevae("sweep", spec, "--out", sweep, *models, *here, cwd=weird).returncode == 0
    ae, cvae, _vae = sorted((sweep / "runs").iterdir())
    (ae / "trained.h5").unlink()
    with h5py.File(cvae / "evaluation.h5", "a") as file:
        file.attrs["schema_version"] = 0
    partial = analyse("tables", sweep, "--to", weird / "t", "--format", "md", cwd=weird)
    assert partial.returncode == 1
    missing, other_version, note = partial.stderr.splitlines()[:3]
    assert missing == f"{ae.name}: missing: no trained.h5"
    assert other_version.startswith(f"{cvae.name}: damaged: evaluation.h5: schema version 0 is")
    assert note == "partial: 1 of 3 runs"
    table = (weird / "t" / "per_digit_error.md").read_text()
    assert "Partial: 1 of 3 runs." in table
    allowed = analyse("tables", sweep, "--to", weird / "t", "--allow-partial", cwd=weird)
    assert allowed.returncode == 0, allowed.stderr
