"""Clusters run with the plain C locale; names of folders do not."""

import json


def test_30_everything_works_under_lang_c(weird, spec, aevae):
    out = weird / "ö p"
    result = aevae("sweep", spec, "--out", out, cwd=weird)
    assert result.returncode == 0, result.stderr
    runs = json.loads(aevae("status", out, "--json", cwd=weird).stdout)["runs"]
    assert [run["state"] for run in runs] == ["done", "done"]
