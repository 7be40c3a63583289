"""States of runs, from the files on disk and, where jobs were submitted, from the scheduler.

A run is done if its files say so, whatever the scheduler says. This module writes nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aevae.config import EvaluationConfig
from aevae.files.attempt import AttemptRecord, SlurmJob, newest_record, utc_now
from aevae.files.hdf5 import InvalidFile, NewerFile
from aevae.files.layout import RunPaths
from aevae.files.schema import check_results, missing_file
from jobs.scheduler.queue import NewestJob, SweepJobs
from jobs.scheduler.usage import gpu_usage
from jobs.sweep.configs import read_configs
from jobs.sweep.early_end import early_end, failed_start
from jobs.sweep.folder import Sweep
from jobs.sweep.progress import read_progress
from jobs.sweep.state import State

# Without a checkpoint a run starts from the beginning, so the same time limit would stop it again.
NO_EPOCH = "timeout before the first epoch ended: raise timeout_min"
NO_CHECKPOINT = (
    "timeout before the first checkpoint: raise timeout_min, or signal_delay_s above the time of "
    "an epoch"
)


@dataclass(frozen=True)
class RunStatus:
    """State of one run, and its progress."""

    run_id: str
    state: State
    reason: str | None = None
    attempts: int = 0
    job: str | None = None
    """The job of the run that waits or runs; ``unknown`` if the scheduler cannot be asked."""
    node: str | None = None
    start_estimate: str | None = None
    """When the job may start, by the scheduler's estimate; local time, ISO 8601."""
    phase: str | None = None
    epoch: int = 0
    epochs: int = 0
    val_loss: float | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    silent_seconds: float | None = None
    """Seconds since the progress file was written."""
    newer_release: bool = False
    """Whether a newer release wrote the files of the run, so that this one must not change them."""

    @property
    def out_of_memory(self) -> bool:
        """Whether it failed because memory ran out; with the same memory it would fail again."""
        return self.state is State.FAILED and self.reason == "out_of_memory"

    @property
    def out_of_time(self) -> bool:
        """Whether it met its time limit before a checkpoint; with the same limit it would again."""
        return self.state is State.FAILED and self.reason in (NO_EPOCH, NO_CHECKPOINT)


@dataclass(frozen=True)
class SweepReport:
    """The states of the runs of a sweep, and what all its runs cost, at one moment."""

    sweep: str
    asked_at: str
    """UTC, ISO 8601."""
    counts: dict[str, int]
    """Runs in each state."""
    gpu_hours: float | None
    """None if no job of the sweep asked for GPUs."""
    wall_seconds: float | None
    """From the start of the first job to the end of the last."""
    gpu_hours_source: str | None
    runs: list[RunStatus]


