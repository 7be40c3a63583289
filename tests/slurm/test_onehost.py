"""The one-machine SLURM does what its README promises.

Without these tests, whoever tries the suite there would meet a cluster that does not start, hangs
their shell, keeps an earlier option, or shows faults that a real SLURM would not: and every other
test that runs on it would prove nothing.
"""

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slurm

ONEHOST = Path(__file__).resolve().parents[2] / "slurm" / "onehost"
GPU = ("--gres=gpu:v100:1", "--mem=100", "--time=5")


def onehost(command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts; its output comes through pipes, which daemons must not hold open."""
    argv = [str(ONEHOST / command), *options]
    return subprocess.run(
        argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False
    )


def slurm(*argv: str) -> str:
    """Print what a SLURM command prints; it must succeed."""
    result = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, f"{' '.join(argv)}: {result.stderr}"
    return result.stdout.strip()


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.2)


def accounted(job: str, *fields: str) -> list[list[str]]:
    """Every attempt and task of a job as sacct knows it, one list of fields each."""
    lines = slurm("sacct", "-DXnP", "-j", job, "-o", ",".join(fields)).splitlines()
    return [line.split("|") for line in lines]


@pytest.fixture(autouse=True)
def cluster(own_cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the cluster up with its defaults, and SLURM's commands talk to it."""
    up = onehost("up")
    assert up.returncode == 0, up.stderr
    setting = onehost("env").stdout.strip().removeprefix("export ")
    monkeypatch.setenv(*setting.split("=", maxsplit=1))


def daemons() -> list[str]:
    """What `status` says of the daemons: up or down, and their process numbers."""
    return [line for line in onehost("status").stdout.splitlines() if ", pid " in line]


def test_up_again_changes_nothing():
    before = daemons()
    again = onehost("up")
    assert "started: nothing" in again.stdout
    assert again.stderr == ""
    assert daemons() == before
    assert len(before) == 6


def test_array_runs_on_both_nodes_and_every_task_is_accounted(tmp_path):
    script = "sleep 1; echo $CUDA_VISIBLE_DEVICES"
    out = f"--output={tmp_path}/%a.out"
    job = slurm("sbatch", "--parsable", "--array=0-3", *GPU, out, "--wrap", script)
    wait_for(
        lambda: [row[0] for row in accounted(job, "state")] == ["COMPLETED"] * 4,
        "four completed tasks in sacct",
    )
    rows = accounted(job, "jobid", "nodelist", "alloctres")
    assert {row[0] for row in rows} == {f"{job}_{task}" for task in range(4)}
    assert {row[1] for row in rows} == {"gpu01", "gpu02"}
    assert all("gres/gpu=1" in row[2] for row in rows)
    assert [path.read_text() for path in sorted(tmp_path.glob("*.out"))] == ["0\n"] * 4


def test_urgent_job_preempts_and_the_victim_hears_its_own_signal(tmp_path):
    heard = tmp_path / "heard"
    step = tmp_path / "step.sh"
    step.write_text(
        f"trap 'touch {heard}; scontrol requeue $SLURM_JOB_ID; exit 1' USR2\n"
        f"touch {tmp_path}/started\n"
        "for _ in $(seq 600); do sleep 0.1; done\n"
    )
    job = ("--wrap", f"srun bash {step}", "--output=/dev/null", "--signal=USR2@60")
    victim = slurm("sbatch", "--parsable", "--nodelist=gpu01", *GPU, *job)
    wait_for((tmp_path / "started").exists, "the job runs")
    urgent = ("--partition=urgent", "--nodelist=gpu01", "--output=/dev/null", "--wrap", "true")
    slurm("sbatch", "--wait", *GPU, *urgent)
    assert heard.exists()
    assert slurm("squeue", "-h", "-j", victim, "-o", "%T %r") == "PENDING BeginTime"
    wait_for(lambda: ["REQUEUED"] in accounted(victim, "state"), "the first attempt in sacct")
    slurm("scancel", victim)


def test_status_sees_a_node_that_is_down_and_up_heals_it():
    slurm("scontrol", "update", "nodename=gpu02", "state=down", "reason=test")
    assert onehost("status").returncode == 1
    assert onehost("up").returncode == 0
    assert onehost("status").returncode == 0


def test_status_sees_a_dead_daemon_and_up_heals_it():
    lines = [line.split() for line in onehost("status").stdout.splitlines()]
    pid = next(words[-1] for words in lines if words[0] == "slurmd-gpu02")
    os.kill(int(pid), 9)
    status = onehost("status")
    assert status.returncode == 1
    assert "slurmd-gpu02  down" in status.stdout
    assert "started: slurmd-gpu02" in onehost("up").stdout
    assert onehost("status").returncode == 0


def test_up_shows_the_log_of_a_node_that_ends_after_its_start():
    onehost("down")
    with socket.create_server(("127.0.0.1", int(os.environ["AEVAE_ONEHOST_PORTS"] + "02"))):
        failed = onehost("up")
    assert failed.returncode == 1
    assert "slurmd-gpu02 died" in failed.stderr
    assert "bind" in failed.stderr.partition("slurmd-gpu02.log:")[2]


def test_up_works_where_the_host_has_the_address_that_debians_installer_writes(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("AEVAE_ONEHOST_DIR", os.environ["AEVAE_ONEHOST_DIR"] + "-elsewhere")
    monkeypatch.setenv("AEVAE_ONEHOST_PORTS", "3" + os.environ["AEVAE_ONEHOST_PORTS"][1:])
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 elsewhere\n")
    script = f"""
        mount --make-rprivate / && mount --bind {tmp_path}/hosts /etc/hosts && hostname elsewhere
        {ONEHOST}/up && eval "$({ONEHOST}/env)" && srun --mem=10 hostname
        {ONEHOST}/down --purge"""
    unshared = ["unshare", "--mount", "--uts", "bash", "-c", script]
    result = subprocess.run(unshared, capture_output=True, text=True, timeout=100, check=False)
    assert "other machines can reach this SLURM" in result.stderr
    assert result.stdout.endswith("\nelsewhere\n"), result.stderr


def test_options_hold_until_the_next_up():
    changed = onehost("up", "--max-array-size", "5", "--no-accounting")
    assert changed.returncode == 0, changed.stderr
    assert "> MaxArraySize=5" in changed.stderr
    array = ["sbatch", "--output=/dev/null", "--wrap=true"]
    refused = subprocess.run([*array, "--array=0-5"], capture_output=True, text=True, check=False)
    assert "Invalid job array specification" in refused.stderr
    slurm(*array, "--array=0-4", "--wait")
    sacct = subprocess.run(["sacct"], capture_output=True, text=True, check=False)
    assert "accounting storage is disabled" in sacct.stderr
    assert onehost("up").returncode == 0
    assert slurm("sbatch", "--parsable", "--wait", "--array=0-5", *array[1:])
    slurm("sacct")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--max-array-size", "many"], "--max-array-size needs a number >= 1, got 'many'"),
        (["--grace-time"], "--grace-time needs a number >= 0, got ''"),
        (["--preempt-signal", "USR2"], "--preempt-signal needs user or term, got 'USR2'"),
        (["--max-submit-jobs", "3", "--no-accounting"], "cannot be used with --no-accounting"),
        (["--purge"], "unknown option '--purge'"),
    ],
)
def test_up_names_the_bad_option(options, named):
    result = onehost("up", *options)
    assert result.returncode == 2
    assert named in result.stderr


