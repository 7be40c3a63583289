"""The state of a run follows from its files and from what the scheduler says of its job."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5py
import numpy as np
import pytest

from aevae.config import EvaluationConfig
from aevae.files.attempt import Attempt
from aevae.files.fields import evaluation_fields, training_fields
from aevae.files.process import ProcessIdentity
from jobs.scheduler.queue import SweepJobs
from jobs.sweep.early_end import record_failed_start
from jobs.sweep.state import State
from jobs.sweep.status import NO_CHECKPOINT, NO_EPOCH, RunStatus, sweep_report, sweep_status

EARLY = "its job ended before the run began"
NO_REASON = "the process ended and recorded no reason"
OURS = {"slurm_job_id": "80", "slurm_job": {"key": "77_0", "raw_id": "80", "name": "x"}}
SCHEMA_1 = Path(__file__).parents[2] / "data" / "schema-1" / "runs" / "ae-z002-s0-5941e35d"


@pytest.fixture
def run(sweep):
    return sweep.paths.run(sweep.runs.current[0])


@pytest.fixture
def attempted(run):
    """A function that leaves the record of an attempt on another host."""

    def leave(number=1, **values):
        record = run.attempt(number).record
        record.parent.mkdir(parents=True)
        known = {"number": number, "host": "node9", "pid": 1, "process_started": 1.0}
        known |= {"slurm_job_id": None, "started_at": "2026-01-01T00:00:00+00:00"}
        record.write_text(json.dumps(known | values))

    return leave


@pytest.fixture
def slurm(fake, submit):
    """A cluster to which the runs were submitted: their jobs are gone, without accounting."""
    fake("squeue", "exit 0")
    submit()
    return fake


def status(sweep) -> RunStatus:
    return sweep_status(sweep)[0]


def state(sweep) -> tuple[State, str | None]:
    found = status(sweep)
    return found.state, found.reason


def test_a_run_that_nobody_touched_is_planned(sweep, run):
    assert status(sweep) == RunStatus(run.run_id, State.PLANNED, epochs=2)


def test_an_attempt_of_this_host_runs_as_long_as_its_process(sweep, run):
    attempt = Attempt.claim(run)
    now = datetime.now(UTC)
    progress = {"phase": "training", "epoch": 1, "val_loss": 3.5, "images_per_second": 9.0}
    progress |= {"seconds_per_epoch": 7.0, "beat": (now - timedelta(seconds=60)).isoformat()}
    run.progress.write_text(json.dumps(progress))
    found = status(sweep)
    assert found.silent_seconds is not None
    assert 60 <= found.silent_seconds < 120
    assert found == RunStatus(
        run.run_id,
        State.RUNNING,
        attempts=1,
        node=attempt.record.host,
        phase="training",
        epoch=1,
        epochs=2,
        val_loss=3.5,
        images_per_second=9.0,
        eta_seconds=7.0,
        silent_seconds=found.silent_seconds,
    )
    attempt.finish("interrupted", "SIGUSR2")
    found = status(sweep)
    assert (found.state, found.reason, found.epoch) == (State.INTERRUPTED, "SIGUSR2", 1)
    assert (found.phase, found.eta_seconds) == (None, None)
    assert found.silent_seconds is not None  # how long ago it was stopped


def test_the_clock_of_a_node_may_be_ahead(sweep, run):
    Attempt.claim(run)
    beat = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    run.progress.write_text(json.dumps({"beat": beat}))
    found = status(sweep)
    assert (found.silent_seconds, found.eta_seconds) == (0.0, None)


@pytest.mark.parametrize(
    "content",
    [b"\xff", b"[]", b'{"epoch": "x"}', b'{"beat": "soon"}', b'{"beat": "2026-01-01T00:00"}'],
)
def test_a_progress_file_that_cannot_be_read_is_as_none(sweep, run, content):
    run.progress.write_bytes(content)
    assert status(sweep) == RunStatus(run.run_id, State.PLANNED, epochs=2)


def test_an_attempt_on_another_host_cannot_be_seen(sweep, attempted):
    attempted()
    reason = "process 1 on node9 cannot be seen from here"
    assert state(sweep) == (State.UNKNOWN, reason)
    attempted(2, outcome="failed", reason="diverged")
    found = status(sweep)
    assert (found.state, found.reason) == (State.FAILED, "diverged")
    assert (found.attempts, found.node) == (2, "node9")


def test_an_attempt_without_a_readable_record_is_unknown(sweep, run, attempted):
    attempted()
    run.attempt(1).record.write_text("{")
    assert state(sweep) == (State.UNKNOWN, "no readable record of the attempt")


def test_a_job_that_waits_says_why_and_when_it_may_start(slurm, sweep, run):
    line = slurm.queued("77_0", "aevae-abcdef-1", start="2026-01-01T10:00:00", why="Priority")
    slurm("squeue", slurm.printed(line))
    assert status(sweep) == RunStatus(
        run.run_id,
        State.PENDING,
        "Priority",
        job="77_0",
        start_estimate="2026-01-01T10:00:00",
        epochs=2,
    )


def test_a_job_that_runs_names_its_node(slurm, sweep, run):
    line = slurm.queued("77_0", "aevae-abcdef-1", "RUNNING", raw="80", node="n1")
    slurm("squeue", slurm.printed(line))
    assert status(sweep) == RunStatus(run.run_id, State.RUNNING, job="77_0", node="n1", epochs=2)


def test_without_an_answer_of_slurm_nothing_is_known_of_a_job(slurm, sweep, run):
    slurm("squeue", "echo 'no controller' >&2; exit 1")
    assert status(sweep) == RunStatus(
        run.run_id, State.UNKNOWN, "squeue failed: no controller", job="unknown", epochs=2
    )


@pytest.mark.parametrize(
    ("accounted", "reason"),
    [
        (None, f"{EARLY}: conda: command not found"),
        ("COMPLETED", f"{EARLY}: conda: command not found"),
        ("FAILED", f"{EARLY}: conda: command not found"),
        ("TIMEOUT", "timeout"),
        ("CANCELLED by 0", "cancelled"),
    ],
)
@pytest.mark.parametrize("earlier", [False, True])
def test_a_job_that_ended_before_its_attempt_says_why(
    slurm, sweep, attempted, accounted, reason, earlier
):
    if earlier:
        job = {"key": "70_0", "raw_id": "71", "name": "x"}
        attempted(slurm_job_id="71", slurm_job=job, outcome="interrupted", reason="SIGUSR2")
    sweep.paths.job_log("77_0").write_text("conda: command not found\n")
    if accounted is not None:
        slurm("sacct", slurm.printed(slurm.accounted("77_0", accounted)))
    assert state(sweep) == (State.FAILED, reason)


@pytest.mark.parametrize(
    ("accounted", "kept", "expected"),
    [
        ("TIMEOUT", "nothing", (State.FAILED, NO_EPOCH)),
        ("TIMEOUT", "epoch", (State.FAILED, NO_CHECKPOINT)),
        ("TIMEOUT", "checkpoint", (State.INTERRUPTED, "timeout")),
        ("TIMEOUT", "trained", (State.INTERRUPTED, "timeout")),
        ("NODE_FAIL", "nothing", (State.FAILED, "node_fail")),
        ("NODE_FAIL", "checkpoint", (State.INTERRUPTED, "node_fail")),
        ("OUT_OF_MEMORY", "checkpoint", (State.FAILED, "out_of_memory")),
        ("COMPLETED", "checkpoint", (State.INTERRUPTED, NO_REASON)),
        ("FAILED", "nothing", (State.FAILED, NO_REASON)),
        (None, "trained", (State.INTERRUPTED, NO_REASON)),
    ],
)
def test_an_attempt_that_recorded_no_end_ended_as_its_job_did(
    slurm, sweep, run, attempted, accounted, kept, expected
):
    attempted(**OURS)
    run.progress.write_text(json.dumps({"epoch": int(kept == "epoch")}))
    if kept == "checkpoint":
        run.checkpoint(1).touch()
    if kept == "trained":
        run.trained.touch()
    if accounted is not None:
        slurm("sacct", slurm.printed(slurm.accounted("77_0", accounted, raw="80")))
    assert state(sweep) == expected
    found = status(sweep)
    assert found.out_of_memory == (accounted == "OUT_OF_MEMORY")
    assert found.out_of_time == (found.reason in (NO_EPOCH, NO_CHECKPOINT))


def test_a_local_attempt_did_not_end_as_an_earlier_job_did(slurm, sweep, run, attempted):
    slurm("sacct", slurm.printed(slurm.accounted("77_0", "TIMEOUT")))
    attempted(host=ProcessIdentity.of_this_process().host, pid=2**22 - 1)
    run.checkpoint(1).touch()
    assert state(sweep) == (State.INTERRUPTED, NO_REASON)


def test_without_a_job_nobody_but_the_record_knows_the_end(sweep, run, attempted):
    attempted(outcome="done")  # its results were removed
    assert state(sweep) == (State.FAILED, NO_REASON)
    run.trained.touch()
    unevaluated = "trained, but not evaluated with the settings of the sweep"
    assert state(sweep) == (State.INTERRUPTED, unevaluated)
    attempted(2, outcome="interrupted", reason="SIGTERM")
    assert state(sweep) == (State.INTERRUPTED, "SIGTERM")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, (State.PENDING, "its job trains other runs first")),
        ({"slurm_job_id": "79", "outcome": "failed"}, (State.PENDING, "its job trains other runs")),
        ({"slurm_job_id": "80", "outcome": "failed"}, (State.FAILED, "diverged")),
        ({"slurm_job_id": "80", "outcome": "interrupted"}, (State.RUNNING, None)),
        ({"slurm_job_id": "80"}, (State.RUNNING, None)),
    ],
)
def test_runs_of_one_job_wait_for_each_other(slurm, sweep, submit, attempted, record, expected):
    submit(runs_per_job=2)
    slurm("squeue", slurm.printed(slurm.queued("77", "aevae-abcdef-1", "RUNNING", raw="80")))
    if record is not None:
        attempted(**{"reason": "diverged", **record})
    found = status(sweep)
    assert found.state == expected[0]
    assert str(found.reason).startswith(str(expected[1]))
    assert found.job == "77"


def test_a_local_job_that_failed_to_start_is_named_until_the_run_is_at_work(slurm, sweep, run):
    record_failed_start(run, "5")
    sweep.paths.job_log("5").write_text("conda: command not found\n")
    assert state(sweep) == (State.FAILED, f"{EARLY}: conda: command not found")
    slurm("squeue", slurm.printed(slurm.queued("77_0", "aevae-abcdef-1", why="Priority")))
    assert state(sweep) == (State.PENDING, "Priority")


def test_the_job_by_hand_that_may_come_back_is_asked_for(fake, sweep, run, attempted):
    job = {"key": "9", "raw_id": "9", "cluster": None, "name": "mine"}
    fake("squeue", fake.printed(fake.queued("9", "mine", "PENDING", why="BeginTime")))
    attempted(slurm_job_id="9", slurm_job=job, outcome="interrupted", reason="SIGUSR2")
    assert state(sweep) == (State.PENDING, "BeginTime")
    # An interactive session, of which a first release recorded the number, goes on without us.
    attempted(2, slurm_job_id="9", outcome="interrupted", reason="SIGUSR2")
    assert state(sweep) == (State.INTERRUPTED, "SIGUSR2")
    attempted(3, slurm_job_id="9")
    assert state(sweep) == (State.PENDING, "BeginTime")


def finished(run, evaluation, **values):
    """Leave results whose content nobody looks at, because their size is the recorded one."""
    for path in (run.trained, run.evaluation):
        path.write_bytes(b"x" * 5)
    sizes = {"results_bytes": 5, "training_bytes": 5}
    return {"outcome": "done", "evaluation": evaluation, **sizes, **values}


def test_results_of_the_recorded_size_are_not_opened(sweep, run, attempted):
    attempted(**finished(run, sweep.spec.evaluation.digest))
    run.progress.write_text(json.dumps({"epoch": 1, "beat": "2026-01-01T00:00:00+00:00"}))
    found = status(sweep)
    assert found == RunStatus(run.run_id, State.DONE, attempts=1, node="node9", epoch=2, epochs=2)
    # After early stopping, the training has fewer epochs.
    run.progress.write_text(json.dumps({"phase": "done", "epoch": 1, "val_loss": 3.5}))
    found = status(sweep)
    assert (found.state, found.epoch, found.epochs) == (State.DONE, 1, 2)


def test_results_with_other_settings_of_the_evaluation_are_not_done(sweep, run, attempted):
    attempted(**finished(run, EvaluationConfig().digest))
    unevaluated = "trained, but not evaluated with the settings of the sweep"
    assert state(sweep) == (State.INTERRUPTED, unevaluated)


def test_a_release_that_recorded_no_size_of_the_trained_model_is_believed(sweep, run, attempted):
    attempted(**finished(run, sweep.spec.evaluation.digest, training_bytes=None))
    assert state(sweep) == (State.DONE, None)


@pytest.mark.parametrize("size", ["results_bytes", "training_bytes"])
def test_damaged_results_are_said_unless_somebody_is_at_the_run(sweep, run, attempted, size):
    attempted(**finished(run, sweep.spec.evaluation.digest, **{size: 6}))
    found = status(sweep)
    assert found.state is State.FAILED
    assert found.reason.startswith(f"damaged results: {run.trained}: ")
    assert not found.newer_release
    Attempt.claim(run)
    assert state(sweep) == (State.RUNNING, None)


def stored(sweep, run, publish):
    """Write valid results of a run that was trained for no time."""
    config = next(one for one in sweep.spec.runs("it") if one.run_id == run.run_id)
    sizes = {"N_train": 30, "N_val": 10, "N_test": 20, "P": 4}
    arrays = {}
    for field in [*training_fields(config), *evaluation_fields(config, sweep.spec.evaluation)]:
        dims = (sizes.get(dim, dim) for dim in field.dims or (4, 3))
        arrays[field.path.replace("*", "mu.bias")] = np.zeros(tuple(dims), field.dtype)
    publish(run, config, sweep.spec.evaluation, arrays, {"host": "here"}, "0" * 64)


def test_results_without_a_record_are_read_to_know_their_settings(sweep, run, publish):
    stored(sweep, run, publish)
    assert state(sweep) == (State.DONE, None)
    spec = sweep.spec.model_copy(update={"evaluation": EvaluationConfig()})
    (changed, _) = sweep_status(type(sweep)(sweep.paths, spec, sweep.runs))
    assert changed.state is State.PLANNED
    with h5py.File(run.evaluation, "a") as file:
        file.attrs["schema_version"] = 99
    found = status(sweep)
    assert (found.state, found.newer_release) == (State.UNKNOWN, True)
    assert "written by a newer aevae" in found.reason
    Attempt.claim(run)
    found = status(sweep)
    assert (found.state, found.newer_release) == (State.RUNNING, True)


def test_results_of_the_first_release_are_done_with_whatever_settings(sweep, run, attempted):
    shutil.copyfile(SCHEMA_1 / "results.h5", run.results)
    assert state(sweep) == (State.DONE, None)
    size = run.results.stat().st_size
    attempted(outcome="done", results_bytes=size, evaluation="another")
    assert state(sweep) == (State.DONE, None)


def test_a_folder_that_cannot_be_read_still_names_the_job(slurm, sweep, run):
    slurm("squeue", slurm.printed(slurm.queued("77_0", "aevae-abcdef-1", "RUNNING")))
    shutil.rmtree(run.root)
    run.root.symlink_to(run.root)
    found = status(sweep)
    assert (found.state, found.job, found.epochs) == (State.UNKNOWN, "77_0", 2)


def test_a_report_counts_the_runs_and_what_they_cost(slurm, sweep, run, attempted):
    attempted(**finished(run, sweep.spec.evaluation.digest))
    slurm("squeue", slurm.printed(slurm.queued("77_1", "aevae-abcdef-1", why="Priority")))
    line = slurm.accounted(
        "77_0", "COMPLETED", start="2026-01-01T00:00:00", seconds=1800, tres="gres/gpu=2"
    )
    slurm("sacct", slurm.printed(line))
    before = datetime.now(UTC).replace(microsecond=0)
    report = sweep_report(sweep)
    assert report.sweep == str(sweep.paths.root)
    assert before <= datetime.fromisoformat(report.asked_at) <= datetime.now(UTC)
    assert report.counts == {"done": 1, "pending": 1}
    assert (report.gpu_hours, report.wall_seconds) == (1.0, 1800)
    assert report.gpu_hours_source == "sacct"
    assert report.runs == sweep_status(sweep)
    # Without accounting, the record of an attempt in a job counts.
    slurm("sacct", "exit 1")
    times = {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": "2026-01-01T02:00:00+00:00"}
    attempted(2, **OURS, **times, outcome="failed", reason="diverged")
    report = sweep_report(sweep)
    assert (report.gpu_hours, report.gpu_hours_source) == (2.0, "the runs' own records")


def test_a_report_of_a_local_sweep_counts_no_hours(sweep):
    report = sweep_report(sweep)
    assert (report.gpu_hours, report.wall_seconds, report.gpu_hours_source) == (None, None, None)


def test_some_runs_of_a_sweep_are_looked_up_with_the_jobs_that_are_known(slurm, sweep, tmp_path):
    slurm("squeue", slurm.printed(slurm.queued("77_1", "aevae-abcdef-1", why="Priority")))
    jobs = SweepJobs.of(sweep.paths)
    slurm("squeue", f"touch '{tmp_path}/asked'")
    (found,) = sweep_status(sweep, sweep.runs.current[1:], jobs)
    assert (found.run_id, found.state) == (sweep.runs.current[1], State.PENDING)
    assert not (tmp_path / "asked").exists()
