"""Launching on SLURM: job arrays through submitit, so that no run has two jobs."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from submitit.core.utils import DelayedSubmission, FailedJobError, FailedSubmissionError, JobPaths

from aevae.files.atomic import remove_orphans
from aevae.files.layout import SweepPaths
from jobs.launch.code import keep_code
from jobs.launch.inside_job import RunTask
from jobs.launch.script import check_folder, executor
from jobs.scheduler.commands import (
    TIMEOUT_S,
    SchedulerError,
    clean_environment,
    configuration,
    max_array_size,
)
from jobs.scheduler.limits import submit_limit
from jobs.scheduler.profile import ClusterProfile
from jobs.scheduler.queue import SweepJobs
from jobs.scheduler.submissions import (
    Submission,
    new_submission,
    read_submissions,
    write_submission,
)
from jobs.sweep.folder import Sweep
from jobs.sweep.launcher import launcher_lock
from jobs.sweep.status import sweep_status
from jobs.sweep.to_launch import runs_to_launch


def submit_missing(
    sweep: Sweep, only: Sequence[str], profile: ClusterProfile, say: Callable[[str], None]
) -> int:
    """Submit the runs, or those of `only`, that are neither done nor in the queue; do not wait.

    Returns
    -------
    int
        Runs that were submitted.

    Raises
    ------
    SchedulerError
        SLURM cannot be asked what is in the queue (then nothing is submitted), refused, or has
        no room for all. What it took is recorded.
    InputError
        Another launcher is at work on the sweep.
    """
    check_folder(sweep.paths.root)
    with launcher_lock(sweep.paths):
        remove_orphans(sweep.paths.submission_records)
        jobs = SweepJobs(read_submissions(sweep.paths))
        if jobs.error is not None:
            raise SchedulerError(jobs.error)
        for submission in jobs.submissions:
            if submission.job_id is None:
                _adopt(sweep.paths, submission, jobs.job_id(submission))
        newest = {run_id: s for s in jobs.submissions for run_id in s.run_ids}
        wanted = runs_to_launch(
            sweep_status(sweep, only, jobs),
            only,
            say,
            more_memory={r for r, s in newest.items() if s.mem_gb != profile.mem_gb},
            more_time={r for r, s in newest.items() if s.may_have_more_time(profile)},
        )
        return _submit_what_fits(sweep.paths, wanted, profile, say) if wanted else 0


def next_number(paths: SweepPaths) -> int:
    """Return the number of the next submission to a sweep."""
    return max((submission.number for submission in read_submissions(paths)), default=0) + 1


def _submit_what_fits(
    paths: SweepPaths, wanted: list[str], profile: ClusterProfile, say: Callable[[str], None]
) -> int:
    """Submit as many runs as the user may have in the queue; return their number."""
    configured = configuration()
    limit = submit_limit(profile, configured)
    fitting = wanted[: limit.room * profile.runs_per_job] if limit is not None else wanted
    cluster = configured.get("ClusterName")
    _submit_chunks(paths, fitting, max_array_size(configured), profile, cluster, say)
    if len(fitting) < len(wanted):
        raise SchedulerError(
            f"{len(fitting)} of {len(wanted)} runs were submitted: {limit}; once some have ended, "
            "the same command submits the rest"
        )
    return len(wanted)


def _submit_chunks(
    paths: SweepPaths,
    run_ids: list[str],
    array_size: int,
    profile: ClusterProfile,
    cluster: str | None,
    say: Callable[[str], None],
) -> None:
    """Submit arrays as large as SLURM allows."""
    size = array_size * profile.runs_per_job
    for start in range(0, len(run_ids), size):
        chunk = tuple(run_ids[start : start + size])
        try:
            job_id = _submit(paths, next_number(paths), chunk, profile, cluster)
        except (FailedJobError, FailedSubmissionError) as error:
            said = error.__cause__ if isinstance(error.__cause__, SchedulerError) else error
            raise SchedulerError(
                f"sbatch refused {len(chunk)} runs ({_last_line(said)}); {start} were submitted; "
                "the same command submits the rest"
            ) from None
        say(f"job {job_id}: {len(chunk)} runs")


def _submit(
    paths: SweepPaths,
    number: int,
    run_ids: tuple[str, ...],
    profile: ClusterProfile,
    cluster: str | None,
) -> str:
    """Copy the code, write the intent, call sbatch, write its answer."""
    code = keep_code(paths)
    name = code.name if code is not None else None
    submission = new_submission(paths, number, run_ids, profile, name, cluster)
    write_submission(paths, submission)
    with clean_environment(), _within(TIMEOUT_S):
        jobs = executor(paths, number, profile, code).submit_array(_tasks(paths, submission))
    job_id = str(jobs[0].job_id).partition("_")[0]
    write_submission(paths, submission.model_copy(update={"job_id": job_id}))
    return job_id


def _adopt(paths: SweepPaths, submission: Submission, job_id: str | None) -> None:
    """Complete the record of a submission whose launcher was killed, if SLURM has the job.

    submitit puts the pickles in place only after sbatch, and a job without its pickle gives up
    after a minute: those that are missing are written here.
    """
    if job_id is None:
        return
    for number, task in enumerate(_tasks(paths, submission)):
        files = JobPaths(paths.submitit, submission.key(number, job_id))
        if not files.submitted_pickle.exists():
            delayed = DelayedSubmission(task)
            delayed.set_timeout(submission.timeout_min, submission.max_num_timeout)
            temporary = files.submitted_pickle.with_suffix(".adopted")
            delayed.dump(temporary)
            temporary.replace(files.submitted_pickle)
    write_submission(paths, submission.model_copy(update={"job_id": job_id}))


def _tasks(paths: SweepPaths, submission: Submission) -> list[RunTask]:
    together = submission.side_by_side
    return [RunTask(str(paths.root), run_ids, together) for run_ids in submission.tasks]


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Have submitit kill an sbatch that does not answer; it sets no deadline itself.

    submitit kills the command when an exception comes up while it waits, and raises its own
    FailedJobError from that one. What the command may have submitted is found by the next launch,
    under the name of the job.
    """

    def give_up(_number: int, _frame: object) -> None:
        raise SchedulerError(f"it did not answer within {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