def test_a_directory_with_a_space_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("AEVAE_ONEHOST_DIR", f"{tmp_path}/a b")
    result = onehost("up")
    assert result.returncode == 1
    assert f"got '{tmp_path}/a b'" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_ports_that_do_not_exist_are_refused(monkeypatch):
    monkeypatch.setenv("AEVAE_ONEHOST_PORTS", "656")
    result = onehost("up")
    assert result.returncode == 1
    assert "100 to 599, got '656'" in result.stderr


def test_a_directory_of_somebody_else_is_neither_filled_nor_purged(monkeypatch, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "slurm.conf").write_text("ClusterName=theirs\n")
    monkeypatch.setenv("AEVAE_ONEHOST_DIR", str(tmp_path))
    assert "no cluster is in it" in onehost("up").stderr
    assert onehost("down", "--purge").returncode == 0
    assert (tmp_path / "etc" / "slurm.conf").read_text() == "ClusterName=theirs\n"


def test_its_database_keeps_temporary_files_apart_from_other_databases():
    # A MariaDB that starts removes all temporary tables in its folder, those of others as well.
    state = Path(os.environ["AEVAE_ONEHOST_DIR"])
    command = ["mariadb", "--no-defaults", f"--socket={state}/db/socket", "--user=root"]
    assert slurm(*command, "--skip-column-names", "-e", "SELECT @@tmpdir") == f"{state}/db/tmp"
