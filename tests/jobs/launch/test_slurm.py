"""What would be submitted, and what a silent SLURM does. Only its commands are fake."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import psutil
import pytest

from aevae.errors import InputError
from aevae.files.layout import SweepPaths
from jobs.launch.script import batch_script, check_folder, gpu_hours
from jobs.launch.slurm import submit_missing
from jobs.scheduler import commands
from jobs.scheduler.commands import SchedulerError
from jobs.scheduler.limits import submit_limit
from jobs.scheduler.profile import ClusterProfile, load_profile
from jobs.scheduler.request import JobRequest
from jobs.scheduler.sbatch import read_job_id
from jobs.sweep.folder import lay_out
from jobs.sweep.spec import load_spec

REPOSITORY = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden"
PAPER = SweepPaths(Path("/scratch/aevae/runs/paper"))


def test_the_script_of_the_v100_profile_is_as_reviewed():
    # A missing file fails here: it is written by hand, from the output of --dry-run.
    golden = (GOLDEN / "v100.sbatch").read_text()
    script = batch_script(PAPER, 1, load_profile(Path("v100")), 30, python="/opt/aevae/bin/python")
    assert script == golden


@pytest.mark.parametrize("site", ["site-a", "site-b", "image"])
def test_what_a_site_demands_stands_in_the_script(site):
    profile = load_profile(GOLDEN / f"{site}.toml")
    code = Path("/scratch/code") if site == "image" else None
    script = batch_script(PAPER, 1, profile, 15, code=code, python="/opt/aevae/bin/python")
    assert script == (GOLDEN / f"{site}.sbatch").read_text()


def test_every_key_of_a_request_is_in_a_reviewed_script():
    paths = [load_profile(Path("v100")), *map(load_profile, GOLDEN.glob("*.toml"))]
    set_somewhere = {name for profile in paths for name in profile.model_fields_set}
    assert set(JobRequest.model_fields) <= set_somewhere


def one_job(profile: str) -> str:
    """Return the script of one job with a profile of this content."""
    keys = ClusterProfile.model_validate(tomllib.loads(profile))
    return batch_script(PAPER, 1, keys, 1)


@pytest.mark.parametrize(
    ("profile", "options"),
    [
        ("", ["--mem=4G"]),
        ("mem_gb = 0", ["--mem=0"]),
        ("mem_gb = 0.3", ["--mem=307M"]),
        ('mem_gb = "default"', []),
        ("mem_per_cpu_gb = 2", ["--mem-per-cpu=2G"]),
    ],
)
def test_memory_is_asked_for_in_one_way_or_not_at_all(profile, options):
    asked = re.findall(r"^#SBATCH (--mem.*)$", one_job(profile), re.M)
    assert asked == options


def test_a_single_run_is_no_array():
    profile = load_profile(Path("v100"))
    assert "--array" not in batch_script(PAPER, 1, profile, 1)


def test_gpu_hours_are_those_of_all_runs_to_the_limit():
    assert gpu_hours(load_profile(Path("v100")), 30) == 60
    assert gpu_hours(load_profile(Path("cpu")), 30) == 0


@pytest.mark.parametrize("name", ["50%", "a\nb", "a\x7fb"])
def test_folders_that_slurm_would_read_otherwise_are_refused(name):
    with pytest.raises(InputError, match="without '%'"):
        check_folder(Path("/tmp") / name)


def aevae(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jobs.cli", *argv],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "COLUMNS": "400",
            "OMP_NUM_THREADS": "1",
        },
        timeout=60,
    )


def sweep(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    options = ("--dataset", "digits", "--cluster", "onehost", "--out", str(folder))
    return aevae("sweep", "quickstart", *options, *argv)


ACCEPTING = "echo Submitted batch job 77"
CONFIG = 'echo "MaxArraySize            = 4"'


def test_runs_are_submitted_once_and_what_sbatch_refuses_is_resumed(fake, tmp_path):
    folder = tmp_path / "sweep ü"
    fake("squeue", "exit 0")
    fake("scontrol", CONFIG)
    # The first array is accepted, the second meets a limit.
    once = f"[ -e '{tmp_path}/one' ] && echo AssocMaxSubmitJobLimit >&2 && exit 1; "
    fake("sbatch", f"{once}touch '{tmp_path}/one'; {ACCEPTING}")
    refused = sweep(folder)
    assert refused.returncode == 1
    assert "sbatch refused 2 runs (AssocMaxSubmitJobLimit); 4 were submitted" in refused.stderr
    first, second = (json.loads((folder / "submissions" / f"{n}.json").read_text()) for n in (1, 2))
    assert (first["job_id"], second["job_id"]) == ("77", None)
    fake("squeue", fake.printed(*(fake.queued(f"77_{i}", first["job_name"]) for i in range(4))))
    fake("sbatch", "echo Submitted batch job 78")
    # Damaged results are made again, by the job that is queued already.
    (folder / "runs" / first["run_ids"][0] / "trained.h5").write_bytes(b"damaged")
    killed_amid_a_record = folder / "submissions" / ".2.json.0123abcd.tmp"
    killed_amid_a_record.touch()
    resumed = sweep(folder)
    assert resumed.returncode == 0, resumed.stderr
    assert not killed_amid_a_record.exists()
    assert "4 runs are pending: left alone" in resumed.stderr
    local = aevae(
        "sweep", str(folder / "sweep.toml"), "--out", str(folder), "--only", first["run_ids"][0]
    )
    assert "1 run is pending: left alone" in local.stderr
    third = json.loads((folder / "submissions" / "3.json").read_text())
    assert third["run_ids"] == second["run_ids"]


def test_what_a_user_has_set_for_slurm_changes_no_answer(fake, tmp_path, monkeypatch):
    # Each of these would hide the jobs, move them to another cluster or change a format.
    settings = {"SQUEUE_STATES": "RUNNING", "SQUEUE_PARTITION": "x", "SQUEUE_USERS": "x"}
    settings |= {"SQUEUE_ACCOUNT": "x", "SQUEUE_FORMAT": "%i", "SLURM_CLUSTERS": "beta"}
    settings |= {"SLURM_TIME_FORMAT": "relative", "SACCT_FORMAT": "JobID", "SCANCEL_STATE": "x"}
    settings |= {"SBATCH_ARRAY_INX": "0-99", "SLURM_JOB_ID": "4242", "SLURM_BITSTR_LEN": "8"}
    settings |= {"SCONTROL_ALL": "1", "SLURM_JOB_NAME": "interactive"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "sweep"
    seen = "|".join(name for name in settings if name not in ("SLURM_TIME_FORMAT",))
    hidden = f"env | grep -E '^({seen})=' | grep -v BITSTR_LEN=0 >>'{tmp_path}/seen'; "
    fake("squeue", f"{hidden} exit 0")
    fake("scontrol", f"{hidden} {CONFIG}; echo 'ClusterName = alpha'")
    fake("sbatch", f"{hidden} echo >>'{tmp_path}/submitted'; {ACCEPTING}")
    fake("sacct", f"{hidden} exit 0")
    fake("scancel", f"{hidden} touch '{tmp_path}/gone'")
    assert sweep(folder, "--set", "latent_sizes=[2]").returncode == 0
    name = json.loads((folder / "submissions" / "1.json").read_text())["job_name"]
    waiting = fake.printed(*(fake.queued(f"77_{task}", name) for task in range(3)))
    fake("squeue", f"{hidden} [ -e '{tmp_path}/gone' ] || {waiting}")
    report = json.loads(aevae("status", str(folder), "--json").stdout)
    assert report["counts"] == {"pending": 3}
    again = sweep(folder, "--set", "latent_sizes=[2]")
    assert "3 runs are pending: left alone" in again.stderr
    cancelled = aevae("cancel", str(folder))
    assert cancelled.returncode == 0, cancelled.stderr
    assert (tmp_path / "submitted").read_text() == "\n"
    assert (tmp_path / "seen").read_text() == ""


def test_nothing_is_submitted_while_the_queue_cannot_be_seen(fake, tmp_path):
    folder = tmp_path / "sweep"
    fake("squeue", "exit 0")
    fake("scontrol", CONFIG)
    fake("sbatch", f"touch {tmp_path}/called; {ACCEPTING}")
    assert sweep(folder).returncode == 0
    (tmp_path / "called").unlink()
    fake("squeue", "echo 'slurm_load_jobs error: Unable to contact controller' >&2; exit 1")
    again = sweep(folder)
    assert again.returncode == 1
    assert "squeue failed: slurm_load_jobs error: Unable to contact controller" in again.stderr
    assert not (tmp_path / "called").exists()
    report = json.loads(aevae("status", str(folder), "--json").stdout)["runs"]
    assert {status["state"] for status in report} == {"unknown"}


def test_an_sbatch_that_hangs_is_killed_and_what_it_submitted_is_found(fake, tmp_path, monkeypatch):
    loaded = load_spec(Path("quickstart-digits"))
    laid_out = lay_out(loaded, loaded.runs("it")[:1], tmp_path / "sweep")
    monkeypatch.setattr(commands, "TIMEOUT_S", 0.5)
    fake("squeue", "exit 0")
    fake("scontrol", CONFIG)
    fake("sbatch", f"echo $$ >'{tmp_path}/pid'; exec sleep 100")
    profile = load_profile(Path("onehost"))
    maybe = "sbatch did not answer within 0.5 s; a job may have been submitted with 1 run"
    with pytest.raises(SchedulerError, match=maybe):
        submit_missing(laid_out, [], profile, print)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    name = json.loads((tmp_path / "sweep" / "submissions" / "1.json").read_text())["job_name"]
    fake("squeue", fake.printed(fake.queued("77", name)))
    assert submit_missing(laid_out, [], profile, print) == 0
    assert (tmp_path / "sweep" / "submitit" / "77_submitted.pkl").exists()


@pytest.mark.parametrize(
    ("printed", "job"),
    [
        ("-----\nWelcome to cluster 7\n-----\nSubmitted batch job 77", "77"),
        ("Submitted batch job 77 on cluster other", "77"),
        ("1066\nSubmitted batch job 77", "77"),
        ("Checking the project of job 12 ... OK\n77", "77"),
        ("77;other", "77"),
        ("  77  \n", "77"),
        ("", None),
        ("4096\n77", None),
        ("job 77 is ready", None),
        ("Submitted batch job 0", None),
        ("Submitted batch job 77\nSubmitted batch job 78", None),
    ],
)
def test_the_id_of_a_job_is_read_with_what_a_site_prints_around_it(printed, job):
    if job is not None:
        assert read_job_id(printed) == job
    else:
        with pytest.raises(SchedulerError, match=r"cannot be read .* may have been submitted"):
            read_job_id(printed)


def test_a_job_whose_id_could_not_be_read_is_found_by_its_name(fake, tmp_path):
    folder, calls = tmp_path / "sweep", tmp_path / "calls"
    fake("squeue", "exit 0")
    fake("scontrol", "echo 'MaxArraySize = 99'")
    fake("sbatch", f"echo called >>'{calls}'; echo 'Your job is number 77.'")
    unread = sweep(folder)
    assert unread.returncode == 1
    assert "the answer of sbatch cannot be read ('Your job is number 77.')" in unread.stderr
    assert "with 6 runs; 0 were submitted before; the same command looks for" in unread.stderr
    name = json.loads((folder / "submissions" / "1.json").read_text())["job_name"]
    fake("squeue", fake.printed(*(fake.queued(f"77_{task}", name) for task in range(6))))
    found = sweep(folder)
    assert found.returncode == 0
    assert "6 runs are pending: left alone" in found.stderr
    assert calls.read_text() == "called\n"
    assert (folder / "submitit" / "77_5_submitted.pkl").exists()


def test_an_analysis_that_is_refused_leaves_the_runs_submitted_and_says_why(fake, tmp_path):
    folder = tmp_path / "sweep"
    fake("squeue", "exit 0")
    fake("scontrol", "echo 'MaxArraySize = 99'")
    reasons = ["cpu jobs need partition=cpu", "Batch job submission failed: Unspecified error"]
    refusal = "; ".join(f"echo 'sbatch: error: {reason}' >&2" for reason in reasons)
    fake(
        "sbatch",
        f'if grep -q analysis.cli "$1"; then {refusal}; exit 1; fi; {ACCEPTING}',
    )
    done = sweep(folder, "--then-analyse")
    assert done.returncode == 1
    assert "6 runs submitted" in done.stderr
    assert (
        f"the runs were submitted, but sbatch refused the analysis ({'; '.join(reasons)}); the "
        "same command submits the analysis again" in done.stderr
    )


def submit(fake, folder):
    """Submit a sweep to a SLURM that takes everything; return the record of it."""
    fake("squeue", "exit 0")
    fake("scontrol", CONFIG)
    fake("sbatch", ACCEPTING)
    assert sweep(folder).returncode == 0
    return json.loads((folder / "submissions" / "1.json").read_text())


def test_a_reason_is_given_once_slurm_has_said_why_a_job_waits(fake, tmp_path):
    folder = tmp_path / "sweep"
    job = submit(fake, folder)["job_name"]
    waiting = (fake.queued(f"77_{task}", job, why=why) for task, why in enumerate(("None", "QOS")))
    fake("squeue", fake.printed(*waiting))
    first, second, *_ = json.loads(aevae("status", str(folder), "--json").stdout)["runs"]
    assert (first["state"], first["reason"]) == ("pending", None)
    assert (second["state"], second["reason"]) == ("pending", "QOS")


def test_a_job_on_another_host_is_looked_up_and_its_end_is_explained(fake, tmp_path):
    folder = tmp_path / "sweep"
    record = submit(fake, folder)
    for task, run_id in enumerate(record["run_ids"][:3]):
        attempt = folder / "runs" / run_id / "attempts" / "1"
        attempt.mkdir(parents=True)
        values = {"number": 1, "host": "node9", "pid": 1, "process_started": 1.0}
        values |= {"slurm_job_id": str(80 + task), "started_at": "2026-01-01T00:00:00+00:00"}
        (attempt / "attempt.json").write_text(json.dumps(values))
    fake(
        "squeue",
        fake.printed(fake.queued("77_0", record["job_name"], "RUNNING", raw="80", node="node9")),
    )
    lines = [fake.accounted("77_1", "OUT_OF_MEMORY", raw="81")]
    lines += [fake.accounted("77_2", "NODE_FAIL", raw="82")]
    lines += [fake.accounted("77_3", "CANCELLED by 1000", raw="83")]
    fake("sacct", fake.printed(*lines))
    report = json.loads(aevae("status", str(folder), "--json").stdout)["runs"]
    assert [(s["state"], s["reason"]) for s in report[:4]] == [
        ("running", None),
        ("failed", "out_of_memory"),
        ("failed", "node_fail"),
        ("failed", "cancelled"),
    ]


def test_a_job_that_ended_before_its_runs_began_says_why(fake, tmp_path):
    folder = tmp_path / "sweep"
    record = submit(fake, folder)
    log = SweepPaths(folder).job_log("77_1")
    log.write_text("/x/script: line 9: module: command not found\nsrun: error: n: task 0: Killed\n")
    fake("sacct", fake.printed(*(fake.accounted(f"77_{task}", "FAILED") for task in range(6))))
    silent, failed, *_ = json.loads(aevae("status", str(folder), "--json").stdout)["runs"]
    assert silent["reason"] == "its job ended before the run began"
    assert failed["reason"].startswith("its job ended before the run began: /x/script: line 9: mod")
    said = aevae("logs", str(folder), record["run_ids"][1])
    assert said.stdout == f"--- submitit's log of job 77_1, {log}:\n{log.read_text()}"
    assert "was not started yet" in aevae("logs", str(folder), record["run_ids"][0]).stderr


def test_gpu_hours_are_counted_from_the_runs_own_records_without_accounting(fake, tmp_path):
    folder = tmp_path / "sweep"
    record = submit(fake, folder)
    attempt = folder / "runs" / record["run_ids"][0] / "attempts" / "1"
    attempt.mkdir(parents=True)
    values = {"number": 1, "host": "node9", "pid": 1, "process_started": 1.0}
    values |= {"slurm_job_id": "80", "started_at": "2026-01-01T00:00:00+00:00"}
    values |= {"outcome": "interrupted", "ended_at": "2026-01-01T01:30:00+00:00"}
    (attempt / "attempt.json").write_text(json.dumps(values))
    shown = aevae("status", str(folder)).stdout
    end = "from the first start to the last end, according to"
    assert f"1.50 GPU-hours used, 1:30:00 {end} the runs' own records" in shown
    hour = {"seconds": 3600, "tres": "cpu=1,gres/gpu=1"}
    lines = [fake.accounted("77_0", "PREEMPTED", start="2026-01-01T00:00:00", **hour)]
    lines += [fake.accounted("77_0", "COMPLETED", start="2026-01-01T02:00:00", **hour)]
    fake("sacct", fake.printed(*lines))
    shown = aevae("status", str(folder)).stdout
    assert f"2.00 GPU-hours used, 3:00:00 {end} sacct" in shown


def test_18_want_of_memory_is_not_submitted_again_unless_asked(fake, tmp_path):
    folder, profile = tmp_path / "sweep", tmp_path / "larger.toml"
    fake("squeue", "exit 0")
    fake("scontrol", "echo 'MaxArraySize = 99'")
    fake("sbatch", ACCEPTING)
    assert sweep(folder).returncode == 0
    hopeless, *others = json.loads((folder / "submissions" / "1.json").read_text())["run_ids"]
    fake("sacct", fake.printed(fake.accounted("77_0", "OUT_OF_MEMORY")))

    def submitted(number: int, *argv: str) -> list[str]:
        assert sweep(folder, *argv).returncode == 0
        return json.loads((folder / "submissions" / f"{number}.json").read_text())["run_ids"]

    assert submitted(2) == others
    assert submitted(3, "--only", hopeless) == [hopeless]
    fake("sacct", fake.printed(fake.accounted("77", "OUT_OF_MEMORY")))
    left = sweep(folder, "--only", others[0], "--dry-run")
    assert left.returncode == 0
    # The same amount as before, asked for in another way.
    profile.write_text("mem_per_cpu_gb = 0.5\ncpus_per_task = 2")
    assert "1 run is out of memory" in sweep(folder, "--cluster", str(profile)).stderr
    profile.write_text("mem_per_cpu_gb = 1\ncpus_per_task = 2")
    more = sweep(folder, "--cluster", str(profile)).stderr
    assert "out of memory" not in more
    newest = max((folder / "submissions").glob("*.json"), key=lambda path: int(path.stem))
    assert hopeless in json.loads(newest.read_text())["run_ids"]


def limits(fake, *, own: str, accounts: str, qualities: str) -> None:
    """Define a cluster that enforces limits: associations of the user and of accounts, QOS."""
    enforced = "AccountingStorageEnforce = associations,limits"
    fake("scontrol", f"{CONFIG}; echo '{enforced}'; echo 'ClusterName = here'")
    answers = {"*' user='*": own, "*' account='*": accounts, "*' qos '*": qualities}
    cases = [f"{which}) printf '{rows}';;" for which, rows in answers.items()]
    fake("sacctmgr", f'case "$*" in {" ".join(cases)} esac')
    fake("sbatch", ACCEPTING)


def test_a_limit_too_short_for_a_checkpoint_is_said_and_not_tried_again(fake, tmp_path):
    folder, profile = tmp_path / "sweep", tmp_path / "longer.toml"
    fake("squeue", "exit 0")
    fake("scontrol", "echo 'MaxArraySize = 99'")
    fake("sbatch", ACCEPTING)
    assert sweep(folder).returncode == 0
    no_epoch, epoch, resumable, *_ = submitted = json.loads(
        (folder / "submissions" / "1.json").read_text()
    )["run_ids"]
    for task, run_id in enumerate((no_epoch, epoch, resumable)):
        run = folder / "runs" / run_id
        (run / "attempts" / "1").mkdir(parents=True)
        values = {"number": 1, "host": "node9", "pid": 1, "process_started": 1.0}
        values |= {"slurm_job_id": str(80 + task), "started_at": "2026-01-01T00:00:00+00:00"}
        (run / "attempts" / "1" / "attempt.json").write_text(json.dumps(values))
        (run / "progress.json").write_text(json.dumps({"epoch": task}))
    (folder / "runs" / resumable / "checkpoint-000002.pt").touch()
    fake("sacct", fake.printed(*(fake.accounted(f"77_{task}", "TIMEOUT") for task in range(3))))
    report = json.loads(aevae("status", str(folder), "--json").stdout)["runs"]
    assert [(s["state"], s["reason"]) for s in report[:3]] == [
        ("failed", "timeout before the first epoch ended: raise timeout_min"),
        (
            "failed",
            "timeout before the first checkpoint: raise timeout_min, or signal_delay_s above the "
            "time of an epoch",
        ),
        ("interrupted", "timeout"),
    ]
    again = sweep(folder)
    assert "2 runs are out of time without a checkpoint" in again.stderr
    record = json.loads((folder / "submissions" / "2.json").read_text())
    assert record["run_ids"] == submitted[2:]
    profile.write_text(f"timeout_min = {record['timeout_min'] + 1}")
    (folder / "submissions" / "2.json").unlink()
    assert sweep(folder, "--cluster", str(profile)).returncode == 0
    record = json.loads((folder / "submissions" / "2.json").read_text())
    assert record["run_ids"] == submitted


def test_what_fits_a_limit_is_submitted_and_the_rest_is_told(fake, tmp_path):
    folder = tmp_path / "sweep"
    # An own job of another account and one of this wait already; the second counts.
    fake("squeue", 'case "$*" in *--user*) echo "other|normal"; echo "aevae|normal";; esac')
    limits(
        fake,
        own="other||normal|1|\naevae|cpu|normal|2|\naevae||long|100|\naevae|gpu|normal|5|\n",
        accounts="aevae||root|\n",
        qualities="normal|9|\nlong|4|\nother|1|\n",
    )
    refused = sweep(folder)
    assert refused.returncode == 1
    assert (
        "4 of 6 runs were submitted: MaxSubmitJobs of account aevae allows 5 jobs in the queue, "
        "1 were there" in refused.stderr
    )
    assert len(list((folder / "submissions").iterdir())) >= 1


@pytest.mark.parametrize(
    ("own", "accounts", "qualities", "told"),
    [
        # The job of a colleague counts as well.
        (
            "aevae||normal||\n",
            "aevae||lab|3\naevae|me||\n",
            "normal||\n",
            "GrpSubmitJobs of account aevae allows 3 jobs in the queue, 2 were there",
        ),
        (
            "aevae||normal||4\n",
            "aevae||root|\n",
            "normal||\n",
            "GrpSubmitJobs of account aevae allows 4 jobs in the queue, 1 were there",
        ),
        (
            "aevae||normal||\n",
            "aevae||root|\n",
            "normal||2\n",
            "GrpSubmitJobs of QOS normal allows 2 jobs in the queue, 2 were there",
        ),
        ("aevae|debug|normal|1|\n", "aevae||root|\n", "normal||\n", "None"),
        (
            "aevae|gpu|normal|3|\n",
            "aevae||root|\n",
            "normal||\n",
            "MaxSubmitJobs of account aevae allows 3 jobs in the queue, 1 were there",
        ),
    ],
)
def test_limits_of_a_group_and_of_each_partition_count(fake, own, accounts, qualities, told):
    mine = 'echo "aevae|normal"'
    fake("squeue", f'case "$*" in *--user*) {mine};; *--account*|*--qos*) {mine}; {mine};; esac')
    limits(fake, own=own, accounts=accounts, qualities=qualities)
    profile = ClusterProfile(partition="cpu,gpu", account="aevae")
    assert str(submit_limit(profile, {"AccountingStorageEnforce": "limits"})) == told


def test_the_limit_of_an_account_above_ours_counts(fake, monkeypatch):
    fake("squeue", "true")
    fake(
        "sacctmgr",
        'case "$*" in *user=*) echo "aevae||normal||";; '
        '*account=aevae*) echo "aevae||lab|";; *account=lab*) echo "lab||root|2";; '
        '*account=root*) echo "root|||";; esac',
    )
    limit = submit_limit(ClusterProfile(), {"AccountingStorageEnforce": "limits"})
    assert str(limit) == "GrpSubmitJobs of account lab allows 2 jobs in the queue, 0 were there"


def test_16_a_user_without_a_name_is_asked_for_by_number(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    fake("squeue", f'echo "$*" >>"{tmp_path}/asked"')
    fake("sacctmgr", "true")
    assert submit_limit(ClusterProfile(), {"AccountingStorageEnforce": "limits"}) is None
    assert "--user=54321" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("configured", "scripts"),
    [
        ("MaxArraySize = 0", 6),
        ("MaxArraySize = 1", 6),
        ("MaxArraySize = 1001\nSchedulerParameters = bf_max_job_test=9,max_array_tasks=4", 2),
    ],
)
def test_arrays_are_as_large_as_the_cluster_allows_down_to_single_jobs(
    fake, tmp_path, configured, scripts
):
    folder, calls = tmp_path / "sweep", tmp_path / "calls"
    fake("squeue", "exit 0")
    fake("scontrol", f"printf '{configured}\n'")
    fake("sbatch", f"echo call >>'{calls}'; grep -e --array= $1 >>'{calls}.arrays'; {ACCEPTING}")
    done = sweep(folder)
    assert done.returncode == 0, done.stderr
    assert "6 runs submitted" in done.stderr
    assert calls.read_text() == "call\n" * scripts
    assert ((tmp_path / "calls.arrays").read_text() == "") == (scripts == 6)


def test_status_asks_squeue_and_sacct_once_each(fake, tmp_path):
    folder = tmp_path / "sweep"
    submit(fake, folder)
    for name in ("squeue", "sacct"):  # and scontrol never: the records name no other cluster
        fake(name, f"echo asked >>'{tmp_path}/{name}'")
    shown = aevae("status", str(folder)).stdout
    assert "6 failed" in shown
    assert (tmp_path / "squeue").read_text() == "asked\n"
    assert (tmp_path / "sacct").read_text() == "asked\n"


def test_a_local_launch_asks_squeue_seldom(fake, tmp_path, spec):
    folder, asked = tmp_path / "sweep", tmp_path / "asked"
    fake("squeue", "exit 0")
    fake("scontrol", CONFIG)
    fake("sbatch", ACCEPTING)
    command = ("sweep", str(spec), "--out", str(folder), "--set", "train.epochs=30")
    assert aevae(*command, "--cluster", "onehost").returncode == 0
    record = json.loads((folder / "submissions" / "1.json").read_text())
    name, run_id = record["job_name"], record["run_ids"][0]
    fake("squeue", f"echo asked >>'{asked}'; {fake.printed(fake.queued('77_1', name))}")
    began = time.monotonic()
    done = aevae(*command, "--only", run_id)
    assert done.returncode == 0, done.stderr
    assert len(asked.read_text().split()) <= 1 + (time.monotonic() - began) // 10


def test_tasks_of_an_array_that_never_began_share_the_reason_of_their_end(fake, tmp_path):
    folder = tmp_path / "sweep"
    submit(fake, folder)
    lines = [fake.accounted("77_[2-3%1]", "CANCELLED by 1000")]
    lines += [fake.accounted("77_0", state, raw="78") for state in ("TIMEOUT", "NODE_FAIL")]
    fake("sacct", fake.printed(*lines))
    report = json.loads(aevae("status", str(folder), "--json").stdout)["runs"]
    reasons = ["node_fail", "its job ended before the run began", "cancelled", "cancelled"]
    assert [status["reason"] for status in report[:4]] == reasons


def test_a_job_that_was_submitted_by_hand_is_looked_up_by_its_number(fake, tmp_path):
    folder = tmp_path / "sweep"
    options = ("--dataset", "digits", "--out", str(folder), "--prepare")
    assert aevae("sweep", "quickstart", *options).returncode == 0
    for number, run in enumerate(sorted((folder / "runs").iterdir())[:2]):
        attempt = run / "attempts" / "1"
        attempt.mkdir(parents=True)
        values = {"number": 1, "host": "node9", "pid": 1, "process_started": 1.0}
        values |= {"slurm_job_id": str(80 + number), "started_at": "2026-01-01T00:00:00+00:00"}
        job = {"key": f"9_{number}", "raw_id": str(80 + number), "cluster": "here", "name": "mine"}
        (attempt / "attempt.json").write_text(json.dumps(values | {"slurm_job": job}))

    def states() -> list[str]:
        report = json.loads(aevae("status", str(folder), "--json").stdout)["runs"]
        return sorted(status["state"] for status in report)

    assert states() == ["planned"] * 4 + ["unknown"] * 2
    fake("scontrol", "echo 'ClusterName = here'")
    running = fake.queued("9_0", "mine", "RUNNING", raw="80", node="node9")
    fake("squeue", fake.printed(running, fake.queued("9_7", "mine", raw="9")))
    assert states() == ["failed"] + ["planned"] * 4 + ["running"]
    fake("scancel", f"echo $* >'{tmp_path}/cancelled'")
    cancelled = aevae("cancel", str(folder), "--grace", "0")
    assert "jobs 9_0 are still in the queue after 0 s" in cancelled.stderr
    assert (tmp_path / "cancelled").read_text() == "--quiet 9_0\n"
    fake(
        "squeue",
        fake.printed(fake.queued("9_0", "mine", start="2026-01-02T00:00:00", why="BeginTime")),
    )
    assert states() == ["failed", "pending"] + ["planned"] * 4


def test_a_dry_run_needs_no_slurm_and_writes_nothing(tmp_path, monkeypatch):
    python = shutil.which(sys.executable)
    assert python is not None
    monkeypatch.setenv("PATH", str(tmp_path))
    shown = sweep(tmp_path / "sweep", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("#!/bin/bash\n")
    assert list(tmp_path.iterdir()) == []
