"""What a run says is shown as it is written, once, and to the end."""

from itertools import islice

import pytest

from aevae.files.attempt import Attempt, SlurmJob
from jobs.sweep import logs
from jobs.sweep.early_end import record_failed_start
from jobs.sweep.logs import AttemptTail, follow_run, job_said
from jobs.sweep.state import State
from jobs.sweep.status import RunStatus


class Clock:
    """Stands for the module `time`: time passes only while somebody sleeps."""

    def __init__(self):
        self.now = 5.0
        self.meanwhile = lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(logs, "time", clock)
    return clock


@pytest.fixture
def run(sweep):
    return sweep.paths.run(sweep.runs.current[0])


def say(attempt, text, output="stdout"):
    with getattr(attempt.paths, output).open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def test_a_run_that_has_ended_says_what_its_newest_attempt_said(sweep, run, clock):
    for number in (1, 2):
        attempt = Attempt.claim(run)
        say(attempt, f"out {number}\n")
        say(attempt, f"log {number}\n", "stderr")
        attempt.finish("failed", "diverged")
    assert "".join(follow_run(sweep, run.run_id)) == "out 2\nlog 2\n"


def test_a_run_is_followed_through_its_attempts_to_its_last_words(sweep, run, clock):
    first = Attempt.claim(run)
    say(first, "one\n")
    said = follow_run(sweep, run.run_id)
    assert next(said) == "one\n"
    assert next(said) == ""
    say(first, "two\n", "stderr")
    assert next(said) == "two\n"
    say(first, "three\n")
    first.finish("interrupted", "SIGUSR2")
    second = Attempt.claim(run)
    say(second, "four\n")
    assert [next(said), next(said)] == ["three\n", "four\n"]
    second.finish("failed", "diverged")
    began = clock.now
    # The process may write after it has recorded its end.
    clock.meanwhile = lambda: clock.now > began + logs.POLL_S / 2 and say(second, "last\n")
    assert "".join(said).startswith("last\n")


def test_a_run_that_was_never_started_says_nothing(sweep, run, clock):
    assert list(follow_run(sweep, run.run_id)) == []


@pytest.fixture
def asked(monkeypatch, clock):
    """When the state of the run was looked up; it is that of a run which goes on for ever."""
    times = []

    def look_up(sweep, run_ids):
        times.append(clock.now)
        return [RunStatus(run_ids[0], State.RUNNING)]

    monkeypatch.setattr(logs, "sweep_status", look_up)
    return times


@pytest.mark.parametrize("how", ["local", "submitted", "by hand"])
def test_a_scheduler_is_asked_seldom_and_the_files_of_a_local_run_every_second(
    sweep, run, clock, asked, submit, how
):
    if how == "submitted":
        submit()
    Attempt.claim(run, SlurmJob("77_0", "80", "here", "x") if how == "by hand" else None)
    for _ in islice(follow_run(sweep, run.run_id), 60):
        pass
    began, *later = asked
    pause = 1 if how == "local" else 10
    assert began == 5
    assert [time - began for time in later] == list(range(pause, 30, pause))


def test_a_scheduler_is_asked_at_once_when_an_attempt_begins_or_ends(
    sweep, run, clock, asked, submit
):
    submit()
    followed = logs._activity(sweep, run)
    next(followed)
    attempt = Attempt.claim(run)
    next(followed)
    next(followed)
    attempt.finish("interrupted")
    next(followed)
    assert asked == [5, 5.5, 6.5]


def test_a_run_that_waits_or_cannot_be_seen_is_followed_on(sweep, run, monkeypatch, clock):
    states = [State.PENDING, State.UNKNOWN, State.RUNNING, State.DONE, State.RUNNING]

    def look_up(sweep, run_ids):
        return [RunStatus(run_ids[0], states.pop(0))]

    monkeypatch.setattr(logs, "sweep_status", look_up)
    monkeypatch.setattr(logs, "POLL_S", 1.0)
    followed = logs._activity(sweep, run)
    assert list(followed) == [True, True, True, True, True, True, False]
    assert states == [State.RUNNING]


def test_a_character_that_is_half_written_is_shown_when_it_is_whole(run):
    attempt = Attempt.claim(run)
    tail = AttemptTail(attempt.paths)
    assert tail.read() == ""
    umlaut = "ü".encode()
    say(attempt, b"a" + umlaut[:1])
    assert tail.read() == "a"
    say(attempt, umlaut[1:] + b"\xffb")
    assert tail.read() == "ü\ufffdb"
    assert tail.read() == ""


def test_the_log_of_a_job_is_shown_with_its_name_and_place(sweep, run, submit):
    assert job_said(run) == ""
    submit()
    assert job_said(run) == ""  # it said nothing yet
    log = sweep.paths.job_log("77_0")
    log.write_text("module: not found\n\n")
    assert job_said(run) == f"--- submitit's log of job 77_0, {log}:\nmodule: not found\n"


def test_of_a_job_that_failed_to_start_it_is_shown_that_its_log_is_empty(sweep, run, submit):
    submit()
    record_failed_start(run, "5")
    log = sweep.paths.job_log("5")
    assert job_said(run) == f"--- submitit's log of job 5, {log}:\n(it is empty)\n"
