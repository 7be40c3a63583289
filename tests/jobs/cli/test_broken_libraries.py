"""A library that does not import is named in one line, by whatever command needs it."""

import json
import os
import subprocess
import sys

import pytest

from aevae.errors import RunFailed, importing

CUDA = 'ImportError("libcudart.so.12: cannot open shared object file: No such file or directory")'
ABI = """AttributeError("module 'numpy' has no attribute 'core'\\nplease reinstall")"""


@pytest.fixture
def command(weird, command_environment):
    """Call a command where the import of one library ends in an error."""

    def call(library, error, module, *arguments):
        broken = weird / "broken" / library
        broken.mkdir(parents=True, exist_ok=True)
        (broken / "__init__.py").write_text(f"raise {error}\n")
        return subprocess.run(
            [sys.executable, "-P", "-m", module, *map(str, arguments)],
            cwd=weird,
            # The folder of our own packages may be on the path too.
            env={**command_environment, "PYTHONPATH": os.pathsep.join([str(broken.parent), *PATH])},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=100,
            check=False,
        )

    return call


PATH = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]


@pytest.mark.parametrize("error", [CUDA, ABI])
def test_a_torch_that_does_not_import_is_why_the_run_failed(weird, spec, aevae, command, error):
    out = weird / "sweep"
    assert aevae("sweep", spec, "--out", out, "--prepare", cwd=weird).returncode == 0
    ran = command("torch", error, "jobs.cli", "run", out, "--index", 0)
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    first = error.split('"')[1].split("\\n")[0]
    reason = f"broken_library: {error.partition('(')[0]}: {first}"
    assert line == f"aevae: {reason}"
    run = json.loads(aevae("status", out, "--json", cwd=weird).stdout)["runs"][0]
    assert (run["state"], run["reason"], run["attempts"]) == ("failed", reason, 1)


def test_in_a_local_sweep_the_log_of_the_run_says_so_too(weird, spec, aevae, command):
    out = weird / "sweep"
    options = ("--out", out, "--set", 'models=["ae"]')
    swept = command("torch", CUDA, "jobs.cli", "sweep", spec, *options)
    assert swept.returncode == 1
    assert "failed: broken_library: ImportError: libcudart.so.12: cannot open" in swept.stderr
    run = json.loads(aevae("status", out, "--json", cwd=weird).stdout)["runs"][0]
    assert "libcudart.so.12" in aevae("logs", out, run["run_id"], cwd=weird).stdout


def test_the_doctor_says_in_a_line_why_nothing_can_be_trained(weird, command):
    options = ("--dataset", "digits", "--out", weird)
    for library in ("torch", "sklearn"):
        found = command(library, CUDA, "jobs.cli", "doctor", *options)
        assert found.returncode == 1
        line = "failed   torch     broken_library: ImportError: libcudart.so.12: cannot open"
        assert line in found.stdout
        assert found.stderr == ""
        (weird / "broken" / library).rename(weird / f"no {library}")


@pytest.mark.parametrize("library", ["pandas", "matplotlib", "sklearn"])
def test_the_analysis_says_in_a_line_which_library_is_broken(weird, command, library):
    checked = command(library, ABI, "analysis.cli", "check", weird)
    assert checked.returncode == 1
    message = "broken_library: AttributeError: module 'numpy' has no attribute 'core'"
    assert checked.stderr == f"aevae-analysis: {message}\n"


def test_the_analysis_needs_no_display_and_no_locale(weird, analyse, command_environment):
    command_environment["MPLBACKEND"] = "nosuch"
    command_environment["LANG"] = command_environment["LC_ALL"] = "xx_YY.UTF-8"
    command_environment["HOME"] = str(weird / "nowhere")
    checked = analyse("check", weird, cwd=weird)
    assert checked.returncode == 2
    (line,) = checked.stderr.splitlines()
    assert "holds no" in line or "no sweep" in line


def test_a_missing_library_is_named_with_what_to_install():
    advice = r"No module named 'nosuch'; pip install 'aevae\[train\]'"
    with pytest.raises(RunFailed, match=advice), importing("train"):
        import nosuch  # noqa: F401


@pytest.mark.parametrize("error", [MemoryError(), ImportError("x.so: Cannot allocate memory")])
def test_a_library_that_finds_no_memory_is_not_called_broken(error):
    with pytest.raises(MemoryError), importing("train"):
        raise error
