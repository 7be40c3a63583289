"""Sweeps on a real SLURM: what it does to jobs must neither lose nor repeat nor change a run."""

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]


def runs(folder: Path) -> list[Path]:
    return sorted((folder / "runs").iterdir())


def done(folder: Path) -> bool:
    return all((run / "results.h5").exists() for run in runs(folder))


def epoch(run: Path) -> int:
    return json.loads((run / "progress.json").read_text())["epoch"]


def attempts(run: Path) -> list[dict]:
    folders = sorted((run / "attempts").glob("[0-9]*"), key=lambda path: int(path.name))
    return [json.loads((folder / "attempt.json").read_text()) for folder in folders]


def started_from(run: Path) -> list[int]:
    """The epoch from which each attempt went on."""
    found = []
    for number in range(1, len(attempts(run)) + 1):
        log = (run / "attempts" / str(number) / "stderr").read_text()
        found += [int(e) for e in re.findall(r"from epoch (\d+) of", log)]
    return found


def datasets(path: Path) -> dict[str, np.ndarray]:
    arrays = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: arrays.update({name: item[()]} if hasattr(item, "shape") else {})
        )
    del arrays["history/epoch_seconds"]
    return arrays


def assert_same_results(one: Path, other: Path) -> None:
    assert [run.name for run in runs(one)] == [run.name for run in runs(other)]
    for left, right in zip(runs(one), runs(other), strict=True):
        a, b = datasets(left / "results.h5"), datasets(right / "results.h5")
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], err_msg=f"{left.name}: {name}")


def states(onehost, folder: Path, code: int = 1) -> dict[str, dict]:
    report = json.loads(onehost.aevae("status", str(folder), "--json", code=code).stdout)["runs"]
    return {status["run_id"]: status for status in report}


def submissions(folder: Path) -> list[dict]:
    paths = sorted((folder / "submissions").glob("*.json"), key=lambda path: int(path.stem))
    return [json.loads(path.read_text()) for path in paths]


@pytest.fixture
def profile(tmp_path):
    """A copy of the shipped profile with other settings in front of its keys."""
    shipped = Path(__file__).resolve().parents[2] / "slurm" / "clusters" / "onehost.toml"

    def write(**settings: int) -> str:
        lines = [
            line
            for line in shipped.read_text().splitlines()
            if line.partition(" =")[0] not in settings
        ]
        path = tmp_path / "profile.toml"
        path.write_text("\n".join(lines + [f"{k} = {v}" for k, v in settings.items()]))
        return str(path)

    return write


def test_an_array_uses_both_nodes_and_equals_the_local_sweep(onehost, spec, tmp_path):
    there, here = tmp_path / "on slurm é", tmp_path / "local"
    sweep = ("sweep", spec(2), "--set", 'models=["ae","cvae"]', "--set", "seeds=[0,1]")
    slurm = (*sweep, "--cluster", "onehost", "--out", str(there))
    shown = onehost.aevae(*slurm, "--dry-run")
    assert "4 runs, at most 2.0 GPU-hours" in shown.stderr
    assert not there.exists()
    onehost.aevae(*slurm)
    job = submissions(there)[0]["job_id"]
    script = (there / "submitit" / f"{job}_submission.sh").read_text()
    assert shown.stdout == script + "\n"
    onehost.aevae(*sweep, "--cluster", "local", "--out", str(here))
    onehost.wait_for(lambda: done(there), "all results")
    assert_same_results(there, here)
    onehost.wait_accounted(job, *["COMPLETED"] * 4)
    assert set(onehost.accounted(job, "nodelist")) == {"gpu01", "gpu02"}
    assert all("gres/gpu=1" in row for row in onehost.accounted(job, "alloctres"))
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "an empty queue")
    assert "0 runs submitted" in onehost.aevae(*slurm).stderr


