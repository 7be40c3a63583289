"""A run that is repeated after it was killed gives the results of an undisturbed run."""

import logging
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from aevae.errors import RunFailed
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.layout import SweepPaths
from aevae.files.schema import check_results, open_results
from aevae.training.checkpoint import load_newest, save_checkpoint
from aevae.training.loop import TrainState
from aevae.training.run import execute, is_done

CPU = torch.device("cpu")


class Malicious:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def saved(paths, config, *epochs):
    state = TrainState.new(config, CPU)
    for epoch in epochs:
        state.epoch = epoch
        save_checkpoint(paths, config, state)


def test_06_08_sigkill_in_mid_training_changes_no_bit(weird, spec, aevae, command_environment):
    settings = [
        "--set",
        "train.epochs=15",
        "--set",
        'models=["vae"]',
        "--set",
        "train.batch_size=16",
        "--set",
        "train.early_stopping=12",
        "--set",
        "data.train_images=1200",
    ]
    found = []
    for name in ("undisturbed", "killed"):
        sweep = SweepPaths(weird / name)
        config = _lay_out(spec, sweep, settings)
        paths = sweep.run(config.run_id)
        command = [sys.executable, "-m", "jobs.cli", "run", str(sweep.root), "--index", "0"]
        if name == "killed":
            with subprocess.Popen(
                command, env=command_environment, stderr=subprocess.DEVNULL
            ) as process:
                deadline = time.monotonic() + 60
                while not paths.checkpoints() and time.monotonic() < deadline:
                    time.sleep(0.01)
                process.kill()
            assert process.returncode == -9
            assert paths.checkpoints()
            assert not paths.trained.exists()
            (paths.root / ".trained.h5.0badf00d.tmp").write_bytes(b"orphan")
        result = aevae("run", sweep.root, "--index", 0, cwd=weird)
        assert result.returncode == 0, result.stderr
        assert not list(paths.root.glob(".*.tmp"))
        with open_results(paths) as results:
            found.append({n: results.array(n).tobytes() for n in results.all_names()})
    differing = {n for n in found[0] if found[0][n] != found[1][n]}
    assert differing <= {"history/epoch_seconds"}
    assert found[0].keys() == found[1].keys()


def _lay_out(spec, sweep, settings):
    from jobs.sweep.folder import lay_out
    from jobs.sweep.spec import load_spec

    loaded = load_spec(spec, settings[1::2])
    runs = loaded.runs(str(spec))
    lay_out(loaded, runs, sweep.root)
    return runs[0]


def test_09_truncated_newest_checkpoint_is_passed_over(weird, tiny_config, plan, caplog):
    config = tiny_config()
    paths = plan(SweepPaths(weird), config)
    saved(paths, config, 1, 2, 3)
    newest, older = paths.checkpoints()
    newest.write_bytes(newest.read_bytes()[:1000])
    with caplog.at_level(logging.WARNING):
        assert load_newest(paths, config, CPU).epoch == 2
    assert f"{newest.name} is damaged" in caplog.text
    older.write_bytes(b"")
    assert load_newest(paths, config, CPU) is None


def test_a_disk_that_fails_costs_neither_checkpoints_nor_results(
    weird, tiny_config, plan, small_evaluation
):
    config = tiny_config()
    paths = plan(SweepPaths(weird), config)
    saved(paths, config, 1)
    for path in (paths.checkpoint(2), paths.trained):
        path.symlink_to("/proc/self/mem")  # the kernel refuses its bytes with EIO
    with pytest.raises(OSError, match=r"Input/output error: .*checkpoint-000002.pt"):
        load_newest(paths, config, CPU)
    with pytest.raises(OSError, match=r"Input/output error: .*trained.h5"):
        is_done(paths, small_evaluation)
    assert paths.trained.is_symlink()  # and not renamed, as a damaged file is


def test_25_checkpoint_of_another_configuration_is_refused(weird, tiny_config, plan):
    paths = plan(SweepPaths(weird), tiny_config())
    saved(paths, tiny_config(seed=1), 1)
    with pytest.raises(RunFailed, match="made with seed = 1, this run has 0"):
        load_newest(paths, tiny_config(), CPU)


def test_26_malicious_checkpoint_is_not_executed(weird, tiny_config, plan):
    config = tiny_config()
    paths = plan(SweepPaths(weird), config)
    owned = weird / "owned"
    torch.save({"version": 1, "model": Malicious(owned)}, paths.checkpoint(1))
    paths.checkpoint(2).write_bytes(pickle.dumps(Malicious(owned), protocol=2))
    assert load_newest(paths, config, CPU) is None
    assert not owned.exists()


KILLED_WHILE_WRITING = """
import os, signal, sys
from jobs.cli.main import main
fsync, name = os.fsync, sys.argv.pop()

def kill_this_process(descriptor):
    if name in os.readlink(f"/proc/self/fd/{descriptor}"):
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)

os.fsync = kill_this_process
main()
"""


def test_07_10_19_sigkill_while_a_file_is_written_leaves_what_was_there(
    weird, spec, aevae, command_environment
):
    sweep = SweepPaths(weird / "sweep")
    paths = sweep.run(_lay_out(spec, sweep, []).run_id)
    run = ["run", str(sweep.root), paths.run_id]
    for name, checkpoints, trained in (
        ("checkpoint-000002.pt", [1], False),
        ("trained.h5", [2, 1], False),
        ("evaluation.h5", [], True),
    ):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_WHILE_WRITING, *run, name],
            env=command_environment,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        assert killed.returncode == -9
        assert next(paths.root.glob(".*.tmp")).name.startswith(f".{name}")
        assert paths.checkpoints() == [paths.checkpoint(epoch) for epoch in checkpoints]
        assert paths.trained.exists() == trained
        assert not paths.evaluation.exists()
    assert aevae(*run, cwd=weird).returncode == 0
    assert check_results(paths).config.run_id == paths.run_id
    names = {p.name for p in paths.root.iterdir()}
    assert names == {"config.json", "progress.json", "trained.h5", "evaluation.h5", "attempts"}


@pytest.mark.parametrize("name", ["trained.h5", "evaluation.h5"])
def test_a_damaged_file_is_renamed_and_made_again(weird, tiny_config, plan, small_evaluation, name):
    sweep, config = SweepPaths(weird), tiny_config()
    paths = plan(sweep, config)
    execute(sweep, config.run_id, ExecutionConfig(threads=1), small_evaluation, StopRequest())
    (paths.root / name).write_bytes(b"not HDF5")
    execute(sweep, config.run_id, ExecutionConfig(threads=1), small_evaluation, StopRequest())
    assert check_results(paths).config == config
    assert (paths.root / f"{name}.damaged").read_bytes() == b"not HDF5"
