"""Which runs a sweep has, and which index each has: the same for every command and for ever."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aevae.errors import InputError
from aevae.files.dataset import check_dataset
from aevae.files.layout import SweepPaths
from aevae.files.runs import RunList, read_runs, write_runs
from jobs.scheduler.submissions import job_name
from jobs.sweep.folder import Sweep, lay_out, restore_run
from jobs.sweep.launcher import launcher_lock
from jobs.sweep.spec import SweepSpec, load_spec

SCHEMA_1 = Path(__file__).parents[2] / "data" / "schema-1"


def prepared(aevae, spec, out, *settings):
    """Lay a sweep out; return the runs by index, and what was said."""
    options = [word for setting in settings for word in ("--set", setting)]
    done = aevae("sweep", spec, "--out", out, "--prepare", *options, cwd=out.parent)
    assert done.returncode == 0, done.stderr
    return read_runs(SweepPaths(out)), done.stderr


def seeds_of(run_ids):
    return [run_id.split("-")[2] for run_id in run_ids]


def test_an_index_means_the_same_run_however_the_grid_changes(weird, spec, aevae):
    out = weird / "sweep"
    first, said = prepared(aevae, spec, out, 'models=["vae"]', "seeds=[1,3]")
    assert "2 runs; by hand" in said
    assert "--array=0-1 " in said
    assert seeds_of(first.planned) == ["s1", "s3"]
    # The new run comes before and between the old ones in the grid, but after them in the list.
    grown, said = prepared(aevae, spec, out, 'models=["vae"]', "seeds=[0,1,2,3]")
    assert seeds_of(grown.planned) == ["s1", "s3", "s0", "s2"]
    assert seeds_of(grown.current) == ["s0", "s1", "s2", "s3"]
    assert "4 runs; by hand" in said
    shrunk, said = prepared(aevae, spec, out, 'models=["vae"]', "seeds=[3,2]")
    assert shrunk.planned == grown.planned
    assert seeds_of(shrunk.current) == ["s3", "s2"]
    assert "2 runs; by hand" in said
    assert "--array=1,3 " in said

    state = json.loads(aevae("status", out, "--json", cwd=weird).stdout)
    assert [run["run_id"] for run in state["runs"]] == list(shrunk.current)
    # Index 0 has left the specification; a job that waits with it still trains its run.
    assert aevae("run", out, "--index", 0, cwd=weird).returncode == 0
    assert (out / "runs" / first.planned[0] / "evaluation.h5").exists()
    beyond = aevae("run", out, "--index", 4, cwd=weird)
    assert "--index must be below 4, got 4" in beyond.stderr
    log = aevae("logs", out, first.planned[0], cwd=weird)
    assert "epoch 2" in log.stdout


def test_a_run_that_was_purged_is_planned_and_trained_again(weird, spec, aevae):
    out = weird / "sweep"
    runs, _ = prepared(aevae, spec, out)
    shutil.rmtree(out / "runs" / runs.planned[0])
    (out / "runs" / runs.planned[1] / "config.json").unlink()
    done = aevae("sweep", spec, "--out", out, cwd=weird)
    assert "2 runs: 2 done" in done.stderr
    assert done.returncode == 0, done.stderr


def test_a_folder_of_an_older_version_is_read_but_nothing_is_launched_into_it(weird, aevae):
    old = weird / "old"
    shutil.copytree(SCHEMA_1, old)
    before = sorted(old.rglob("*"))
    names = sorted(path.name for path in (old / "runs").iterdir())
    state = json.loads(aevae("status", old, "--json", cwd=weird).stdout)
    assert [run["run_id"] for run in state["runs"]] == names
    assert "epoch" in aevae("logs", old, names[0], cwd=weird).stdout
    for command in (
        ("sweep", old / "sweep.toml", "--out", old),
        ("sweep", "quickstart-digits", "--out", old, "--prepare"),
        ("run", old, "--index", 0),
        ("run", old, names[0]),
    ):
        refused = aevae(*command, cwd=weird)
        assert refused.returncode == 2
        assert len(refused.stderr.splitlines()) == 1
        assert "has no runs.json: an older aevae wrote it" in refused.stderr
        assert "new folder" in refused.stderr
    assert sorted(old.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "was written by a newer aevae: it has version 2"),
        ({"name": "other"}, "it is not a list of runs"),
        ({"runs": "x"}, "'runs' is not a list of run ids"),
        ({"runs": []}, "a run is listed twice or has no index"),
        (None, "it is not a list of runs"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(sweep, change, message):
    path = sweep.paths.run_list
    text = "\udcff" if change is None else json.dumps(json.loads(path.read_text()) | change)
    path.write_bytes(text.encode(errors="surrogateescape"))
    content = path.read_bytes()
    for read in (
        lambda: Sweep.open(sweep.paths.root),
        lambda: lay_out(sweep.spec, sweep.spec.runs("it"), sweep.paths.root),
    ):
        with pytest.raises(InputError) as caught:
            read()
        assert f"{path} " in str(caught.value)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_no_command_changes_a_list_that_it_cannot_read(weird, spec, aevae):
    out = weird / "sweep"
    prepared(aevae, spec, out)
    path = SweepPaths(out).run_list
    path.write_text("{}")
    for command in (("status", out), ("sweep", spec, "--out", out), ("run", out, "--index", 0)):
        refused = aevae(*command, cwd=weird)
        assert refused.returncode == 2, refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert "runs.json is damaged: it is not a list of runs" in refused.stderr
    assert path.read_text() == "{}"


def test_a_launcher_that_would_change_the_list_waits_its_turn(weird, spec):
    loaded = load_spec(spec)
    runs = loaded.runs("spec")
    paths = lay_out(loaded, runs[:1], weird / "sweep").paths
    with launcher_lock(paths):
        assert lay_out(loaded, runs[:1], paths.root).runs.planned == (runs[0].run_id,)
        with pytest.raises(InputError, match="another launcher"):
            lay_out(loaded, runs, paths.root)
    assert len(lay_out(loaded, runs, paths.root).runs.planned) == 2


def test_a_job_validates_no_cell(weird, spec, monkeypatch):
    loaded = load_spec(spec)
    lay_out(loaded, loaded.runs("spec"), weird / "sweep")
    monkeypatch.setattr(SweepSpec, "runs", lambda *_: pytest.fail("all cells were validated"))
    assert len(Sweep.open(weird / "sweep").select([])) == 2


def test_runs_are_listed_once_and_selected_by_index():
    runs = RunList().launched(["b", "a"]).launched(["c", "a"])
    assert runs == RunList(("b", "a", "c"), ("c", "a"))


def test_a_list_is_read_as_it_was_written(weird):
    paths = SweepPaths(weird)
    runs = RunList(("ae-z002-s0-00000000", "ae-z002-s1-00000000"), ("ae-z002-s1-00000000",))
    write_runs(paths, runs)
    assert read_runs(paths) == runs


def test_a_group_may_read_what_submitit_logs_and_write_no_pickle(weird, spec):
    loaded = load_spec(spec)
    umask = os.umask(0o002)
    try:
        sweep = lay_out(loaded, loaded.runs("spec"), weird / "sweep")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(sweep.paths.submitit.stat().st_mode) == 0o755
    assert stat.S_IMODE(sweep.paths.root.stat().st_mode) == 0o775


def test_a_sweep_is_launched_by_the_owner_of_its_pickles_alone(
    weird, spec, aevae, command_environment
):
    out = weird / "sweep"
    prepared(aevae, spec, out)
    (out / "submitit").chmod(0o555)  # to us it is now as that of another user
    command = [sys.executable, "-m", "jobs.cli", "sweep", str(spec), "--out", str(out)]
    if os.geteuid() == 0:
        # Modes bind root only without this capability.
        command = ["setpriv", "--bounding-set", "-dac_override", *command]
    refused = subprocess.run(
        command, env=command_environment, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert f"{out}/submitit can only be written by its owner" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_what_a_purge_removed_of_finished_runs_is_written_again(weird, spec):
    loaded = load_spec(spec)
    runs = loaded.runs("spec")
    sweep = lay_out(loaded, runs, weird / "sweep")
    assert not sweep.paths.dataset.exists()  # the first run that is finished will write it
    finished, other = (sweep.paths.run(run_id) for run_id in sweep.runs.current)
    finished.evaluation.touch()
    lay_out(loaded, runs, weird / "sweep")
    check_dataset(sweep.paths.dataset)
    configuration = other.config.read_bytes()
    shutil.rmtree(other.root)
    restore_run(sweep, other.run_id)
    assert other.config.read_bytes() == configuration


def test_a_sweep_that_is_reached_through_a_link_keeps_the_name_of_the_link(weird, spec):
    (weird / "login1").mkdir()
    (weird / "scratch").symlink_to(weird / "login1")
    loaded = load_spec(spec)
    sweep = lay_out(loaded, loaded.runs("spec"), weird / "scratch" / "s")
    assert sweep.paths.root == weird / "scratch" / "s"
    assert Sweep.open(weird / "scratch" / "s").paths == sweep.paths
    # Its jobs have the same names by whichever path it is reached.
    assert job_name(sweep.paths, 1) == job_name(SweepPaths(weird / "login1" / "s"), 1)
