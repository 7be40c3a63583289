"""States of runs, from what is on disk and, where jobs were submitted, from the scheduler.

Files decide what is done; nothing here is ever written.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aevae.config import EvaluationConfig
from aevae.files.attempt import AttemptRecord, newest_record, utc_now
from aevae.files.hdf5 import InvalidFile, NewerFile
from aevae.files.layout import RunPaths
from aevae.files.schema import check_results, missing_file
from jobs.scheduler.queue import NewestJob, SweepJobs
from jobs.scheduler.usage import gpu_usage
from jobs.sweep.folder import Sweep
from jobs.sweep.progress import read_progress
from jobs.sweep.state import State


@dataclass(frozen=True)
class RunStatus:
    """State of one run, and how far its progress file says that it has come."""

    run_id: str
    state: State
    reason: str | None = None
    attempts: int = 0
    job: str | None = None
    """Its job that waits or runs, or ``unknown`` if the scheduler cannot be asked."""
    node: str | None = None
    start_estimate: str | None = None
    """When its job may start, as the scheduler guesses; local time, ISO 8601."""
    phase: str | None = None
    epoch: int = 0
    epochs: int = 0
    val_loss: float | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    silent_seconds: float | None = None
    """Since its progress file was written."""
    newer_release: bool = False
    """Whether a newer release wrote its files, so that this one must leave it alone."""

    @property
    def out_of_memory(self) -> bool:
        """Whether it failed because memory ran out; with the same memory it would fail again."""
        return self.state is State.FAILED and self.reason == "out_of_memory"


@dataclass(frozen=True)
class SweepReport:
    """All that is known of a sweep at one moment."""

    sweep: str
    asked_at: str
    """UTC, ISO 8601."""
    counts: dict[str, int]
    """Runs in each state."""
    gpu_hours: float | None
    """None if it asked a cluster for no GPUs."""
    wall_seconds: float | None
    """From the start of the first job to the end of the last."""
    gpu_hours_source: str | None
    runs: list[RunStatus]


def run_status(
    paths: RunPaths, epochs: int, evaluation: EvaluationConfig, jobs: SweepJobs
) -> RunStatus:
    """Read the state of one run, which is unknown where its folder cannot be read.

    Parameters
    ----------
    paths
        The run's folder.
    epochs
        Epochs that the run will have.
    evaluation
        Settings that the trained model is evaluated with.
    jobs
        What the scheduler knows of the sweep.
    """
    try:
        return _run_status(paths, epochs, evaluation, jobs)
    except OSError as error:
        # One folder that cannot be read must not hide the states of the other runs.
        job = jobs.newest_job(paths.run_id, None)
        queued = job.queued if job is not None else None
        return RunStatus(paths.run_id, State.UNKNOWN, str(error), job=queued, epochs=epochs)


def _run_status(
    paths: RunPaths, epochs: int, evaluation: EvaluationConfig, jobs: SweepJobs
) -> RunStatus:
    attempts = paths.attempts()
    record = newest_record(attempts)
    done, problem = _look_at_results(paths, record, evaluation)
    state, reason, job = State.DONE, None, None
    if not done:
        job = jobs.newest_job(paths.run_id, record.slurm_job_id if record is not None else None)
        state, reason = _state(paths, bool(attempts), record, job, jobs)
    if problem is not None and not state.active:
        state, reason = problem
    progress = read_progress(paths)
    rate = progress.seconds_per_epoch
    running = state is State.RUNNING
    return RunStatus(
        run_id=paths.run_id,
        state=state,
        reason=reason,
        attempts=len(attempts),
        job=job.queued if job is not None else None,
        node=(job and job.node) or (record.host if record else None),
        start_estimate=job.start if job is not None else None,
        phase=progress.phase if running else None,
        epoch=epochs if state is State.DONE else progress.epoch,
        epochs=epochs,
        val_loss=progress.val_loss,
        images_per_second=progress.images_per_second,
        eta_seconds=(epochs - progress.epoch) * rate if running and rate else None,
        silent_seconds=progress.age_seconds if state is not State.DONE else None,
        newer_release=problem is not None and problem[0] is State.UNKNOWN,
    )


def sweep_status(
    sweep: Sweep, run_ids: Sequence[str] = (), jobs: SweepJobs | None = None
) -> list[RunStatus]:
    """Read the states of all runs of a sweep, or of some; without `jobs`, squeue is asked."""
    return _statuses(sweep, run_ids, jobs or SweepJobs.of(sweep.paths))


def sweep_report(sweep: Sweep) -> SweepReport:
    """Read the states of all runs and what they cost; squeue and sacct are asked once each."""
    jobs = SweepJobs.of(sweep.paths)
    runs = _statuses(sweep, (), jobs)
    usage = gpu_usage(sweep.paths, jobs)
    return SweepReport(
        sweep=str(sweep.paths.root),
        asked_at=utc_now(),
        counts=dict(Counter(run.state for run in runs)),
        gpu_hours=usage.gpu_hours if usage else None,
        wall_seconds=usage.wall_seconds if usage else None,
        gpu_hours_source=usage.source if usage else None,
        runs=runs,
    )


def _statuses(sweep: Sweep, run_ids: Sequence[str], jobs: SweepJobs) -> list[RunStatus]:
    spec = sweep.spec
    return [
        run_status(sweep.paths.run(run_id), spec.train.epochs, spec.evaluation, jobs)
        for run_id in sweep.select(run_ids)
    ]


def _look_at_results(
    paths: RunPaths, record: AttemptRecord | None, evaluation: EvaluationConfig
) -> tuple[bool, tuple[State, str] | None]:
    """Say whether a run is done, or else the state and reason that its files give it, if any.

    A file that has the size which its writer recorded is not opened: opening takes 10 ms, too long
    for thousands of runs. ``aevae-analysis check`` and the next sweep read every byte.
    """
    if missing_file(paths) is not None:
        return False, None
    old = not paths.trained.exists()  # schema 1, which is never evaluated again
    size = (paths.results if old else paths.evaluation).stat().st_size
    if record is not None and record.results_bytes == size:
        return (True, None) if old or record.evaluation == evaluation.digest else (False, None)
    try:
        checked = check_results(paths)
    except NewerFile as error:
        return False, (State.UNKNOWN, str(error))
    except InvalidFile as error:
        return False, (State.FAILED, f"damaged results: {error}")
    return old or checked.evaluation == evaluation, None


def _state(
    paths: RunPaths,
    attempted: bool,
    record: AttemptRecord | None,
    job: NewestJob | None,
    jobs: SweepJobs,
) -> tuple[State, str | None]:
    """State and reason of a run without results."""
    alive = record.alive if record is not None else False
    if alive or (job is not None and job.kind == "running" and not job.shared):
        return State.RUNNING, None
    if job is not None and job.kind == "running":
        return _state_in_shared_job(job, record)
    if job is not None and job.kind == "waiting":
        return State.PENDING, job.detail
    if job is not None and job.kind == "unknown":
        return State.UNKNOWN, job.detail
    if record is None:
        if job is not None:
            reason = jobs.end_reason(paths.run_id)
            return State.FAILED, reason or "its job ended before the run began"
        no_record = State.UNKNOWN, "no readable record of the attempt"
        return no_record if attempted else (State.PLANNED, None)
    if alive is None and record.slurm_job_id is None:
        return State.UNKNOWN, f"process {record.pid} on {record.host} cannot be seen from here"
    return _end(paths, record, jobs)


def _state_in_shared_job(job: NewestJob, record: AttemptRecord | None) -> tuple[State, str | None]:
    """State and reason of one of several runs of a job that is at work."""
    if record is None or record.slurm_job_id != job.raw_id:
        return State.PENDING, "behind other runs of its job"
    if record.outcome == "failed":
        return State.FAILED, record.reason
    return State.RUNNING, None


def _end(paths: RunPaths, record: AttemptRecord, jobs: SweepJobs) -> tuple[State, str | None]:
    """State and reason of a run whose newest attempt is over."""
    if record.outcome == "done" and paths.trained.exists():
        return State.INTERRUPTED, "trained, but not evaluated with the settings of the sweep"
    if record.outcome is not None and record.outcome != "done":
        return State(record.outcome), record.reason
    reason = jobs.end_reason(paths.run_id) if record.slurm_job_id is not None else None
    if reason in (None, "completed", "failed"):
        reason = "the process ended and recorded no reason"
    kept = paths.checkpoints() or paths.trained.exists()
    resumable = kept and reason != "out_of_memory"
    return (State.INTERRUPTED if resumable else State.FAILED), reason
