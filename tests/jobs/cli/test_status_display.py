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


@pytest.fixture
def many(tiny_config):
    """Configurations of 4 rates x 2 weights of the VAE and 4 rates of the AE, with 10 seeds."""

    def make(rates=4):
        cells = [("ae", {}), ("vae", {"kl_weight": 0.5}), ("vae", {"kl_weight": 2.0})]
        runs = [
            tiny_config(kind, learning_rate=0.1 * rate, seed=seed, **model)
            for kind, model in cells
            for rate in range(1, rates + 1)
            for seed in range(10)
        ]
        return {run.run_id: run for run in runs}

    return make


def test_of_many_runs_a_row_counts_the_seeds_of_a_cell_and_failed_runs_are_listed(many):
    configs = many()
    statuses = [RunStatus(run_id, State.DONE, epoch=2, epochs=2) for run_id in configs]
    statuses[11] = RunStatus(statuses[11].run_id, State.RUNNING, epoch=1, epochs=2)
    statuses[12] = RunStatus(statuses[12].run_id, State.FAILED, "diverged", epoch=1, epochs=2)
    shown = lines(statuses, 80, configs)
    head = "model d kl_weight learning_rate runs epochs running done failed"
    assert shown[0].split() == head.split()
    assert shown[1].split() == ["ae", "2", "0.1", "10", "100", "%", "10"]
    assert shown[2].split() == ["ae", "2", "0.2", "10", "90", "%", "1", "8", "1"]
    assert shown[12].split()[:4] == ["vae", "2", "2", "0.4"]
    assert shown[13].startswith("a line counts the seeds of a cell")
    assert [line.split()[:2] for line in shown[15:17]] == [
        [statuses[12].run_id, "failed"],
        [statuses[11].run_id, "running"],
    ]
    assert f"{statuses[12].run_id}: diverged" in shown
    assert "120 runs: 1 running, 118 done, 1 failed" in shown[-1]


def test_more_cells_than_can_be_read_are_counted_together(many):
    configs = many(rates=21)
    statuses = [RunStatus(run_id, State.FAILED, f"lost {run_id}", epochs=2) for run_id in configs]
    shown = lines(statuses, 80, configs)
    assert [line.split() for line in shown[1:4]] == [
        ["ae", "2", "210", "0", "%", "210"],
        ["vae", "2", "0.5", "210", "0", "%", "210"],
        ["vae", "2", "2", "210", "0", "%", "210"],
    ]
    assert "a line counts all values of learning_rate, and all seeds" in shown[4]
    assert sum(line.startswith(("ae-", "vae-")) for line in shown) == 30 + 30
    assert "600 more such runs are not listed here (--json has all)" in shown
    assert "600 more reasons (--json has all)" in shown
    # Nor is a line longer than the terminal.
    assert lines(statuses, 30, configs)[0].split() == ["model", "d", "runs", "epochs", "failed"]
    # Runs whose configurations are lost are counted as well.
    assert lines(statuses, 80)[1].split() == ["?", "?", "630", "0", "%", "630"]
