"""What is concluded from the answers of SLURM, and what is not."""

import json
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from aevae.files.attempt import SlurmJob
from aevae.files.layout import SweepPaths
from jobs.scheduler import queue
from jobs.scheduler.queue import NewestJob, SweepJobs, WatchedJobs
from jobs.scheduler.submissions import Submission, read_submissions, write_submission

RUNS = ("ae-z002-s0-0000000000", "ae-z005-s0-0000000000", "vae-z002-s0-0000000000")


def submission(**values) -> Submission:
    known = {"number": 1, "job_name": "aevae-abcdef-1", "run_ids": RUNS, "gpus": 1}
    known |= {"timeout_min": 60, "max_num_timeout": 3, "job_id": "77", "cluster": "alpha"}
    known |= {"submitted_at": "2026-01-01T00:00:00+00:00", "git_commit": None, "git_dirty": None}
    return Submission(**known | values)


@pytest.fixture
def here(fake):
    """A cluster called alpha, with an empty queue and no accounting."""
    fake("scontrol", "echo 'ClusterName = alpha'")
    fake("squeue", "exit 0")
    return fake


def kinds(jobs: SweepJobs) -> list[str]:
    return [found.kind for run in RUNS if (found := jobs.newest_job(run))]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *((s, "waiting") for s in ("PENDING", "RESV_DEL_HOLD", "REQUEUE_HOLD", "SPECIAL_EXIT")),
        *((s, "running") for s in ("RUNNING", "SUSPENDED", "STOPPED", "CONFIGURING", "SIGNALING")),
        ("COMPLETED", "gone"),
        ("REVOKED", "unknown"),
        ("A_STATE_OF_A_LATER_RELEASE", "running"),
    ],
)
def test_every_state_of_a_job_means_one_thing(here, state, kind):
    here("squeue", here.printed(here.queued("77_0", "aevae-abcdef-1", state)))
    found = SweepJobs([submission()]).newest_job(RUNS[0])
    assert found is not None
    assert found.kind == kind


def test_a_job_is_found_by_its_id_under_whatever_name(here):
    here("squeue", here.printed(here.queued("77_0", "lab1:renamed")))
    jobs = SweepJobs([submission()])
    assert kinds(jobs) == ["waiting", "gone", "gone"]
    assert [job.ours for run in RUNS if (job := jobs.newest_job(run))] == [False, False, False]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("aevae-abcdef-1", True),
        ("lab1:aevae-abcdef-1", True),
        ("aevae-abcdef-1.x", True),
        ("aevae-abcdef-12", False),
        ("interactive", False),
    ],
)
def test_only_a_job_that_bears_our_name_may_be_cancelled(here, name, ours):
    here("squeue", here.printed(here.queued("77_0", name)))
    found = SweepJobs([submission()]).newest_job(RUNS[0])
    assert found is not None
    assert found.ours is ours


def test_another_cluster_is_asked_for_its_own_jobs(here):
    line = here.queued("77_1", "aevae-abcdef-1")
    here("squeue", f'case "$*" in *--clusters=beta*) {here.printed(line)};; esac')
    assert kinds(SweepJobs([submission(cluster="beta")])) == ["gone", "waiting", "gone"]


def test_a_cluster_that_does_not_answer_leaves_its_jobs_unknown(here):
    no = "echo \"squeue: error: No cluster 'beta' known by database.\" >&2; exit 1"
    line = here.printed(here.queued("77_0", "aevae-abcdef-1"))
    here("squeue", f'case "$*" in *--clusters=beta*) {no};; *) {line};; esac')
    second = submission(number=2, run_ids=RUNS[1:], cluster="beta", job_id="5")
    jobs = SweepJobs([submission(), second])
    assert kinds(jobs) == ["waiting", "unknown", "unknown"]
    assert jobs.error is not None
    assert "No cluster 'beta'" in jobs.error


def test_without_the_name_of_this_cluster_nothing_is_concluded(here):
    here("scontrol", "echo 'Unable to contact slurm controller' >&2; exit 1")
    assert kinds(SweepJobs([submission()])) == ["unknown"] * 3


