"""The table of states can be read on any terminal: what is shown is shown whole."""

from io import StringIO

import pytest
from rich.console import Console

from jobs.cli.status_display import status_table
from jobs.sweep.state import State
from jobs.sweep.status import RunStatus

RUNNING = RunStatus(
    "cvae-z100-s0-b4107d13fb",
    State.RUNNING,
    attempts=1,
    node="node0123.cluster.example.org",
    epoch=13,
    epochs=100,
    val_loss=27.1234,
    images_per_second=12345.6,
    eta_seconds=5025,
    silent_seconds=3,
)
PENDING = RunStatus("ae-z002-s0-b4107d13fb", State.PENDING, "Priority", 0, "1234567_12", epochs=100)
STOPPED = RunStatus(
    "vae-z020-s1234567890-b4107d13fb", State.INTERRUPTED, "SIGUSR2", 2, epoch=55, epochs=100
)


def lines(statuses, width, configs=None):
    file = StringIO()
    Console(width=width, file=file).print(status_table(statuses, configs or {}, width))
    return file.getvalue().rstrip("\n").split("\n")


def test_at_80_columns_the_most_useful_is_shown_whole_and_the_rest_is_named():
    shown = lines([RUNNING, PENDING], 80)
    assert shown[0].split() == ["run", "state", "epoch", "val", "loss", "ETA", "where"]
    assert shown[1].split()[1:] == ["running", "13/100", "27.123", "1:23:45", "node0123"]
    assert shown[2].split() == [PENDING.run_id, "pending", "0/100", "job", "1234567_12"]
    assert "no room for silent, tries, images/s (--json has all)" in shown
    assert shown[-1].endswith("2 runs: 1 pending, 1 running")


def test_a_wide_terminal_shows_all_that_there_is_and_no_empty_column():
    shown = lines([RUNNING, PENDING, STOPPED], 160)
    assert shown[0].split()[-4:] == ["where", "silent", "tries", "images/s"]
    assert not any("no room" in line for line in shown)
    assert "ETA" not in lines([STOPPED], 160)[0]


@pytest.mark.parametrize("width", [20, 50, 70, 80, 100, 120, 160])
def test_nothing_is_cut_but_on_the_narrowest_terminal(width):
    shown = lines([RUNNING, PENDING, STOPPED], width)
    assert all(len(line) <= width for line in shown)
    assert ("…" in "".join(shown)) == (width < 45)
    assert shown[3].split()[1][:4] == "inte"
