"""Which runs a sweep has, and which index each has: the same for every command and for ever."""

import json
import os
import shutil
from pathlib import Path

import pytest

from aevae.errors import InputError
from aevae.files.attempt import Attempt
from aevae.files.layout import SweepPaths
from aevae.files.runs import RunList, read_runs, write_runs
from jobs.launch.code import keep_code
from jobs.sweep.folder import Sweep, lay_out
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
        ({"name": "other"}, "it is no list of runs"),
        ({"runs": "x"}, "'runs' is no list of run ids"),
        ({"runs": []}, "a run stands in it twice or has no index"),
        (None, "it is no list of runs"),
    ],
)
def test_a_list_that_cannot_be_read_is_one_line(weird, spec, aevae, change, message):
    out = weird / "sweep"
    prepared(aevae, spec, out)
    path = SweepPaths(out).run_list
    text = "\udcff" if change is None else json.dumps(json.loads(path.read_text()) | change)
    path.write_bytes(text.encode(errors="surrogateescape"))
    content = path.read_bytes()
    for command in (("status", out), ("sweep", spec, "--out", out), ("run", out, "--index", 0)):
        refused = aevae(*command, cwd=weird)
        assert refused.returncode == 2, refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert f"runs.json {message}" in refused.stderr or message in refused.stderr
    assert path.read_bytes() == content


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


def test_a_folder_keeps_the_name_by_which_the_user_calls_it(weird, spec, monkeypatch):
    real, stable = weird / "node" / "scratch", weird / "scratch"
    real.mkdir(parents=True)
    stable.symlink_to(real)  # on another host, scratch may lead elsewhere
    loaded = load_spec(spec)
    laid_out = lay_out(loaded, loaded.runs("spec"), stable / "sweep")
    assert laid_out.paths.root == stable / "sweep"
    assert Sweep.open(stable / "sweep").paths.root == stable / "sweep"
    # A shell that went to the stable name shows that one, and Python finds the other.
    monkeypatch.chdir(stable)
    monkeypatch.setenv("PWD", str(stable))
    assert Sweep.open(Path("sweep")).paths.root == stable / "sweep"
    monkeypatch.setenv("PWD", str(weird))  # left over from another folder
    assert Sweep.open(Path("sweep")).paths.root == real / "sweep"
    assert Sweep.open(Path("../scratch/sweep")).paths.root == real / "sweep"


def test_a_group_can_read_what_a_launch_makes(weird, spec):
    os.chmod(weird, 0o2775)  # noqa: PTH101 - with the bit by which folders inherit the group
    before = os.umask(0o002)
    try:
        loaded = load_spec(spec)
        paths = lay_out(loaded, loaded.runs("spec"), weird / "sweep").paths
        run = paths.run(loaded.runs("spec")[0].run_id)
        Attempt.claim(run)
        with launcher_lock(paths):
            code = keep_code(paths)
            made = [run.root, run.attempt(1).root, paths.launcher, paths.submitit, code]
            assert {oct(path.stat().st_mode & 0o7777) for path in made if path} == {"0o2775"}
            files = [run.attempt(1).record, run.config, paths.run_list, paths.launcher_lock]
            assert {oct(path.stat().st_mode & 0o7777) for path in files} == {"0o664"}
    finally:
        os.umask(before)
