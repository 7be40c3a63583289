"""Sweeps on a real SLURM: every run gets one job, wherever limits, packing and launchers fail."""

import json
import re

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]


def test_an_array_uses_both_nodes_and_equals_the_local_sweep(onehost, sweep, folder, undisturbed):
    shown = onehost.aevae(*sweep, "--dry-run")
    assert "2 runs, at most 1.0 GPU-hours" in shown.stderr
    assert not folder.path.exists()
    onehost.aevae(*sweep)
    job = folder.job
    assert shown.stdout == (folder.path / "submitit" / f"{job}_submission.sh").read_text() + "\n"
    folder.wait_done()
    folder.assert_equals(undisturbed)
    onehost.wait_accounted(job, *["COMPLETED"] * 2)
    assert set(onehost.accounted(job, "nodelist")) == {"gpu01", "gpu02"}
    assert all("gres/gpu=1" in row for row in onehost.accounted(job, "alloctres"))
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "an empty queue")
    assert "0 runs submitted" in onehost.aevae(*sweep).stderr


def test_the_doctor_examines_a_node_as_a_job(onehost, tmp_path):
    asked = ("doctor", "--cluster", "onehost", "--dataset", "digits", "--out", str(tmp_path))
    found = onehost.aevae(*asked, "--on-node").stdout
    verdicts = {line.split()[1]: line.split()[0] for line in found.splitlines()}
    subjects = ("slurm", "job", "analysis", "data", "output", "torch", "precision")
    assert verdicts == dict.fromkeys(subjects, "ok"), found
    onehost.wait_for(lambda: onehost.slurm("sacct", "-Xn", "--name=aevae-doctor"), "it in sacct")


def test_22_5_runs_meet_an_array_limit_of_2_and_a_queue_limit_of_3(onehost, sweep, folder):
    onehost.up("--max-array-size", "2", "--max-submit-jobs", "3")
    sweep += ["--set", f"seeds={list(range(5))}", "--set", "train.epochs=1"]
    refused = onehost.aevae(*sweep, code=1).stderr
    assert "3 of 5 runs were submitted: MaxSubmitJobs of account aevae allows 3" in refused
    assert [len(record["run_ids"]) for record in folder.submissions] == [2, 1]
    onehost.wait_for(lambda: len(onehost.slurm("squeue", "-hr").splitlines()) <= 1, "some room")
    onehost.aevae(*sweep)
    folder.wait_done()
    assert [len(run.attempts) for run in folder.runs] == [1] * 5


def test_21_a_launcher_that_dies_around_sbatch_leaves_neither_doomed_nor_double_jobs(
    onehost, sweep, folder
):
    sweep += ["--set", "train.epochs=1"]
    onehost.slurm("scontrol", "update", "partitionname=gpu", "state=down")
    onehost.aevae(*sweep)
    record = folder.submissions[0]
    # As if it had been killed right after sbatch: no id on disk, a pickle not yet in place.
    pickle = folder.path / "submitit" / f"{folder.job}_1_submitted.pkl"
    pickle.unlink()
    (folder.path / "submissions" / "1.json").write_text(json.dumps({**record, "job_id": None}))
    try:
        assert "2 runs are pending: left alone" in onehost.aevae(*sweep).stderr
    finally:
        onehost.slurm("scontrol", "update", "partitionname=gpu", "state=up")
    assert folder.submissions == [record]
    assert pickle.exists()
    folder.wait_done()
    assert [len(run.attempts) for run in folder.runs] == [1, 1]


def test_runs_of_one_job_in_turn_keep_their_own_state(onehost, sweep, folder, profile):
    sweep += ["--set", "seeds=[0,1,2]", "--cluster", profile(runs_per_job=2)]
    onehost.aevae(*sweep)
    first, second, _ = folder.runs
    first.hold()
    states = onehost.states(folder)
    assert states[first.name] == ("running", None)
    assert states[second.name] == ("pending", "its job trains other runs first")
    assert "0 runs submitted" in onehost.aevae(*sweep).stderr
    first.go_on()
    folder.wait_done()
    onehost.wait_accounted(folder.job, *["COMPLETED"] * 2)
    assert [len(run.attempts) for run in folder.runs] == [1, 1, 1]
    assert first.starts == [0]
    assert second.name not in first.log(1)