def test_a_job_whose_launcher_died_is_found_by_its_name(here):
    line = here.printed(here.queued("77_2", "lab1:aevae-abcdef-1"))
    here("squeue", f'case "$*" in *--name=aevae-abcdef-1*) {line};; esac')
    jobs = SweepJobs([submission(job_id=None)])
    assert kinds(jobs) == ["gone", "gone", "waiting"]
    assert jobs.job_id(jobs.submissions[0]) == "77"


def test_a_job_is_described_by_what_slurm_says_of_it(here):
    start = "2026-01-01T10:00:00"
    lines = [here.queued("77_0", "aevae-abcdef-1", start=start, why="Priority")]
    # squeue may repeat why a job waited once it runs.
    lines += [here.queued("77_1", "lab", "RUNNING", raw="80", start=start, node="n1", why="Prolog")]
    here("squeue", here.printed(*lines))
    jobs = SweepJobs([submission()])
    waiting, running, gone = (jobs.newest_job(run) for run in RUNS)
    at = {"cluster": "alpha", "shared": False}
    assert waiting == NewestJob("waiting", "77_0", "Priority", start=start, ours=True, **at)
    assert running == NewestJob("running", "77_1", node="n1", raw_id="80", **at)
    assert gone == NewestJob("gone", "77_2", cluster="alpha")
    assert [job.queued for job in (waiting, running, gone) if job] == ["77_0", "77_1", None]
    assert jobs.newest_job("another-run") is None
    assert not jobs.none_queued
    assert jobs.queued_ids == ["77"]


@pytest.mark.parametrize(("together", "keys"), [(2, ["77_0", "77_0", "77_1"]), (3, ["77"] * 3)])
def test_runs_that_share_a_job_are_found_in_it(here, together, keys):
    lines = [here.queued(key, "aevae-abcdef-1", "RUNNING") for key in set(keys)]
    here("squeue", here.printed(*lines))
    jobs = SweepJobs([submission(runs_per_job=together)])
    found = [job for run in RUNS if (job := jobs.newest_job(run))]
    assert [(job.key, job.shared) for job in found] == [(key, True) for key in keys]


def test_why_nothing_is_known_is_said(here):
    here("squeue", "echo 'slurm_load_jobs error: Unable to contact controller' >&2; exit 1")
    jobs = SweepJobs([submission()])
    jobs.look_up({"by-hand": SlurmJob("5", "5", "alpha", "x")})
    said = "squeue failed: slurm_load_jobs error: Unable to contact controller"
    for run in (RUNS[0], "by-hand"):
        assert jobs.newest_job(run) == NewestJob("unknown", detail=said)
    assert jobs.error == said
    assert not jobs.none_queued
    here("squeue", here.printed(here.queued("77_0", "x", "REVOKED")))
    elsewhere = SweepJobs([submission()]).newest_job(RUNS[0])
    assert elsewhere == NewestJob("unknown", detail="another cluster has started job 77_0")
    assert elsewhere.queued == "unknown"


def test_a_job_by_hand_is_found_on_its_own_cluster_under_its_own_name(here):
    # Requeued by hand, it would have another SLURM_JOB_ID than its attempt had.
    line = here.queued("9_0", "train", "RUNNING", raw="13", node="n1")
    here("squeue", f'case "$*" in *--clusters=beta*--jobs=9_0*) {here.printed(line)};; esac')
    jobs = SweepJobs([submission()])
    job = SlurmJob("9_0", "12", "beta", "train")
    jobs.look_up({"by-hand": job, RUNS[0]: job})
    found = NewestJob("running", "9_0", node="n1", raw_id="13", cluster="beta", ours=True)
    assert jobs.newest_job("by-hand") == found
    assert kinds(jobs) == ["gone"] * 3
    # Nobody asks twice for a job, and the answers of earlier questions stay.
    here("squeue", "exit 1")
    jobs.look_up({"by-hand": job})
    assert jobs.newest_job("by-hand") == found
    here("squeue", here.printed(here.queued("3", "other")))
    jobs.look_up({"another": SlurmJob("3", "3", "alpha", "train")})
    assert jobs.newest_job("by-hand") == found
    assert jobs.newest_job("another") == NewestJob(
        "waiting", "3", cluster="alpha", ours=False, detail=None
    )


