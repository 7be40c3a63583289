"""A sweep with a grid is refused as a whole, or planned, extended and looked at."""

import sys

import pytest

from jobs.cli.main import main
from jobs.sweep.folder import Sweep
from jobs.sweep.status import sweep_status


@pytest.fixture
def call(monkeypatch, capsys, weird):
    """Call `aevae` in this process, without a terminal; return its exit code and messages."""
    monkeypatch.chdir(weird)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["aevae", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return run


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--grid", "train.learning_rat=1"], "grid: no setting 'train.learning_rat' may vary"),
        (["--grid", "train.epochs=1,x,3"], "grid: train.epochs: value 2 of 3: input should be a"),
        (["--grid", "train.epochs="], "grid: train.epochs: the list has no value"),
        (["--grid", "train.epochs=1,1"], "grid: train.epochs: 1 is named twice"),
        (["--grid", "name=a,b"], "grid: no setting 'name' may vary; valid are model.hidden_sizes"),
        (["--grid", "cvae.kl_weight=1"], "grid: cvae.kl_weight decides nothing for ae, vae in"),
        (["--grid", "model.hidden_sizes=[],[784,784]"], "has the cell ae-z002-s0-"),
        (["--only", "nosuch"], "has no run 'nosuch': it has 2 runs, such as ae-z002-s0-"),
        (["--only", "d=20"], "has d=20: there is 2"),
        (["--set", f"seeds={list(range(101))}"], "202 runs are more than the 200 that start"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(call, spec, weird, options, message):
    code, out, said = call("sweep", spec, "--out", weird / "out", *options)
    assert (code, out) == (2, "")
    (line,) = said.splitlines()
    assert message in line
    assert not (weird / "out").exists()


def test_a_sweep_gets_more_values_and_each_run_has_its_own_epochs(call, spec, weird):
    launch = ("sweep", spec, "--out", weird / "out", "--prepare")
    assert call(*launch, "--grid", "train.epochs=1,2")[0] == 0
    first = Sweep.open(weird / "out").runs.planned
    assert call(*launch, "--grid", "train.epochs=1,2,3")[0] == 0
    sweep = Sweep.open(weird / "out")
    assert sweep.runs.planned[:4] == first
    assert [status.epochs for status in sweep_status(sweep)] == [1, 2, 3] * 2
    code, out, said = call("status", weird / "out", "--only", "epochs=3", "--only", "ae-*")
    assert (code, said) == (1, "")
    assert "4 runs: 4 planned" in out
    # A launch of the file alone leaves the runs of the grid, which stay in the list.
    assert call(*launch)[0] == 0
    smaller = Sweep.open(weird / "out")
    assert smaller.runs.planned == sweep.runs.planned
    assert [status.epochs for status in sweep_status(smaller, sweep.runs.planned)] == [
        *[1, 2, 1, 2],
        *[3, 3],
    ]
    assert call("cancel", weird / "out", "ae-*", "--only", "epochs=3")[2] == "nothing was running\n"
    code, out, said = call("evaluate", weird / "out", "--only", "d=3")
    assert (code, said) == (2, f"aevae: no run of {weird / 'out'} has d=3: there is 2\n")
