"""Short runs of storm.py and crowd.py; the long ones are run by hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.nightly

HERE = Path(__file__).parent


def figures_of(script, *arguments):
    command = [sys.executable, HERE / script, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_twenty_kills_change_no_result_and_leave_no_file(weird):
    figures = figures_of("storm.py", "--kills", 20, "--epochs", 100, "--to", weird / "storm")
    assert sum(figures["blows"].values()) == 20
    assert figures["files_compared"] == figures["runs"] >= 2
    assert figures["differences"] == []


def test_20_31_a_crowd_around_a_sweep_meets_no_error_and_holds_nobody_up(weird):
    figures = figures_of("crowd.py", "--epochs", 100, "--watchers", 10, "--to", weird / "crowd")
    # One launcher works. The other one is refused (2) or, if it is late, finds all runs done (0).
    assert figures["launchers"] in ([0, 0], [0, 2])
    assert figures["watchers"] == {"0": 10}
    assert set(figures["checks"]) <= {"0", "1"}
    assert (figures["tracebacks"], figures["damaged"]) == (0, 0)
    assert figures["attempts"] == [["done"], ["done"]]
    assert figures["longest_epoch_s"] < 20