def test_launchers_that_died_on_two_clusters_have_their_jobs_found(here):
    beta = "*--clusters=beta*--name=aevae-abcdef-2*) {};; *beta*) ;;"
    case = f'case "$*" in {beta} *--name=*-1*) {{}};; esac'
    first = here.printed(here.queued("77_0", "aevae-abcdef-1"))
    second = here.printed(here.queued("5", "aevae-abcdef-2"))
    here("squeue", case.format(second, first))
    jobs = SweepJobs(
        [
            submission(job_id=None),
            submission(
                number=2, job_name="aevae-abcdef-2", job_id=None, cluster="beta", run_ids=RUNS[2:]
            ),
            submission(number=3, job_name="aevae-abcdef-3", job_id=None, run_ids=("x",)),
        ]
    )
    assert kinds(jobs) == ["waiting", "gone", "waiting"]
    assert [jobs.job_id(s) for s in jobs.submissions] == ["77", "5", None]
    assert jobs.newest_job("x") == NewestJob("gone")
    assert jobs.end_reason("x") is None


def reasons(jobs: SweepJobs) -> list[str | None]:
    return [jobs.end_reason(run) for run in RUNS]


def test_a_task_has_its_own_end_and_not_that_of_the_rest_of_its_array(here):
    lines = [
        here.accounted("77_0", "FAILED", step="0:125"),
        here.accounted("77_[1-2%4]", "PENDING"),
    ]
    here("sacct", here.printed(*lines))
    assert reasons(SweepJobs([submission()])) == ["out_of_memory", None, None]


def test_tasks_that_never_began_share_the_end_of_the_line_that_holds_them(here):
    lines = [here.accounted("77_0", "COMPLETED"), here.accounted("77_[2]", "CANCELLED by 0")]
    here("sacct", here.printed(*lines))
    assert reasons(SweepJobs([submission()])) == ["completed", None, "cancelled"]
    # SLURM 22.05 has this line where every task of an array was cancelled.
    here("sacct", here.printed(here.accounted("77", "CANCELLED by 0")))
    assert reasons(SweepJobs([submission()])) == ["cancelled"] * 3
    here("sacct", here.printed(here.accounted("77", "OUT_OF_MEMORY")))
    assert reasons(SweepJobs([submission()])) == [None] * 3


def test_what_we_cancelled_is_known_without_accounting(here):
    assert reasons(SweepJobs([submission(cancelled=RUNS[1:2])])) == [None, "cancelled", None]


@pytest.mark.parametrize(
    ("state", "reason"),
    [("TIMEOUT", "timeout"), ("BOOT_FAIL", "node_fail"), ("DEADLINE", "deadline")],
)
def test_an_end_has_one_name_here(here, state, reason):
    here("sacct", here.printed(here.accounted("77_0", state)))
    assert reasons(SweepJobs([submission()])) == [reason, None, None]


def test_the_cluster_that_has_a_job_is_asked_how_it_ended(here):
    line = here.printed(here.accounted("77_0", "TIMEOUT"))
    here("sacct", f'case "$*" in *--clusters=beta*--jobs=77*) {line};; esac')
    assert reasons(SweepJobs([submission(cluster="beta")])) == ["timeout", None, None]
    assert reasons(SweepJobs([submission()])) == [None, None, None]


@pytest.mark.parametrize(("minutes", "known"), [(-11, False), (-9, True), (60, True)])
def test_clocks_of_two_hosts_may_differ_by_minutes(here, minutes, known):
    submitted = datetime.fromisoformat("2026-01-01T00:00:00+00:00") + timedelta(minutes=minutes)
    local = submitted.astimezone().strftime("%Y-%m-%dT%H:%M:%S")
    here("sacct", f"echo '77_0|80|{local}|Unknown|0||0:0|TIMEOUT'")
    assert reasons(SweepJobs([submission()]))[0] == ("timeout" if known else None)


def test_an_older_job_of_the_same_number_is_another_one(here):
    here("sacct", "echo '77_0|80|2020-01-01T00:00:00|Unknown|0||0:0|OUT_OF_MEMORY'")
    assert reasons(SweepJobs([submission()])) == [None, None, None]


