"""Launching on SLURM: job arrays of submitit, submitted so that no run has two jobs."""

from collections.abc import Callable, Collection, Sequence

from submitit.core.utils import DelayedSubmission, JobPaths

from aevae.files.atomic import remove_orphans
from aevae.files.layout import SweepPaths
from aevae.words import counted
from jobs.launch.code import keep_code
from jobs.launch.container import write_stand_in
from jobs.launch.inside_job import RunTask
from jobs.launch.script import batch_script, check_folder
from jobs.scheduler.commands import SchedulerError, configuration
from jobs.scheduler.limits import array_tasks, submit_limit
from jobs.scheduler.profile import ClusterProfile
from jobs.scheduler.queue import SweepJobs
from jobs.scheduler.sbatch import NotSubmitted, submit_script
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
    sweep: Sweep,
    only: Sequence[str],
    profile: ClusterProfile,
    say: Callable[[str], None],
    insisted: Collection[str] = (),
) -> int:
    """Submit the runs that are neither done nor in the queue, without waiting for them.

    Parameters
    ----------
    sweep
        The sweep, whose files are written already.
    only
        Runs to submit; empty for all runs of the sweep.
    profile
        What the jobs ask for.
    say
        Receives messages for the user.
    insisted
        Runs that the user named; see `runs_to_launch`.

    Returns
    -------
    int
        Number of runs that were submitted.

    Raises
    ------
    SchedulerError
        SLURM did not show the queue (then nothing is submitted), refused jobs, or does not allow
        this user as many jobs. Jobs that SLURM accepted before the error are recorded.
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
            insisted,
            say,
            more_memory={r for r, s in newest.items() if s.mem_gb != profile.memory_gb},
            more_time={r for r, s in newest.items() if s.may_have_more_time(profile)},
        )
        return _submit_what_fits(sweep.paths, wanted, profile, say) if wanted else 0


def next_number(paths: SweepPaths) -> int:
    """Return the number of the next submission to a sweep."""
    return max((submission.number for submission in read_submissions(paths)), default=0) + 1


def _submit_what_fits(
    paths: SweepPaths, wanted: list[str], profile: ClusterProfile, say: Callable[[str], None]
) -> int:
    """Submit as many runs as the user may have in the queue; an error says if that is not all."""
    configured = configuration(profile.clusters)
    limit = submit_limit(profile, configured)
    fitting = wanted[: limit.room * profile.runs_per_job] if limit is not None else wanted
    cluster = profile.clusters or configured.get("ClusterName")
    _submit_chunks(paths, fitting, array_tasks(configured), profile, cluster, say)
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
    """Submit the runs in job arrays that are as large as SLURM allows."""
    size = array_size * profile.runs_per_job
    for start in range(0, len(run_ids), size):
        chunk = tuple(run_ids[start : start + size])
        try:
            job_id = _submit(paths, next_number(paths), chunk, profile, cluster)
        except NotSubmitted as refusal:
            raise SchedulerError(
                f"sbatch refused {counted(len(chunk), 'run')} ({refusal}); {start} were submitted; "
                "the same command submits the rest"
            ) from None
        except SchedulerError as error:
            raise SchedulerError(
                f"{error} with {counted(len(chunk), 'run')}; {start} were submitted before; the "
                "same command looks for this job, and submits the rest"
            ) from None
        say(f"job {job_id}: {counted(len(chunk), 'run')}")


def _submit(
    paths: SweepPaths,
    number: int,
    run_ids: tuple[str, ...],
    profile: ClusterProfile,
    cluster: str | None,
) -> str:
    """Copy the code, record the submission, call sbatch, write the pickles, record the job's id."""
    code = keep_code(paths)
    name = code.name if code is not None else None
    submission = new_submission(paths, number, run_ids, profile, name, cluster)
    write_submission(paths, submission)
    if profile.container is not None:
        write_stand_in(paths)
    script = batch_script(paths, number, profile, len(run_ids), code=code)
    job_id = submit_script(script)
    JobPaths(paths.submitit, job_id).submission_file.write_text(script, encoding="utf-8")
    _write_tasks(paths, submission, job_id)
    write_submission(paths, submission.model_copy(update={"job_id": job_id}))
    return job_id


def _adopt(paths: SweepPaths, submission: Submission, job_id: str | None) -> None:
    """Complete the submission of a launcher that was killed, if SLURM has its job."""
    if job_id is None:
        return
    _write_tasks(paths, submission, job_id)
    write_submission(paths, submission.model_copy(update={"job_id": job_id}))


def _write_tasks(paths: SweepPaths, submission: Submission, job_id: str) -> None:
    """Write the pickles that submitit executes in the jobs, unless they exist.

    The name of a pickle contains the id of its job, so it can be written only after sbatch. A job
    that starts earlier waits for its pickle for a minute, and then fails.
    """
    for number, run_ids in enumerate(submission.tasks):
        files = JobPaths(paths.submitit, submission.key(number, job_id))
        if files.submitted_pickle.exists():
            continue
        delayed = DelayedSubmission(RunTask(str(paths.root), run_ids, submission.side_by_side))
        delayed.set_timeout(submission.timeout_min, submission.max_num_timeout)
        temporary = files.submitted_pickle.with_suffix(".written")
        delayed.dump(temporary)
        temporary.replace(files.submitted_pickle)
