"""A launch starts what is missing, leaves the rest alone, and says what and why."""

from itertools import count

import pytest

from aevae.errors import InputError
from jobs.sweep.state import State
from jobs.sweep.status import NO_CHECKPOINT, NO_EPOCH, RunStatus
from jobs.sweep.to_launch import runs_to_launch

MEMORY = "out of memory (raise mem_gb in the profile, or name them with --only RUN_ID)"
TIME = "out of time without a checkpoint (raise timeout_min, or name them with --only RUN_ID)"
UNKNOWN = "unknown (--only RUN_ID takes one over)"


@pytest.mark.parametrize(
    ("state", "reason", "left", "insisted"),
    [
        (State.PLANNED, None, None, None),
        (State.INTERRUPTED, "timeout", None, None),
        (State.FAILED, "diverged", None, None),
        (State.FAILED, "out_of_memory", MEMORY, None),
        (State.FAILED, NO_EPOCH, TIME, None),
        (State.FAILED, NO_CHECKPOINT, TIME, None),
        (State.UNKNOWN, "elsewhere", UNKNOWN, None),
        # Two processes must never train one run, whoever asks for it.
        (State.PENDING, "Priority", "pending", "pending"),
        (State.RUNNING, None, "running", "running"),
        (State.DONE, None, "done", "done"),
    ],
)
def test_what_a_launch_leaves_alone_is_said_and_a_name_insists(state, reason, left, insisted):
    for names, expected in (((), left), (("b", "c"), left), (("a",), insisted)):
        said = []
        launched = runs_to_launch([RunStatus("a", state, reason)], names, said.append)
        assert launched == ([] if expected else ["a"])
        assert said == ([f"1 run is {expected}: left alone"] if expected else [])


def test_what_is_left_alone_is_counted_by_its_reason_and_the_rest_keeps_its_order():
    number = count()
    states = [State.DONE, State.PLANNED, State.DONE, State.UNKNOWN, State.PLANNED]
    said = []
    statuses = [RunStatus(f"run {next(number)}", state) for state in states]
    assert runs_to_launch(statuses, [], said.append) == ["run 1", "run 4"]
    assert said == ["2 runs are done: left alone", f"1 run is {UNKNOWN}: left alone"]


def test_a_run_that_failed_is_left_to_its_job_while_that_is_in_the_queue():
    said = []
    failed = RunStatus("a", State.FAILED, "diverged", job="77_0")
    assert runs_to_launch([failed], ["a"], said.append) == []
    assert said == ["1 run is failed: left alone"]


def test_a_run_gets_a_second_chance_only_with_more_of_what_it_lacked():
    memory = RunStatus("a", State.FAILED, "out_of_memory")
    time = RunStatus("b", State.FAILED, NO_EPOCH)

    def launched(more_memory, more_time):
        return runs_to_launch([memory, time], [], lambda _: None, more_memory, more_time)

    assert launched(["a"], []) == ["a"]
    assert launched([], ["b"]) == ["b"]
    assert launched(["a"], ["b"]) == ["a", "b"]
    assert launched(["b"], ["a"]) == []


def test_nothing_is_launched_beside_the_files_of_a_newer_release():
    newer = RunStatus("a", State.UNKNOWN, "a.h5 was written by a newer aevae", newer_release=True)
    with pytest.raises(InputError, match=r"^a\.h5 was written by a newer aevae; nothing was laun"):
        runs_to_launch([RunStatus("b", State.PLANNED), newer], ["a"], lambda _: None)
