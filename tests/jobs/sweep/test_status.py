"""Files that hold anything do not keep the states of a sweep from being shown."""

import json

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