def test_runs_of_one_job_side_by_side_are_each_told_to_stop_and_all_go_on(
    onehost, sweep, folder, profile, undisturbed
):
    onehost.aevae(*sweep, "--cluster", profile(runs_per_job=2, side_by_side=True))
    first, second = folder.runs
    folder.hold(first, second)
    assert {s for s, _ in onehost.states(folder).values()} == {"running"}
    assert first.attempts[0]["pid"] != second.attempts[0]["pid"]
    onehost.preempt(folder.job)
    for run in folder.runs:
        assert run.wait_ended(1)["reason"].startswith("SIGUSR2 after epoch")
    onehost.start_now(folder.job)
    folder.wait_done()
    assert [len(run.attempts) for run in folder.runs] == [2, 2]
    assert min(first.starts[1], second.starts[1]) > 0
    folder.assert_equals(undisturbed)


def test_18_every_state_is_shown_and_want_of_memory_is_not_tried_again(
    onehost, sweep, folder, profile
):
    sweep += ["--set", 'models=["ae","vae","cvae"]', "--set", "cvae.hidden_sizes=[16000,16000]"]
    # A process that wants more memory than it may have, and one job at a time.
    sweep += ["--cluster", profile(setup=["ulimit -v 6000000"], array_parallelism=1)]
    onehost.aevae(*sweep, "--prepare")
    by_name = {"-".join(run.name.split("-")[::2]): run for run in folder.runs}
    finished, stopped = by_name["ae-s0"], by_name["ae-s1"]
    working, waiting = by_name["vae-s0"], by_name["vae-s1"]
    hopeless, planned = by_name["cvae-s0"], by_name["cvae-s1"]

    def submit(*runs) -> None:
        onehost.aevae(*sweep, *(word for run in runs for word in ("--only", run.name)))

    submit(stopped)
    submit(finished, hopeless)
    stopped.hold()
    onehost.aevae("cancel", str(folder.path), stopped.name)
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "an empty queue")
    submit(working, waiting)
    working.hold()
    report = onehost.report(folder)
    shown = onehost.aevae("status", str(folder.path), code=1).stdout
    working.go_on()
    found = report["runs"]
    assert {name: found[run.name]["state"] for name, run in by_name.items()} == {
        "ae-s0": "done",
        "ae-s1": "interrupted",
        "vae-s0": "running",
        "vae-s1": "pending",
        "cvae-s0": "failed",
        "cvae-s1": "planned",
    }
    assert report["counts"] == dict.fromkeys(report["counts"], 1)
    assert report["gpu_hours"] > 0
    assert report["wall_seconds"] > 0
    assert report["gpu_hours_source"] == "sacct"
    now = found[working.name]
    assert now["node"] in ("gpu01", "gpu02")
    assert now["images_per_second"] > 0
    assert now["eta_seconds"] > 0
    assert now["silent_seconds"] < 60
    assert (now["attempts"], found[planned.name]["attempts"]) == (1, 0)
    assert found[waiting.name]["reason"] == "JobArrayTaskLimit"
    assert found[waiting.name]["job"] == f"{folder.job}_1"
    assert found[hopeless.name]["reason"] == "out_of_memory"
    for name, run in found.items():
        row = next(line for line in shown.splitlines() if line.startswith(f"{name} "))
        assert run["state"] in row
    assert re.search(
        "GPU-hours used, .* from the first start to the last end, according to sacct", shown
    )

    again = onehost.aevae(*sweep).stderr
    assert "1 run is out of memory (raise mem_gb in the profile, or name them" in again
    assert "2 runs submitted" in again
