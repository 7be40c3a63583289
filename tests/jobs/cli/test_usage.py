"""Wrong arguments of both commands are one line, as every other bad input is."""

import sys
from importlib.metadata import version

import pytest

import analysis.cli
import jobs.cli.main

MAIN = {"aevae": jobs.cli.main.main, "aevae-analysis": analysis.cli.main}


@pytest.fixture
def call(monkeypatch, capsys):
    """Call a command in this process; return its exit code and what it printed."""

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with pytest.raises(SystemExit) as ended:
            MAIN[name]()
        return ended.value.code, capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("aevae status", "missing argument 'sweep_dir'; see aevae status --help"),
        ("aevae status x --nosuch", "no such option: --nosuch"),
        ("aevae nosuch", "no such command 'nosuch'"),
        ("aevae sweep x --jobs 0", "'--jobs'"),
        ("aevae-analysis check", "missing argument 'SWEEP_DIR'; see aevae-analysis check --help"),
        ("aevae-analysis embed x --jobs y", "'--jobs'"),
    ],
)
def test_wrong_arguments_are_one_line(call, command, message):
    code, printed = call(*command.split())
    assert code == 2
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith(f"{command.split()[0]}: ")
    assert message.lower() in line.lower()


@pytest.mark.parametrize("name", MAIN)
def test_no_arguments_show_the_help_as_bad_usage_and_help_succeeds(call, name):
    code, printed = call(name)
    assert code == 2
    assert "Example" in printed.out + printed.err or "Exit codes" in printed.out + printed.err
    assert call(name, "--help")[0] == 0


@pytest.mark.parametrize("name", MAIN)
def test_the_version_is_that_of_the_package(call, name):
    code, printed = call(name, "--version")
    assert code == 0
    assert printed.out == f"{name} {version('aevae')}\n"