def run_status(
    paths: RunPaths,
    attempts: int,
    record: AttemptRecord | None,
    epochs: int,
    evaluation: EvaluationConfig,
    jobs: SweepJobs,
) -> RunStatus:
    """Read the state of one run.

    Parameters
    ----------
    paths
        The run's folder.
    attempts
        Number of attempts at the run.
    record
        Record of the newest attempt; None if there is none that can be read.
    epochs
        Epochs of the complete training; early stopping may end it sooner.
    evaluation
        Settings of the evaluation that the sweep asks for.
    jobs
        What the scheduler knows of the sweep.
    """
    done, problem = _look_at_results(paths, record, evaluation)
    state, reason, job = State.DONE, None, None
    if not done:
        job = jobs.newest_job(paths.run_id)
        state, reason = _state(paths, attempts > 0, record, job, jobs)
        if state.resumable and (start := failed_start(paths)) is not None:
            state, reason = State.FAILED, early_end(paths.sweep, start)
    if problem is not None and not state.active:
        state, reason = problem
    progress = read_progress(paths)
    rate = progress.seconds_per_epoch
    running = state is State.RUNNING
    return RunStatus(
        run_id=paths.run_id,
        state=state,
        reason=reason,
        attempts=attempts,
        job=job.queued if job is not None else None,
        node=(job and job.node) or (record.host if record else None),
        start_estimate=job.start if job is not None else None,
        phase=progress.phase if running else None,
        epoch=(progress.trained_epochs or epochs) if state is State.DONE else progress.epoch,
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


def sweep_report(sweep: Sweep, run_ids: Sequence[str] = ()) -> SweepReport:
    """Read the states of all runs, or of some, and what all of them cost together.

    squeue and sacct are asked once each.
    """
    jobs = SweepJobs.of(sweep.paths)
    runs = _statuses(sweep, run_ids, jobs)
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
    runs = [sweep.paths.run(run_id) for run_id in sweep.select(run_ids)]
    attempts = {paths.run_id: _attempts(paths) for paths in runs}
    jobs.look_up({r: job for r, found in attempts.items() if (job := _job_to_ask(found))})
    configs, spec = read_configs(sweep, list(attempts)), sweep.spec
    epochs = {run_id: config.train.epochs for run_id, config in configs.items()}
    return [
        _status(
            *(paths, attempts[paths.run_id], epochs.get(paths.run_id, spec.train.epochs)),
            spec.evaluation,
            jobs,
        )
        for paths in runs
    ]


def _status(
    paths: RunPaths,
    attempts: "_Attempts | OSError",
    epochs: int,
    evaluation: EvaluationConfig,
    jobs: SweepJobs,
) -> RunStatus:
    """Read the state of one run; it is unknown if a part of the run's folder cannot be read."""
    try:
        if isinstance(attempts, OSError):
            raise attempts
        return run_status(paths, *attempts, epochs, evaluation, jobs)
    except OSError as error:
        job = jobs.newest_job(paths.run_id)
        queued = job.queued if job is not None else None
        return RunStatus(paths.run_id, State.UNKNOWN, str(error), job=queued, epochs=epochs)


# The number of attempts, and the record of the newest one.
_Attempts = tuple[int, AttemptRecord | None]


def _attempts(paths: RunPaths) -> _Attempts | OSError:
    try:
        attempts = paths.attempts()
        return len(attempts), newest_record(attempts)
    except OSError as error:
        return error


def _job_to_ask(attempts: _Attempts | OSError) -> SlurmJob | None:
    """Return the job of the newest attempt if it may still train the run, or be requeued.

    A job that was not submitted for the attempt, such as an interactive session in which a person
    started the attempt, says nothing about the run once the attempt has recorded its end.
    """
    record = None if isinstance(attempts, OSError) else attempts[1]
    if record is None or record.job is None:
        return None
    return record.job if record.outcome is None or record.job.owned else None


def _look_at_results(
    paths: RunPaths, record: AttemptRecord | None, evaluation: EvaluationConfig
) -> tuple[bool, tuple[State, str] | None]:
    """Return whether a run is done; if it is not, also the state and reason that its files give.

    Files of the sizes that their writer recorded are not opened, because opening takes 10 ms, which
    is too long for thousands of runs. ``aevae-analysis check`` reads every byte.
    """
    if missing_file(paths) is not None:
        return False, None
    old = not paths.trained.exists()  # schema 1, which is never evaluated again
    if record is not None and _sizes_as_recorded(paths, record, old=old):
        return (True, None) if old or record.evaluation == evaluation.digest else (False, None)
    try:
        checked = check_results(paths)
    except NewerFile as error:
        return False, (State.UNKNOWN, str(error))
    except InvalidFile as error:
        return False, (State.FAILED, f"damaged results: {error}")
    return old or checked.evaluation == evaluation, None


def _sizes_as_recorded(paths: RunPaths, record: AttemptRecord, *, old: bool) -> bool:
    if old:
        return record.results_bytes == paths.results.stat().st_size
    trained = record.training_bytes in (None, paths.trained.stat().st_size)
    return trained and record.results_bytes == paths.evaluation.stat().st_size


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
            return State.FAILED, _early_end(paths, job, jobs)
        no_record = State.UNKNOWN, "no readable record of the attempt"
        return no_record if attempted else (State.PLANNED, None)
    if job is not None and record.slurm_job is not None and record.slurm_job.key != job.key:
        return State.FAILED, _early_end(paths, job, jobs)
    if alive is None and record.job is None:
        return State.UNKNOWN, f"process {record.pid} on {record.host} cannot be seen from here"
    return _end(paths, record, jobs)


def _early_end(paths: RunPaths, job: NewestJob, jobs: SweepJobs) -> str:
    """Reason of a run whose newest job ended before it claimed an attempt."""
    reason = jobs.end_reason(paths.run_id)
    if reason is None or reason in ("completed", "failed"):
        return early_end(paths.sweep, job.key)
    return reason


def _state_in_shared_job(job: NewestJob, record: AttemptRecord | None) -> tuple[State, str | None]:
    """State and reason of a run whose job is running and trains other runs as well."""
    if record is None or record.slurm_job_id != job.raw_id:
        return State.PENDING, "its job trains other runs first"
    if record.outcome == "failed":
        return State.FAILED, record.reason
    return State.RUNNING, None


def _end(paths: RunPaths, record: AttemptRecord, jobs: SweepJobs) -> tuple[State, str | None]:
    """State and reason of a run whose newest attempt is over."""
    if record.outcome == "done" and paths.trained.exists():
        return State.INTERRUPTED, "trained, but not evaluated with the settings of the sweep"
    if record.outcome is not None and record.outcome != "done":
        return State(record.outcome), record.reason
    reason = jobs.end_reason(paths.run_id) if record.job is not None else None
    if reason in (None, "completed", "failed"):
        reason = "the process ended and recorded no reason"
    kept = paths.checkpoints() or paths.trained.exists()
    if reason == "timeout" and not kept:
        return State.FAILED, NO_CHECKPOINT if read_progress(paths).epoch else NO_EPOCH
    resumable = kept and reason != "out_of_memory"
    return (State.INTERRUPTED if resumable else State.FAILED), reason
