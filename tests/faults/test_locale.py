"""All commands work in the C locale of many clusters, also in folders with Unicode names."""

import json


def test_30_everything_works_under_lang_c(weird, spec, aevae):
    out = weird / "ö p"
    result = aevae("sweep", spec, "--out", out, cwd=weird)
    assert result.returncode == 0, result.stderr
    runs = json.loads(aevae("status", out, "--json", cwd=weird).stdout)["runs"]
    assert [run["state"] for run in runs] == ["done", "done"]


def test_30_a_path_that_python_cannot_write_down_is_one_line(
    weird, spec, aevae, command_environment
):
    command_environment.update(PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    result = aevae("sweep", spec, "--out", weird / "p", cwd=weird)
    assert result.returncode == 2
    assert "is no UTF-8 here: rename it, or set PYTHONUTF8=1" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (weird / "p").exists()
