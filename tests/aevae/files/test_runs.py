"""The index of a run is its place in a list, which is read whole or not at all."""

import json
import re

import pytest

from aevae.errors import InputError
from aevae.files.layout import SweepPaths
from aevae.files.runs import RunList, check_listed, read_runs, write_runs

LISTED = RunList(planned=("b", "a", "c"), current=("c", "b"))
OLD_RUN = "vae-z002-s0-9409bf64"


def change(paths, **values):
    stored = json.loads(paths.run_list.read_text()) | values
    paths.run_list.write_text(json.dumps(stored))


def test_a_list_is_read_as_it_was_written(weird):
    paths = SweepPaths(weird)
    write_runs(paths, LISTED)
    assert read_runs(paths) == LISTED
    assert read_runs(paths).index == {"b": 0, "a": 1, "c": 2}
    expected = {"name": "aevae runs", "version": 1, "runs": ["b", "a", "c"], "current": ["c", "b"]}
    assert json.loads(paths.run_list.read_text()) == expected
    # People read it, too.
    assert paths.run_list.read_text().startswith('{\n "name": "aevae runs",\n')
    assert paths.run_list.read_text().endswith("}\n")


def test_a_list_may_be_launched_as_a_whole(weird):
    paths, listed = SweepPaths(weird), RunList(("b", "a"), ("a", "b"))
    write_runs(paths, listed)
    assert read_runs(paths) == listed


def test_a_launch_appends_what_is_new_and_moves_nothing():
    later = LISTED.launched(["x", "a", "y"])
    assert later == RunList(("b", "a", "c", "x", "y"), ("x", "a", "y"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "other"}, "is damaged: it is not a list of runs in JSON"),
        ({"runs": "abc"}, "is damaged: 'runs' is not a list of run ids"),
        ({"current": ["a", 1]}, "is damaged: 'current' is not a list of run ids"),
        ({"runs": ["a", "b", "c", "a"]}, "is damaged: a run is listed twice or has no index"),
        ({"current": ["d"]}, "is damaged: a run is listed twice or has no index"),
        (
            {"version": 2},
            "was written by a newer aevae: it has version 2, and this aevae reads version 1",
        ),
    ],
)
def test_a_damaged_list_is_refused_by_name(weird, values, message):
    paths = SweepPaths(weird)
    write_runs(paths, LISTED)
    change(paths, **values)
    with pytest.raises(InputError, match=f"^{re.escape(f'{paths.run_list} {message}')}$"):
        read_runs(paths)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_what_is_no_json_object_is_damaged(weird, content):
    paths = SweepPaths(weird)
    paths.run_list.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged: it is not a list of runs in JSON$"):
        read_runs(paths)


def test_without_a_list_the_runs_are_the_folders_in_order_and_none_may_be_launched(weird):
    paths = SweepPaths(weird)
    check_listed(paths)  # an empty folder may become a sweep
    first, second = "ae-z002-s0-5941e35d", OLD_RUN
    for run_id in (second, first):
        config = paths.run(run_id).config
        config.parent.mkdir(parents=True)
        config.touch()
    assert read_runs(paths) == RunList((first, second), (first, second))
    message = (
        f"{weird} has no runs.json: an older aevae wrote it, with other run ids; it can be "
        "analysed, but new runs need a new folder (--out)"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        check_listed(paths)
    write_runs(paths, LISTED)
    check_listed(paths)


def test_a_specification_of_the_users_own_is_not_overwritten(weird):
    paths = SweepPaths(weird)
    paths.spec.touch()
    with pytest.raises(InputError, match=r"sweep\.toml is in the way: .* rename yours, or give"):
        check_listed(paths)
