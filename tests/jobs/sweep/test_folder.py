"""A launch refuses what could not run before it writes anything, and what it writes stays."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from aevae.errors import InputError
from aevae.files.layout import SweepPaths
from aevae.files.runs import RunList, read_runs, write_runs
from jobs.sweep import folder as module
from jobs.sweep.folder import Sweep, check_launch, few_steps, lay_out, restore_run, write_spec
from jobs.sweep.spec import load_spec

ELSEWHERE = "vae-z002-s9-0000000000"


def refused(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def check(spec, weird):
    """A function that checks a launch with some settings; nothing must be written."""

    def launch(folder, *settings):
        loaded = load_spec(spec, settings)
        before = sorted(weird.rglob("*"))
        try:
            check_launch(loaded, loaded.runs("it"), folder)
        finally:
            assert sorted(weird.rglob("*")) == before

    return launch


def test_a_folder_that_is_not_there_can_be_laid_out(check, weird):
    check(weird / "a" / "b" / "c")


@pytest.mark.parametrize(
    ("setting", "title"),
    [
        ("data.dataset=mnist", "MNIST"),
        ("data.dataset=fashion-mnist", "Fashion-MNIST"),
        ('evaluation.outliers=["noise", "fashion-mnist"]', "Fashion-MNIST"),
    ],
)
def test_data_that_is_not_there_is_named(check, weird, setting, title):
    said = refused(check, weird / "sweep", setting, "execution.data_dir=nowhere")
    assert said.startswith(f"{title}: nowhere/")


@pytest.mark.parametrize("tag", ["%j", "%t", "%A", "%a"])
def test_a_path_that_submitit_would_change_is_refused(check, weird, tag):
    folder = weird / f"a{tag}b" / "sweep"
    assert refused(check, folder) == (
        f"{folder}: a path must not contain %j, %t, %A, %a, which submitit would replace"
    )


def test_a_path_that_cannot_be_written_into_a_file_is_refused(check, weird, spec):
    said = refused(check, Path("/\udcff"))
    assert said == r"'/\udcff' is no UTF-8 here: rename it, or set PYTHONUTF8=1"
    loaded = load_spec(spec)
    execution = loaded.execution.model_copy(update={"data_dir": Path("/\udcff")})
    loaded = loaded.model_copy(update={"execution": execution})
    said = refused(check_launch, loaded, loaded.runs("it"), weird / "sweep")
    assert said == r"'/\udcff' is no UTF-8 here: rename it, or set PYTHONUTF8=1"


def others(monkeypatch, path):
    """Make a file or folder that of another user, who lets nobody write."""
    access = os.access

    def allowed(asked, mode):
        return access(asked, mode) and not (Path(asked) == path and mode & os.W_OK)

    monkeypatch.setattr(module.os, "access", allowed)


def test_a_place_that_cannot_be_written_is_named(check, weird, monkeypatch):
    (weird / "file").touch()
    assert refused(check, weird / "file") == f"cannot write to {weird / 'file'}"
    others(monkeypatch, weird)
    assert refused(check, weird / "a" / "b") == f"cannot write to {weird}"


def test_the_pickles_of_another_user_are_not_added_to(check, sweep, monkeypatch):
    check(sweep.paths.root)
    others(monkeypatch, sweep.paths.submitit)
    assert refused(check, sweep.paths.root) == (
        f"{sweep.paths.submitit} can only be written by its owner, because jobs execute what lies "
        "there: the owner must launch this sweep, or give --out a folder of your own"
    )
    # Others write to the folder before the first launch as well as after it.
    shutil.rmtree(sweep.paths.submitit)
    check(sweep.paths.root)


def test_a_folder_with_another_sweep_is_left_alone(check, sweep):
    folder = sweep.paths.root
    check(folder, "seeds=[7]")
    said = "train.epochs is 2 there and 3 here"
    assert refused(check, folder, "train.epochs=3") == (
        f"{folder} holds another sweep ({said}): give --out a new one"
    )
    sweep.paths.run_list.unlink()
    assert "an older aevae wrote it" in refused(check, folder)


def test_a_training_of_few_steps_is_noted(spec):
    # 1,293 images of the digits, in 2 batches.
    for epochs, note in ((49, " takes 98 steps and so hardly learns"), (50, None)):
        loaded = load_spec(spec, [f"train.epochs={epochs}", "train.batch_size=1024"])
        planned = Sweep.foresee(loaded, loaded.runs("it"), Path("nowhere"))
        said = few_steps(planned, [*planned.cells, ELSEWHERE])
        assert said is None if note is None else note in said
        assert few_steps(planned, []) is None


def test_results_too_large_to_be_stored_are_refused(check, weird, spec):
    said = refused(check, weird / "sweep", "evaluation.samples_per_sampler=10000000")
    first = load_spec(spec).runs("it")[0].run_id
    vae = load_spec(spec).runs("it")[1].run_id
    assert said.startswith((f"the results of {first} could", f"the results of {vae} could"))
    assert " could not be stored: " in said


def test_every_size_that_a_run_may_have_is_checked(check, weird):
    # Only the second of the runs is too large.
    said = refused(
        check, weird / "sweep", "model.hidden_sizes=[1]", "vae.hidden_sizes=[65536,65536]"
    )
    assert said.startswith("the results of vae-z002-s0-")


def test_more_training_images_than_there_are_are_refused(check, weird):
    check(weird / "sweep", "data.train_images=1293")
    assert refused(check, weird / "sweep", "data.train_images=1294") == (
        "data.train_images must be at most 1293, the number of training images of digits, got 1294"
    )


def test_a_link_out_of_the_sweep_is_refused(check, sweep, weird):
    run = sweep.paths.run(sweep.runs.current[1])
    shutil.rmtree(run.root)
    (weird / "outside").mkdir()
    run.root.symlink_to(weird / "outside")
    said = f"{run.root} leads out of the sweep, to {weird / 'outside'}"
    assert refused(check, sweep.paths.root) == said
    assert refused(restore_run, sweep, run.run_id) == said
    assert list((weird / "outside").iterdir()) == []


def test_a_folder_without_a_sweep_is_not_opened(weird):
    said = f"{weird} is no sweep folder: it has no sweep.toml"
    assert refused(Sweep.open, weird) == said


def test_a_sweep_is_opened_as_it_was_laid_out(sweep, weird, monkeypatch):
    assert Sweep.open(sweep.paths.root) == sweep
    monkeypatch.chdir(weird)
    assert Sweep.open(Path("sweep")) == sweep


def test_runs_are_selected_by_index_and_each_once(sweep):
    first, second = sweep.runs.current
    # As if the second had been planned first.
    shrunk = Sweep(sweep.paths, sweep.spec, RunList((second, first), (first,)))
    assert shrunk.select([]) == [first]
    assert shrunk.select([first, second, first]) == [second, first]
    said = refused(shrunk.select, [first, ELSEWHERE])
    assert said == f"{sweep.paths.root} has no run {ELSEWHERE!r}"


def test_laying_out_again_writes_only_what_is_missing(sweep, spec):
    paths, (first, second) = sweep.paths, sweep.runs.current
    kept = [paths.spec, paths.run_list, paths.run(first).config]
    before = [path.stat().st_ino for path in kept]
    text = paths.run(second).config.read_text()
    paths.run(second).config.unlink()
    runs = sweep.spec.runs("it")
    assert lay_out(sweep.spec, runs, paths.root) == sweep
    assert [path.stat().st_ino for path in kept] == before
    assert paths.run(second).config.read_text() == text == runs[1].canonical_json() + "\n"


def test_a_changed_specification_is_published_and_the_same_one_is_tidied(sweep, weird):
    half = sweep.paths.root / ".sweep.toml.0000.tmp"
    half.touch()
    changed = sweep.spec.model_copy(update={"description": "more"})
    write_spec(sweep.paths, changed)
    assert load_spec(sweep.paths.spec) == changed
    assert half.exists()  # perhaps of a launcher that is about to publish
    write_spec(sweep.paths, changed)
    assert not half.exists()


def test_what_a_killed_launcher_left_of_the_list_is_removed(sweep):
    runs = sweep.spec.runs("it")
    half = sweep.paths.root / ".runs.json.0000.tmp"
    other = sweep.paths.root / ".other.0000.tmp"
    for path in (half, other):
        path.touch()
    lay_out(sweep.spec, runs[:1], sweep.paths.root)
    assert not half.exists()
    assert other.exists()


def test_the_list_of_a_launcher_that_was_faster_is_added_to(sweep, monkeypatch):
    first, second = sweep.runs.current
    lock = module.launcher_lock

    @contextmanager
    def late(paths):
        write_runs(paths, RunList((first, second, ELSEWHERE), (ELSEWHERE,)))
        with lock(paths):
            yield

    monkeypatch.setattr(module, "launcher_lock", late)
    laid_out = lay_out(sweep.spec, sweep.spec.runs("it")[:1], sweep.paths.root)
    assert laid_out.runs == RunList((first, second, ELSEWHERE), (first,))
    assert read_runs(sweep.paths) == laid_out.runs


def test_only_what_a_purge_removed_is_restored_of_a_run(sweep):
    first, second = (sweep.paths.run(run_id) for run_id in sweep.runs.current)
    text = first.config.read_text()
    for run in (first, second):
        shutil.rmtree(run.root)
    restore_run(sweep, first.run_id)
    assert first.config.read_text() == text
    assert not second.root.exists()
    first.config.write_text("as it was launched")
    restore_run(sweep, first.run_id)
    assert first.config.read_text() == "as it was launched"
    # Of a run that has left the specification, no configuration is known.
    restore_run(sweep, ELSEWHERE)
    assert not sweep.paths.run(ELSEWHERE).root.exists()


def test_a_specification_that_was_spoilt_by_hand_is_named_when_a_run_is_restored(sweep):
    edited = sweep.spec.model_copy(update={"model": {"kl_wait": 1}})
    run_id = sweep.runs.current[0]
    sweep.paths.run(run_id).config.unlink()
    said = refused(restore_run, Sweep(sweep.paths, edited, sweep.runs), run_id)
    assert said == f"unknown key 'kl_wait' in {sweep.paths.spec} (ae); did you mean kl_weight?"


def test_a_run_whose_results_cannot_be_seen_is_not_taken_for_finished(sweep):
    run = sweep.paths.run(sweep.runs.current[0])
    run.evaluation.symlink_to(run.evaluation)
    lay_out(sweep.spec, sweep.spec.runs("it"), sweep.paths.root)
    assert not sweep.paths.dataset.exists()


def test_a_purged_dataset_is_made_from_the_data_folder_of_the_sweep(sweep, weird, monkeypatch):
    def load(data, folder):
        assert data == sweep.spec.data
        return SimpleNamespace(write=lambda path: path.write_text(str(folder)))

    monkeypatch.setattr(module, "load_dataset", load)
    sweep.paths.run(sweep.runs.current[1]).evaluation.touch()
    execution = sweep.spec.execution.model_copy(update={"data_dir": weird / "my data"})
    spec = sweep.spec.model_copy(update={"execution": execution})
    lay_out(spec, spec.runs("it"), sweep.paths.root)
    assert sweep.paths.dataset.read_text() == str(weird / "my data")


def test_a_dataset_that_is_there_is_not_made_again(sweep):
    sweep.paths.run(sweep.runs.current[1]).evaluation.touch()
    sweep.paths.dataset.write_text("as it was")
    lay_out(sweep.spec, sweep.spec.runs("it"), sweep.paths.root)
    assert sweep.paths.dataset.read_text() == "as it was"


def test_a_new_sweep_may_lie_in_folders_that_are_not_there_yet(sweep, weird):
    folder = weird / "a" / "b"
    assert lay_out(sweep.spec, sweep.spec.runs("it"), folder).paths == SweepPaths(folder)