def test_a_job_that_was_submitted_by_hand_is_explained_as_well(here):
    here("sacct", here.printed(here.accounted("9_4", "OUT_OF_MEMORY", raw="12")))
    jobs = SweepJobs([])
    jobs.look_up({RUNS[0]: SlurmJob("9_4", "12", "alpha", "train")})
    assert jobs.end_reason(RUNS[0]) == "out_of_memory"
    # Records of the first releases hold SLURM_JOB_ID alone.
    jobs = SweepJobs([])
    jobs.look_up({RUNS[0]: SlurmJob("12", "12")})
    assert jobs.end_reason(RUNS[0]) == "out_of_memory"


def test_of_tasks_with_one_number_the_one_that_runs_made_the_attempt(here):
    # The last task to start has the number of its array, and so have tasks that wait.
    lines = [here.queued(f"9_{i}", "x", raw="9") for i in range(3)]
    here("squeue", here.printed(*lines, here.queued("9_3", "x", "RUNNING", raw="9", node="n1")))
    jobs = SweepJobs([])
    jobs.look_up({RUNS[0]: SlurmJob("9", "9", "beta")})
    found = jobs.newest_job(RUNS[0])
    assert found is not None
    assert (found.kind, found.key, found.ours) == ("running", "9_3", False)


def test_a_record_that_cannot_be_read_leaves_everything_unknown(here, tmp_path):
    paths = SweepPaths(tmp_path / "sweep")
    paths.root.mkdir()
    write_submission(paths, submission())
    write_submission(paths, submission(number=2))
    assert [s.cluster for s in read_submissions(paths)] == ["alpha", "alpha"]
    paths.submission(2).write_text(json.dumps({"number": 2}))
    jobs = SweepJobs.of(paths)
    jobs.look_up({RUNS[0]: SlurmJob("5", "5")})
    assert [jobs.newest_job(run) for run in RUNS] == [NewestJob("unknown", detail=jobs.error)] * 3
    assert jobs.error == f"missing key 'job_name' in {paths.submission(2)}"
    assert not jobs.none_queued


def test_one_who_looks_every_second_asks_squeue_every_ten_and_not_for_jobs_that_are_gone(
    here, tmp_path, monkeypatch
):
    paths = SweepPaths(tmp_path / "sweep")
    paths.root.mkdir()
    write_submission(paths, submission())
    line = here.printed(here.queued("77_0", "aevae-abcdef-1", "RUNNING"))
    here("squeue", f"echo >>'{tmp_path}/asked'; [ -e '{tmp_path}/gone' ] || {line}")
    now = 100.0
    monkeypatch.setattr(queue, "time", SimpleNamespace(monotonic=lambda: now))
    watched = WatchedJobs(paths)
    asked = []
    for now in range(100, 150):
        if now == 125:
            (tmp_path / "gone").touch()
        found = watched.look().newest_job(RUNS[0])
        assert found is not None
        # A job that has ended is known to be gone at the next question.
        assert found.kind == ("running" if now < 130 else "gone")
        asked.append((tmp_path / "asked").read_text().count("\n"))
    assert asked == [1] * 10 + [2] * 10 + [3] * 10 + [4] * 20


def test_records_that_could_not_be_read_are_looked_at_again(here, tmp_path, monkeypatch):
    paths = SweepPaths(tmp_path / "sweep")
    paths.root.mkdir()
    write_submission(paths, submission())
    text = paths.submission(1).read_text()
    paths.submission(1).write_text("{")
    now = 100.0
    monkeypatch.setattr(queue, "time", SimpleNamespace(monotonic=lambda: now))
    watched = WatchedJobs(paths)
    paths.submission(1).write_text(text)
    now = 109.9
    assert watched.look().error is not None
    now = 110.0
    assert watched.look().error is None


def test_of_a_run_without_a_job_no_end_is_known(here):
    assert SweepJobs([]).end_reason("another-run") is None
    assert SweepJobs([submission(job_id=None)]).end_reason(RUNS[0]) is None
