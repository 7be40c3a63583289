"""Execution of one run, from its configuration to its published results, for all launchers."""

import errno
import faulthandler
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from aevae.config import EvaluationConfig, RunConfig
from aevae.data.sources import load_dataset
from aevae.errors import InputError, Interrupted, RunFailed, importing, one_line
from aevae.execution import ExecutionConfig, StopRequest
from aevae.files.attempt import Attempt, SlurmJob
from aevae.files.filesystem import exists, read_bytes
from aevae.files.hdf5 import InvalidFile, NewerFile
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.schema import CheckedTraining, check_evaluation, check_training

if TYPE_CHECKING:
    from aevae.training.stages import Stages

log = logging.getLogger(__name__)


def execute(
    sweep: SweepPaths,
    run_id: str,
    execution: ExecutionConfig,
    evaluation: EvaluationConfig,
    stop: StopRequest,
    *,
    capture: bool = False,
    slurm_job: SlurmJob | None = None,
) -> None:
    """Train, evaluate and publish one run of a sweep; valid files from before are kept.

    A run with a checkpoint is resumed, and a run that is trained is only evaluated.

    Parameters
    ----------
    sweep, run_id
        Folder of the sweep and id of the run, whose configuration is read from disk.
    execution
        Data folder, device, threads and interval of the checkpoints.
    evaluation
        Settings of the evaluation.
    stop
        Request to stop, which is read after every epoch.
    capture
        Whether all output of this process goes to the attempt's files (batch jobs). Otherwise
        the log goes to the attempt's file and to the terminal.
    slurm_job
        The job of SLURM that was submitted to run this process, if there is one.

    Raises
    ------
    InputError
        There is no such run, a newer release wrote its files, or another process executes it;
        nothing was changed. Or the data are missing or wrong; the attempt is recorded as failed.
    Interrupted
        `stop` was set, and a checkpoint is on disk; or a newer attempt has taken over.
    RunFailed
        The run cannot succeed as configured; the reason is recorded.
    """
    paths = sweep.run(run_id)
    sweep.check_contained(paths)
    try:
        content = read_bytes(paths.config)
    except FileNotFoundError:
        raise InputError(f"{sweep.root} has no run {run_id}") from None
    config = RunConfig.from_json(content.decode(errors="replace"), str(paths.config))
    if is_done(paths, evaluation):
        if not exists(sweep.dataset):  # for example removed by a purge of old files
            load_dataset(config.data, execution.data_dir).write(sweep.dataset)
        log.info("%s is done already", run_id)
        return
    attempt = Attempt.claim(paths, slurm_job)
    attempt.keep_output(capture=capture)
    if capture:
        # If a library crashes this process, its standard error in the attempt's folder says where.
        faulthandler.enable(file=2)
    try:
        stages = _stages()(sweep, paths, config, evaluation, execution, attempt)
        stages.train_and_evaluate(_find_training(paths), stop)
    except Interrupted as error:
        attempt.finish("interrupted", str(error))
        raise
    except RunFailed as error:
        attempt.finish("failed", str(error))
        raise
    except ImportError as error:
        broken = RunFailed("broken_library", one_line(error))
        attempt.finish("failed", str(broken))
        raise broken from error
    except Exception as error:
        reason = _exhausted(error)
        if reason is not None:
            attempt.finish("failed", reason)
            raise RunFailed(reason, str(error).split("\n", 1)[0]) from error
        attempt.finish("failed", f"error: {one_line(error)}")
        raise
    attempt.finish("done", evaluation=evaluation.digest)


def _stages() -> "type[Stages]":
    """Import the stages, and with them torch, which takes seconds.

    The attempt is claimed before this import. So if torch cannot be imported, the attempt records
    that as the reason for the failure.
    """
    with importing("train"):
        from aevae.training.stages import Stages
    return Stages


def _exhausted(error: Exception) -> str | None:
    """Return ``out_of_memory`` or ``disk_full`` if that caused the error, otherwise None."""
    # If memory runs out on the CPU, torch raises a plain RuntimeError. The type of its error for
    # GPUs is compared by name, because the import of torch may have failed.
    cuda = type(error).__name__ == "OutOfMemoryError"
    on_cpu = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    if cuda or on_cpu or isinstance(error, MemoryError):
        return "out_of_memory"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    return None


def is_done(paths: RunPaths, evaluation: EvaluationConfig) -> bool:
    """Return whether a run is trained and evaluated with these settings.

    A damaged file is renamed, so that the run writes it again; the log reports the new name.

    Raises
    ------
    NewerFile
        A newer release wrote a file of the run, which stays unchanged.
    OSError
        The file system failed to read a file, which stays unchanged because it may be intact.
    """
    trained = _find_training(paths)
    return trained is not None and _is_evaluated(paths, trained, evaluation)


def _find_training(paths: RunPaths) -> CheckedTraining | None:
    """Check ``trained.h5``; return None if it is missing or damaged."""
    if not exists(paths.trained):
        return None
    try:
        trained = check_training(paths.trained)
        if trained.run_id != paths.run_id:
            raise InvalidFile(f"{paths.trained}: holds the run {trained.run_id}")
        return trained
    except NewerFile:
        raise
    except InvalidFile as error:
        _set_aside(paths.trained, error)
        return None


def _is_evaluated(paths: RunPaths, trained: CheckedTraining, evaluation: EvaluationConfig) -> bool:
    if not exists(paths.evaluation):
        return False
    try:
        return check_evaluation(paths.evaluation, trained).settings == evaluation
    except NewerFile:
        raise
    except InvalidFile as error:
        _set_aside(paths.evaluation, error)
        return False


def _set_aside(path: Path, error: InvalidFile) -> None:
    aside = path.with_suffix(".h5.damaged")
    path.replace(aside)
    log.warning("%s; renamed to %s", error, aside.name)
