"""One run, from configuration to published results: what every launcher calls."""

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
    """Train, evaluate and publish one run of a sweep; what has been done before is kept.

    A run with a checkpoint is resumed, and a run that is trained is only evaluated.

    Parameters
    ----------
    sweep, run_id
        The run; its configuration is on disk.
    execution
        Where and how to run it.
    evaluation
        What to make of the trained model.
    stop
        Asked after every epoch.
    capture
        Send all output of this process to the attempt's files (batch jobs). Otherwise the log
        is written there as well as to the terminal.
    slurm_job
        The job of SLURM that was submitted to run this process, if there is one.

    Raises
    ------
    InputError
        No such run, bad data, files of a newer release, or another process is at it. Nothing
        was changed.
    Interrupted
        `stop` was set; a checkpoint is on disk.
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
        if not exists(sweep.dataset):  # a purge removed it
            load_dataset(config.data, execution.data_dir).write(sweep.dataset)
        log.info("%s is done already", run_id)
        return
    attempt = Attempt.claim(paths, slurm_job)
    attempt.keep_output(capture=capture)
    if capture:
        # If a library crashes this process, the attempt's own standard error says where.
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
    """Import what needs torch, which takes seconds.

    The attempt is claimed before, so that a torch that does not import is recorded like any other
    reason for which a run fails.
    """
    with importing("train"):
        from aevae.training.stages import Stages
    return Stages


def _exhausted(error: Exception) -> str | None:
    """Name what the machine had too little of; None if the error has another cause."""
    # On the CPU, torch has no type of its own for want of memory. Its type for GPUs is compared by
    # name, since torch may be what could not be imported.
    cuda = type(error).__name__ == "OutOfMemoryError"
    on_cpu = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    if cuda or on_cpu or isinstance(error, MemoryError):
        return "out_of_memory"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    return None


def is_done(paths: RunPaths, evaluation: EvaluationConfig) -> bool:
    """Whether a run is trained, and evaluated with these settings.

    A damaged file is renamed, which the log says, so that it is made again.

    Raises
    ------
    NewerFile
        A newer release wrote a file of the run, which is left as it is.
    OSError
        The file system did not give a file; it is left as it is, because it may be good.
    """
    trained = _find_training(paths)
    return trained is not None and _is_evaluated(paths, trained, evaluation)


def _find_training(paths: RunPaths) -> CheckedTraining | None:
    """Return what training gave if it is there and valid."""
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
