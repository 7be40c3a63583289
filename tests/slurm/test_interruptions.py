"""What a real SLURM does to jobs must neither lose nor repeat nor change a run."""

import subprocess
import sys
from collections import Counter

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]


def test_17_requeue_preemption_and_a_lost_node_do_not_change_the_results(
    onehost, sweep, folder, undisturbed
):
    onehost.aevae(*sweep)
    first, second = folder.runs
    tasks = [f"{folder.job}_0", f"{folder.job}_1"]
    folder.hold(first, second)
    command = [sys.executable, "-m", "jobs.cli", "logs", str(folder.path), first.name, "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        onehost.slurm("scontrol", "requeue", tasks[0])
        onehost.preempt(tasks[1])
        onehost.wait_for(
            lambda: [s for s, _ in onehost.states(folder).values()] == ["pending"] * 2,
            "both wait to go on",
        )
        assert "2 runs are pending: left alone" in onehost.aevae(*sweep).stderr
        onehost.start_now(tasks[0])
        onehost.start_now(tasks[1])
        first.hold(attempt=2)
        node = onehost.slurm("squeue", "-h", "-j", tasks[0], "-o", "%N")
        onehost.slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        onehost.start_now(tasks[0])
        folder.wait_done()  # on the node that is left
        followed, _ = follower.communicate(timeout=60)
    onehost.up()
    folder.assert_equals(undisturbed)
    assert second.attempts[0]["reason"].startswith("SIGUSR2 after epoch")
    for run, attempts in ((first, 3), (second, 2)):
        assert len(run.starts) == attempts
        assert run.starts[0] == 0
        assert 0 < run.starts[1] <= run.starts[-1]
    # Nothing twice, nothing left out, to the last word; submitit's own warnings come twice.
    said = Counter(followed.splitlines())
    written = [line for number in (1, 2, 3) for line in first.log(number).splitlines()]
    assert {said[line] for line in written if not line.startswith("submitit")} == {1}
    onehost.wait_for(
        lambda: {"REQUEUED", "NODE_FAIL"} <= set(onehost.accounted(tasks[0].partition("_")[0])),
        "both ends in sacct",
    )


def test_15_a_limit_is_met_twice_and_the_next_sweep_goes_on(
    onehost, sweep, folder, profile, undisturbed
):
    # submitit takes every end within 10 minutes for a timeout.
    limited = profile(timeout_min=10, signal_delay_s=40, max_num_timeout=1)
    onehost.aevae(*sweep, "--cluster", limited)
    first, task = folder.runs[0], f"{folder.job}_0"
    onehost.slurm("scancel", f"{folder.job}_1")
    # The first limit puts the job back into the queue; the second is one too many.
    first.hold()
    onehost.limit(task, 1)
    first.wait_ended(1)
    onehost.start_now(task)
    onehost.limit(task, 10)
    first.hold(attempt=2)
    onehost.limit(task, 1)
    first.wait_ended(2)
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "an empty queue")
    assert onehost.states(folder)[first.name] == ("failed", "timeout")
    assert first.checkpoints
    onehost.aevae(*sweep)
    folder.wait_done()
    assert 0 < first.starts[1] < first.starts[2]
    folder.assert_equals(undisturbed)


def test_a_cancelled_sweep_is_completed_by_the_same_command(onehost, sweep, folder, undisturbed):
    onehost.aevae(*sweep, "--set", "seeds=[0,1,2]")
    first, second, third = folder.runs
    folder.hold(first, second)
    assert onehost.aevae("cancel", str(folder.path)).stderr.count("stopped") == 3
    assert not onehost.slurm("squeue", "-h")
    onehost.wait_for(
        lambda: onehost.states(folder)[third.name] == ("failed", "cancelled"), "sacct's word"
    )
    state, reason = onehost.states(folder)[first.name]
    assert state == "interrupted"
    assert reason.startswith("SIGTERM after epoch")
    assert "2 runs submitted" in onehost.aevae(*sweep).stderr
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "an empty queue")
    folder.assert_equals(undisturbed)
    assert [len(run.attempts) for run in (first, second)] == [2, 2]
    assert min(first.starts[1], second.starts[1]) > 0


def test_23_runs_go_on_and_states_stay_true_while_sacct_is_gone(
    onehost, sweep, folder, undisturbed
):
    onehost.aevae(*sweep)
    job, (first, second) = folder.job, folder.runs
    folder.hold(first, second)
    onehost.stop("slurmdbd")
    try:
        onehost.slurm("scancel", "--signal=KILL", f"{job}_0")
        onehost.wait_for(lambda: f"{job}_0" not in onehost.slurm("squeue", "-hr"), "its end")
        report = onehost.report(folder)
        assert report["gpu_hours_source"] == "the runs' own records"
        assert report["gpu_hours"] > 0
        assert [run["state"] for run in report["runs"].values()] == ["interrupted", "running"]
        assert "1 run submitted" in onehost.aevae(*sweep).stderr
        second.go_on()
        folder.wait_done()
        assert [s for s, _ in onehost.states(folder, code=0).values()] == ["done"] * 2
    finally:
        onehost.up()
    assert [len(run.attempts) for run in folder.runs] == [2, 1]
    assert first.starts[1] > 0
    folder.assert_equals(undisturbed)


def test_16_without_accounting_a_run_that_is_preempted_by_term_alone_goes_on(
    onehost, sweep, folder, undisturbed
):
    onehost.up("--no-accounting", "--preempt-signal", "term")
    onehost.aevae(*sweep)
    first = folder.runs[0]
    first.hold()
    before = first.epoch
    onehost.preempt(f"{folder.job}_0")
    first.wait_ended(1)
    assert first.attempts[0]["reason"].startswith("SIGTERM after epoch")
    onehost.wait_for(lambda: onehost.states(folder)[first.name][0] == "pending", "the requeue")
    assert "0 runs submitted" in onehost.aevae(*sweep).stderr
    onehost.start_now(f"{folder.job}_0")
    folder.wait_done()
    assert first.starts[1] >= before
    assert [len(run.attempts) for run in folder.runs] == [2, 1]
    report = onehost.report(folder, code=0)
    assert report["counts"] == {"done": 2}
    assert report["gpu_hours_source"] == "the runs' own records"
    folder.assert_equals(undisturbed)
