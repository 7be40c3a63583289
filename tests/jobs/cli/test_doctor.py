"""The doctor finds before the queue what would fail after it, and leaves nothing behind."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.cli import doctor
from jobs.cli.doctor import Finding, examine
from jobs.launch.on_node import examine_on_node
from jobs.scheduler import commands
from jobs.scheduler.commands import SchedulerError
from jobs.scheduler.profile import ClusterProfile, load_profile

REPOSITORY = Path(__file__).resolve().parents[3]


def findings(profile, data_dir, out, dataset="digits"):
    found = examine(profile, dataset, data_dir, out)
    return {finding.subject: finding for finding in found}


def test_a_fit_machine_passes_and_nothing_is_left(tmp_path):
    found = findings(None, tmp_path, tmp_path / "runs" / "new")
    assert found["output"].verdict == "ok"
    assert found["data"].verdict == "ok"
    assert found["precision"].verdict == "ok"
    assert list(tmp_path.iterdir()) == []


def test_missing_data_is_found_with_what_to_do(tmp_path):
    found = findings(None, tmp_path, tmp_path, dataset="mnist")["data"]
    assert found.verdict == "failed"
    assert "aevae fetch --dataset mnist" in found.detail


def test_an_output_that_is_no_folder_is_found(tmp_path):
    (tmp_path / "file").touch()
    assert findings(None, tmp_path, tmp_path / "file")["output"].verdict == "failed"


def test_a_file_system_that_breaks_what_is_assumed_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: None)
    found = findings(None, tmp_path, tmp_path)["output"]
    assert found.verdict == "failed"
    assert "two jobs could train the same run" in found.detail


def test_a_file_system_without_locks_is_a_warning(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    found = findings(None, tmp_path, tmp_path)["output"]
    assert found.verdict == "warning"
    assert f"files in {tmp_path} cannot be locked" in found.detail
    assert "the option flock" in found.detail


def test_without_slurm_the_doctor_says_so_and_fails(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli", "doctor", "--cluster", "v100", "--dataset", "digits"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PATH": str(tmp_path)},
        timeout=100,
    )
    assert done.returncode == 1, done.stderr
    assert "failed   slurm     there is no sinfo on this machine" in done.stdout
    assert "failed   job" in done.stdout


def test_a_scheduler_that_hangs_is_a_failed_check(tmp_path, monkeypatch):
    for name in ("sinfo", "sbatch", "scontrol"):
        command = tmp_path / name
        command.write_text("#!/bin/sh\nexec sleep 100\n")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(commands, "TIMEOUT_S", 0.2)
    found = findings(load_profile(Path("v100")), tmp_path, tmp_path)
    assert found["slurm"].detail == "sinfo did not answer within 0.2 s"
    assert found["job"].detail == "sbatch did not answer within 0.2 s"


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Fake commands of SLURM that accept everything; a function defines another answer of one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def define(name: str, body: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)

    define("sinfo", "echo slurm 23.11.4")
    define("scontrol", "echo 'MaxArraySize = 1001'")
    define("sbatch", "echo 'sbatch: Job 1 to start at 2026-01-01T00:00:00' >&2")
    return define


SRUN = 'while [ $1 != /bin/bash ]; do shift; done; exec "$@"'
LIMITS = "debug*|30:00\\ngpu|1-00:00:00\\nlong|infinite\\nodd|n/a\\n"


@pytest.mark.parametrize(
    ("keys", "verdict"),
    [
        ({"partition": "gpu", "timeout_min": 1441}, "failed"),
        ({"partition": "gpu", "timeout_min": 1440}, "ok"),
        ({"partition": "debug,gpu", "timeout_min": 1440}, "ok"),
        ({"partition": "debug,gpu", "timeout_min": 1441}, "failed"),
        ({"partition": "gpu", "timeout_min": 1441, "qos": "long"}, "warning"),
        ({"partition": "long", "timeout_min": 10**6}, "ok"),
        ({"partition": "odd", "timeout_min": 10**6}, "ok"),
        ({"timeout_min": 31}, "failed"),
        ({"timeout_min": 30}, "ok"),
    ],
)
def test_a_time_limit_that_no_partition_allows_is_found(cluster, tmp_path, keys, verdict):
    cluster("sinfo", f'case "$*" in *%l*) printf "{LIMITS}";; *) echo slurm 23.11.4;; esac')
    found = findings(ClusterProfile(**keys), tmp_path, tmp_path)["job"]
    assert found.verdict == verdict
    if verdict != "ok":
        assert f"timeout_min is {keys['timeout_min']}, but partition " in found.detail


def test_04_a_cluster_without_arrays_is_fit(cluster, tmp_path):
    cluster("scontrol", "echo 'MaxArraySize = 0'")
    found = findings(ClusterProfile(), tmp_path, tmp_path)["slurm"]
    assert found.verdict == "ok"
    assert "job arrays are disabled" in found.detail


def test_another_cluster_is_asked_about_itself(cluster, tmp_path):
    asked = tmp_path / "asked"
    cluster("scontrol", f"echo $* >>'{asked}'; echo 'MaxArraySize = 1001'")
    cluster("sinfo", f"echo $* >>'{asked}'; echo slurm 23.11.4")
    findings(ClusterProfile(clusters="beta"), tmp_path, tmp_path)
    questions = [line for line in asked.read_text().splitlines() if line != "--version"]
    assert len(questions) == 2
    assert all("--clusters=beta" in line for line in questions)


@pytest.mark.parametrize("command", ["sinfo", "scontrol", "sbatch"])
@pytest.mark.parametrize("answer", ["true", "printf '\\xff|\\n||'", "echo '|'; echo 'x|y|z' >&2"])
def test_no_answer_of_slurm_breaks_the_doctor(cluster, tmp_path, command, answer):
    cluster(command, answer)
    found = findings(ClusterProfile(), tmp_path, tmp_path)
    assert {"slurm", "job", "analysis", "data", "output", "torch"} <= set(found)
    assert all(len(finding.detail.splitlines()) == 1 for finding in found.values())


def test_a_check_that_breaks_off_is_one_line_and_the_others_are_made(tmp_path, monkeypatch):
    def verify(*_):
        raise ValueError("no\nnumber")

    monkeypatch.setattr(doctor, "verify_source", verify)
    found = findings(None, tmp_path, tmp_path)
    assert found["data"] == Finding("data", "failed", "this check failed: ValueError: no number")
    assert found["output"].verdict == "ok"


def test_an_analysis_that_sbatch_would_refuse_is_found(cluster, tmp_path):
    cluster("sbatch", 'grep -q "cpus-per-task=4" "$2" || { echo "no GPU" >&2; exit 1; }')
    found = findings(ClusterProfile(cpus_per_task=4), tmp_path, tmp_path)
    assert found["job"].verdict == "ok"
    assert found["analysis"].verdict == "warning"
    assert "no GPU; --then-analyse needs other values in the table [analysis]" in str(found)


def test_the_job_on_a_node_asks_for_what_the_runs_ask_for_and_is_set_up_like_them(
    cluster, tmp_path
):
    cluster(
        "srun",
        f'printf "%s\\n" "$@" >"{tmp_path}/asked"; {SRUN}',
    )
    keys = {"reservation": "course", "nodelist": "node7", "gpus": 1, "export": "NONE"}
    profile = ClusterProfile(
        **keys, extra={"licenses": "x:1"}, setup=("test -d /", "export A=1"), python="echo"
    )
    assert examine_on_node(profile, ["--dataset", "digits"]) == 0
    asked = (tmp_path / "asked").read_text().splitlines()
    wanted = {"--reservation=course", "--nodelist=node7", "--gpus=1", "--licenses=x:1", "--time=10"}
    assert wanted <= set(asked)
    assert not any(word.startswith("--export") for word in asked)


def test_a_setup_that_fails_on_the_node_is_named(cluster, tmp_path, capfd):
    cluster("srun", SRUN)
    profile = ClusterProfile(setup=("true", "no-such-module load x"), python="echo")
    assert examine_on_node(profile, []) == 127
    assert "setup failed with exit code 127: no-such-module load x" in capfd.readouterr().err


def test_without_srun_the_check_on_a_node_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SchedulerError, match="srun could not be started: No such file"):
        examine_on_node(ClusterProfile(), [])


@pytest.mark.parametrize("option", ["line", "variable", None])
def test_the_doctor_looks_for_the_data_where_the_sweep_will(tmp_path, option):
    profile = tmp_path / "cluster.toml"
    profile.write_text(f'data_dir = "{tmp_path}/of the profile"\n')
    place = tmp_path / ("of the profile" if option is None else "of the command")
    given = ["--data-dir", str(place)] if option == "line" else []
    variables = {"AEVAE_DATA_DIR": str(place)} if option == "variable" else {}
    for command in (
        ["doctor", "--cluster", profile, "--dataset", "mnist", "--out", tmp_path],
        ["sweep", "quickstart", "--cluster", profile, "--out", tmp_path / "sweep"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "jobs.cli", *map(str, command), *given],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "400", **variables},
            timeout=100,
        )
        assert f"aevae fetch --dataset mnist --data-dir '{place}'" in done.stdout + done.stderr
