"""Files that hold anything do not keep the states of a sweep from being shown."""

import errno
import json
import os

import pytest

from aevae.files.layout import SweepPaths
from aevae.files.runs import read_runs

DAMAGED = [b"\xff", b"[]", b'{"epoch": "x"}', b'{"beat": "soon"}', b'{"beat": "2026-01-01T00:00"}']


@pytest.mark.parametrize("content", DAMAGED)
def test_a_progress_file_that_cannot_be_read_is_as_none(weird, spec, aevae, content):
    out = weird / "sweep"
    assert aevae("sweep", spec, "--out", out, "--prepare", cwd=weird).returncode == 0
    paths = SweepPaths(out)
    paths.run(read_runs(paths).planned[0]).progress.write_bytes(content)
    shown = aevae("status", out, "--json", cwd=weird)
    assert shown.returncode == 1, shown.stderr
    first = json.loads(shown.stdout)["runs"][0]
    assert (first["state"], first["epoch"], first["silent_seconds"]) == ("planned", 0, None)


@pytest.fixture
def unreadable(weird, spec, aevae):
    """A sweep of two runs; the record of the first one's attempt exists, but cannot be read."""
    out = weird / "sweep"
    assert aevae("sweep", spec, "--out", out, "--prepare", cwd=weird).returncode == 0
    paths = SweepPaths(out)
    attempt = paths.run(read_runs(paths).planned[0]).attempt(1)
    attempt.root.mkdir(parents=True)
    attempt.record.symlink_to(attempt.record)  # as unreadable for root as for anybody
    return paths


def test_a_run_that_cannot_be_read_spoils_no_other_row(unreadable, weird, aevae):
    shown = aevae("status", unreadable.root, "--json", cwd=weird)
    assert shown.returncode == 1, shown.stderr
    first, second = json.loads(shown.stdout)["runs"]
    assert first["state"] == "unknown"
    assert os.strerror(errno.ELOOP) in first["reason"]
    assert (second["state"], second["reason"]) == ("planned", None)


def test_nobody_runs_beside_an_attempt_that_cannot_be_read(unreadable, weird, spec, aevae):
    refused = aevae("run", unreadable.root, "--index", 0, cwd=weird)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("aevae: ")
    assert "attempt.json" in refused.stderr
    assert [
        attempt.number for attempt in unreadable.run(read_runs(unreadable).planned[0]).attempts()
    ] == [1]
    launched = aevae("sweep", spec, "--out", unreadable.root, cwd=weird)
    assert "1 runs are unknown (--only RUN_ID takes one over): left alone" in launched.stderr


def test_launching_goes_on_without_locks_and_says_so(weird, spec, aevae, shim):
    shim(flock=errno.ENOSYS)
    out = weird / "sweep"
    done = aevae("sweep", spec, "--out", out, "--prepare", cwd=weird)
    assert done.returncode == 0, done.stderr
    assert "do not start two launchers of this sweep at the same moment" in done.stderr
    paths = SweepPaths(out)
    paths.launcher.mkdir()  # as another launcher claims it
    refused = aevae("sweep", spec, "--out", out, "--set", "seeds=[0,7]", "--prepare", cwd=weird)
    assert refused.returncode == 2
    assert "another launcher" in refused.stderr
    shim(flock=errno.EIO)
    failed = aevae("sweep", spec, "--out", out, "--set", "seeds=[0,7]", "--prepare", cwd=weird)
    assert failed.returncode == 1
    assert os.strerror(errno.EIO) in failed.stderr
    assert failed.stderr.count("launcher.lock") == len(failed.stderr.splitlines()) == 1