def test_requeue_preemption_and_a_lost_node_do_not_change_the_results(onehost, spec, tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    sweep = ("sweep", spec(250), "--set", "seeds=[0,1]")
    slurm = (*sweep, "--cluster", "onehost", "--out", str(there))
    onehost.aevae(*slurm)
    job = submissions(there)[0]["job_id"]
    first, second = runs(there)
    for run in (first, second):
        onehost.wait_for(lambda run=run: epoch_reached(run, 1), f"{run.name} trains")
    node = onehost.slurm("squeue", "-h", "-j", f"{job}_1", "-o", "%N")
    urgent = ("--partition=urgent", f"--nodelist={node}", "--gres=gpu:v100:1", "--mem=100")
    onehost.slurm("scontrol", "requeue", f"{job}_0")
    onehost.slurm("sbatch", "--wait", *urgent, "--output=/dev/null", "--wrap", "sleep 1")
    onehost.wait_for(
        lambda: [s["state"] for s in states(onehost, there).values()] == ["pending"] * 2,
        "both wait to go on",
    )
    assert "2 runs are pending" in onehost.aevae(*slurm).stderr
    onehost.start_now(f"{job}_0")
    onehost.start_now(f"{job}_1")
    before = epoch(first)
    onehost.wait_for(lambda: epoch_reached(first, before + 1, attempt=2), "it trains again")
    node = onehost.slurm("squeue", "-h", "-j", f"{job}_0", "-o", "%N")
    onehost.slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    onehost.aevae(*sweep, "--cluster", "local", "--out", str(here))
    onehost.wait_for(lambda: done(there), "all results, on the node that is left")
    onehost.up()
    assert_same_results(there, here)
    assert attempts(second)[0]["reason"].startswith("SIGUSR2 after epoch")
    assert len(attempts(first)) == 3
    assert len(attempts(second)) == 2
    for run in (first, second):
        epochs = started_from(run)
        assert epochs[0] == 0
        assert 0 < epochs[1] == sorted(epochs)[1]
    onehost.wait_for(
        lambda: {"REQUEUED", "NODE_FAIL"} <= set(onehost.accounted(job)), "both ends in sacct"
    )


def epoch_reached(run: Path, least: int, attempt: int = 1) -> bool:
    if len(list((run / "attempts").glob("[0-9]*"))) < attempt:
        return False
    return any(run.glob("checkpoint-*.pt")) and epoch(run) >= least


def test_a_cancelled_sweep_is_completed_by_the_same_command(onehost, spec, tmp_path):
    folder = tmp_path / "sweep"
    slurm = ("sweep", spec(300), "--set", "seeds=[0,1,2]")
    slurm = (*slurm, "--cluster", "onehost", "--out", str(folder))
    onehost.aevae(*slurm)
    onehost.wait_for(lambda: all(epoch_reached(run, 1) for run in runs(folder)[:2]), "they train")
    assert onehost.aevae("cancel", str(folder)).stderr.count("stopped") == 3
    assert not onehost.slurm("squeue", "-h")
    onehost.wait_for(
        lambda: list(states(onehost, folder).values())[2]["reason"] == "cancelled", "sacct's word"
    )
    found = [(s["state"], s["reason"]) for s in states(onehost, folder).values()]
    assert [state for state, _ in found] == ["interrupted", "interrupted", "failed"]
    assert found[0][1].startswith("SIGTERM after epoch")
    assert "3 runs submitted" in onehost.aevae(*slurm).stderr
    onehost.wait_for(lambda: done(folder), "all results")
    assert [len(attempts(run)) for run in runs(folder)] == [2, 2, 1]
    assert all(started_from(run)[1] > 0 for run in runs(folder)[:2])


def test_a_time_limit_is_met_and_the_next_sweep_goes_on(onehost, spec, profile, tmp_path):
    folder = tmp_path / "sweep"
    limited = profile(timeout_min=1, signal_delay_s=40, max_num_timeout=1)
    onehost.aevae("sweep", spec(50_000), "--cluster", limited, "--out", str(folder))
    job, run = submissions(folder)[0]["job_id"], runs(folder)[0]
    # The first limit puts the job back into the queue; the second is one too many.
    onehost.wait_for(lambda: attempt_ended(run, 1), "the first limit")
    onehost.start_now(job)
    onehost.wait_for(lambda: attempt_ended(run, 2), "the second limit")
    onehost.wait_for(lambda: not onehost.slurm("squeue", "-h"), "an empty queue")
    status = states(onehost, folder)[run.name]
    assert (status["state"], status["reason"]) == ("failed", "timeout")
    assert any(run.glob("checkpoint-*.pt"))
    onehost.aevae("sweep", spec(50_000), "--cluster", "onehost", "--out", str(folder))
    onehost.wait_for(lambda: len(started_from(run)) == 3, "the third attempt")
    assert 0 < started_from(run)[1] < started_from(run)[2]
    onehost.slurm("scancel", "--partition=gpu")


def attempt_ended(run: Path, number: int) -> bool:
    return len(attempts(run)) >= number and attempts(run)[number - 1]["outcome"] is not None


def test_arrays_are_as_large_as_the_cluster_allows(onehost, spec, tmp_path):
    folder = tmp_path / "sweep"
    onehost.up("--max-array-size", "5")
    seeds = f"seeds={list(range(18))}"
    slurm = ("sweep", spec(1), "--set", seeds, "--cluster", "onehost", "--out", str(folder))
    onehost.aevae(*slurm)
    assert [len(record["run_ids"]) for record in submissions(folder)] == [5, 5, 5, 3]
    assert len(states(onehost, folder)) == 18
    # The first ones may be done by now on a fast machine.
    assert {s["state"] for s in states(onehost, folder).values()} <= {"pending", "running", "done"}
    onehost.slurm("scancel", "--partition=gpu")


def test_a_launcher_that_dies_around_sbatch_leaves_neither_doomed_nor_double_jobs(
    onehost, spec, tmp_path
):
    folder = tmp_path / "sweep"
    slurm = ("sweep", spec(1), "--set", "seeds=[0,1,2]")
    slurm = (*slurm, "--cluster", "onehost", "--out", str(folder))
    onehost.slurm("scontrol", "update", "partitionname=gpu", "state=down")
    onehost.aevae(*slurm)
    record = submissions(folder)[0]
    job = record["job_id"]
    # As if it had been killed right after sbatch: no id on disk, a pickle not yet in place.
    pickle = folder / "submitit" / f"{job}_2_submitted.pkl"
    pickle.unlink()
    (folder / "submissions" / "1.json").write_text(json.dumps({**record, "job_id": None}))
    try:
        assert "3 runs are pending: left alone" in onehost.aevae(*slurm).stderr
    finally:
        onehost.slurm("scontrol", "update", "partitionname=gpu", "state=up")
    assert submissions(folder) == [record]
    assert pickle.exists()
    onehost.wait_for(lambda: done(folder), "all results")
    assert [len(attempts(run)) for run in runs(folder)] == [1, 1, 1]


def test_runs_of_one_job_keep_their_own_state(onehost, spec, profile, tmp_path):
    folder = tmp_path / "sweep"
    packed = profile(runs_per_job=2)
    slurm = ("sweep", spec(200), "--set", "seeds=[0,1,2]", "--cluster", packed)
    slurm = (*slurm, "--out", str(folder))
    onehost.aevae(*slurm)
    job = submissions(folder)[0]["job_id"]
    first, second, _ = runs(folder)
    onehost.wait_for(lambda: epoch_reached(first, 1), "the first run of the first job trains")
    found = states(onehost, folder)
    assert (found[first.name]["state"], found[second.name]["state"]) == ("running", "pending")
    assert found[second.name]["reason"] == f"its turn within job {job}_0 is to come"
    assert "0 runs submitted" in onehost.aevae(*slurm).stderr
    onehost.wait_for(lambda: done(folder), "all results")
    onehost.wait_accounted(job, *["COMPLETED"] * 2)
    assert [len(attempts(run)) for run in runs(folder)] == [1, 1, 1]
    assert "from epoch 0" in (first / "attempts" / "1" / "stderr").read_text()
    assert second.name not in (first / "attempts" / "1" / "stderr").read_text()
