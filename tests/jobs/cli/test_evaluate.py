"""What can be made again from the trained models is made again without training."""

import json

import h5py
import pytest

from aevae.files.fields import SCHEMA_VERSION


def contents(sweep, name):
    return {run.run_id: (run.root / name).read_bytes() for run in sweep.planned()}


def attempts(sweep):
    return sum(len(run.attempts()) for run in sweep.planned())


def test_evaluating_again_gives_the_same_bytes_and_trains_nothing(done, weird, aevae):
    trained, evaluated = contents(done, "trained.h5"), contents(done, "evaluation.h5")
    unchanged = aevae("evaluate", done.root, cwd=weird)
    assert unchanged.returncode == 0, unchanged.stderr
    assert attempts(done) == 2
    again = aevae("evaluate", done.root, "--again", cwd=weird)
    assert again.returncode == 0, again.stderr
    assert attempts(done) == 4
    assert contents(done, "trained.h5") == trained
    assert contents(done, "evaluation.h5") == evaluated


def test_other_settings_hold_for_the_sweep_from_then_on(done, weird, spec, aevae):
    trained = contents(done, "trained.h5")
    here = ["--cluster", "debug"]  # one process is quicker than two
    setting = ["--set", "evaluation.grid_size=5"]
    changed = aevae("evaluate", done.root, *setting, *here, cwd=weird)
    assert changed.returncode == 0, changed.stderr
    for run in done.planned():
        with h5py.File(run.evaluation) as file:
            assert json.loads(file.attrs["evaluation"])["grid_size"] == 5
            assert file["grid/quantile/z"].shape == (5, 5, 2)
    assert contents(done, "trained.h5") == trained
    assert aevae("status", done.root, cwd=weird).returncode == 0
    # The specification says 3: launching it again makes the evaluation that belongs to it.
    relaunched = aevae("sweep", spec, "--out", done.root, *here, cwd=weird)
    assert relaunched.returncode == 0, relaunched.stderr
    assert contents(done, "trained.h5") == trained
    with h5py.File(done.planned()[0].evaluation) as file:
        assert file["grid/quantile/z"].shape == (3, 3, 2)


def test_a_run_that_was_killed_between_its_two_files_is_only_evaluated(done, weird, spec, aevae):
    run = done.planned()[0]
    run.evaluation.unlink()
    trained = run.trained.read_bytes()
    seen = aevae("status", done.root, cwd=weird)
    assert "trained, but not evaluated" in seen.stdout
    assert aevae("sweep", spec, "--out", done.root, cwd=weird).returncode == 0
    assert run.trained.read_bytes() == trained
    assert "epoch 1:" not in run.attempt(2).stderr.read_text()


@pytest.mark.parametrize("command", ["sweep", "evaluate"])
def test_a_file_of_a_newer_release_stops_the_launch_in_one_line(done, weird, spec, aevae, command):
    run = done.planned()[0]
    with h5py.File(run.trained, "r+") as file:
        file.attrs["schema_version"] = SCHEMA_VERSION + 1
    with h5py.File(run.evaluation, "r+") as file:
        file.attrs["later"] = 1  # of another size than the attempt recorded
    newer = run.trained.read_bytes()
    arguments = [spec, "--out", done.root] if command == "sweep" else [done.root]
    refused = aevae(command, *arguments, cwd=weird)
    assert refused.returncode == 2
    expected = f"{run.trained}: written by a newer aevae: schema version {SCHEMA_VERSION + 1}; "
    assert expected in refused.stderr.splitlines()[-1]
    assert run.trained.read_bytes() == newer
    assert attempts(done) == 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.epochs=3", "--set takes evaluation.key=value here, got 'train.epochs=3'"),
        ("evaluation.grid_size=1", "evaluation.grid_size: input should be greater than"),
        ("evaluation.samples_per_sampler=2800000", "samples/prior/image: shape (2800000, 28, 28)"),
    ],
)
def test_bad_settings_are_one_line_and_change_nothing(done, weird, aevae, setting, message):
    before = done.spec.read_bytes(), contents(done, "evaluation.h5")
    refused = aevae("evaluate", done.root, "--set", setting, cwd=weird)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert message in line
    assert (done.spec.read_bytes(), contents(done, "evaluation.h5")) == before


def test_a_sweep_of_an_older_release_is_not_evaluated_again(weird, aevae, schema_1):
    refused = aevae("evaluate", schema_1, cwd=weird)
    assert refused.returncode == 2
    assert "an older aevae wrote it" in refused.stderr


def test_what_is_not_trained_is_left_alone(weird, spec, aevae):
    assert aevae("sweep", spec, "--out", weird / "s", "--prepare", cwd=weird).returncode == 0
    refused = aevae("evaluate", weird / "s", cwd=weird)
    assert refused.returncode == 2
    assert "no run of" in refused.stderr
