"""One run, from configuration to published results: what every launcher calls."""

import errno
import json
import logging
import time
from pathlib import Path

import numpy as np
import torch

from aevae.config import RunConfig
from aevae.data.sources import Dataset, load_dataset
from aevae.errors import InputError, Interrupted, RunFailed
from aevae.execution import ExecutionConfig, StopRequest, granted_threads
from aevae.files.atomic import publish_text, remove_orphans
from aevae.files.attempt import Attempt, utc_now
from aevae.files.hdf5 import Array, InvalidFile, ReplacedFile
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.schema import check_results, file_sha256, open_dataset, write_results
from aevae.training.checkpoint import load_newest, remove_checkpoints, save_checkpoint
from aevae.training.device import gpu_problem
from aevae.training.evaluation.evaluate import evaluate, weight_arrays
from aevae.training.loop import DeviceImages, TrainState, train
from aevae.training.provenance import collect_provenance

log = logging.getLogger(__name__)


def execute(
    sweep: SweepPaths,
    run_id: str,
    execution: ExecutionConfig,
    stop: StopRequest,
    *,
    capture: bool = False,
) -> None:
    """Train, evaluate and publish one run of a sweep; resume it if a checkpoint is there.

    Parameters
    ----------
    sweep, run_id
        The run; its configuration is on disk.
    execution
        Where and how to run it.
    stop
        Asked after every epoch.
    capture
        Send all output of this process to the attempt's files (batch jobs). Otherwise the log
        is written there as well as to the terminal.

    Raises
    ------
    InputError
        No such run, bad data, or another process is at it. Nothing was changed.
    Interrupted
        `stop` was set; a checkpoint is on disk.
    RunFailed
        The run cannot succeed as configured; the reason is recorded.
    """
    paths = sweep.run(run_id)
    sweep.check_contained(paths)
    if not paths.config.is_file():
        raise InputError(f"{sweep.root} has no run {run_id}")
    config = RunConfig.from_json(paths.config.read_text(encoding="utf-8"), str(paths.config))
    if is_done(paths):
        log.info("%s is done already", run_id)
        return
    attempt = Attempt.claim(paths)
    attempt.keep_output(capture=capture)
    try:
        _execute(sweep, paths, config, execution, stop, attempt)
    except Interrupted as error:
        attempt.finish("interrupted", str(error))
        raise
    except RunFailed as error:
        attempt.finish("failed", str(error))
        raise
    except Exception as error:
        reason = _exhausted(error)
        if reason is not None:
            attempt.finish("failed", reason)
            raise RunFailed(reason, str(error).split("\n", 1)[0]) from error
        attempt.finish("failed", f"error: {type(error).__name__}: {error}".split("\n", 1)[0])
        raise
    attempt.finish("done")


def _exhausted(error: Exception) -> str | None:
    """Name what the machine had too little of; None if the error has another cause."""
    # On the CPU, torch has no type of its own for want of memory.
    on_cpu = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    if on_cpu or isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return "out_of_memory"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    return None


def is_done(paths: RunPaths) -> bool:
    """Whether the results of a run exist and validate; a broken file is set aside, and said."""
    if not paths.results.exists():
        return False
    try:
        check_results(paths.results)
    except InvalidFile as error:
        aside = paths.results.with_suffix(".h5.damaged")
        paths.results.replace(aside)
        log.warning("%s; set aside as %s", error, aside.name)
        return False
    return True


def _execute(
    sweep: SweepPaths,
    paths: RunPaths,
    config: RunConfig,
    execution: ExecutionConfig,
    stop: StopRequest,
    attempt: Attempt,
) -> None:
    """Do the work of `execute`, between the claim of the attempt and the record of its end."""
    started = time.perf_counter()
    remove_orphans(paths.root)
    torch.set_num_threads(execution.threads or granted_threads())
    device = choose_device(execution.device)
    dataset = load_dataset(config.data, execution.data_dir)
    dataset_sha256 = _shared_dataset(sweep.dataset, dataset)

    train_data = DeviceImages.of(dataset.train.images, dataset.train.labels, device)
    val_data = DeviceImages.of(dataset.val.images, dataset.val.labels, device)
    state = load_newest(paths, config, device) or TrainState.new(config, device)
    log.info(
        "%s on %s, from epoch %d of %d", config.run_id, device, state.epoch, config.train.epochs
    )
    write_progress(paths, config, state, "training", len(train_data))

    saved_at = time.monotonic()
    for epoch in train(config, state, train_data, val_data):
        attempt.check_current()
        log.info("epoch %d: %s", epoch, _epoch_line(state))
        last = epoch == config.train.epochs
        due = time.monotonic() - saved_at >= execution.checkpoint_seconds
        if due or last or stop.signal:
            save_checkpoint(paths, config, state)
            saved_at = time.monotonic()
        write_progress(paths, config, state, "training", len(train_data))
        if stop.signal and not last:
            raise Interrupted(f"{stop.signal.name} after epoch {epoch}")

    write_progress(paths, config, state, "evaluating", len(train_data))
    arrays = evaluate(config, state.model, dataset, train_data, execution.data_dir)
    arrays |= weight_arrays(state.model) | history_arrays(config, state)
    provenance = collect_provenance(
        attempt.record,
        device,
        training_seconds=sum(state.history["epoch_seconds"]),
        wall_seconds=time.perf_counter() - started,
    )
    attempt.check_current()
    write_results(
        paths.results, config, arrays, provenance=provenance, dataset_sha256=dataset_sha256
    )
    remove_checkpoints(paths)
    write_progress(paths, config, state, "done", len(train_data))
    log.info("%s is done", config.run_id)


def choose_device(name: str) -> torch.device:
    """Turn a device setting into a device.

    Raises
    ------
    RunFailed
        The device asked for is not there, or torch has no kernels for it (``no_device``).
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available[name]:
        raise RunFailed("no_device", f"device {name!r} was asked for, but torch sees none")
    if name == "cuda" and (problem := gpu_problem()):
        raise RunFailed("no_device", problem)
    return torch.device(name)


def write_progress(
    paths: RunPaths, config: RunConfig, state: TrainState, phase: str, images: int
) -> None:
    """Replace the progress file of a run: what `status` shows while it trains."""
    seconds = state.history.get("epoch_seconds", [])
    beat = {
        "phase": phase,
        "epoch": state.epoch,
        "epochs": config.train.epochs,
        "train_loss": state.history.get("train/loss", [None])[-1],
        "val_loss": state.history.get("val/loss", [None])[-1],
        "images_per_second": images / seconds[-1] if seconds else None,
        "seconds_per_epoch": seconds[-1] if seconds else None,
        "beat": utc_now(),
    }
    publish_text(paths.progress, json.dumps(beat) + "\n", durable=False)


def _shared_dataset(path: Path, dataset: Dataset) -> str:
    """Write the sweep's dataset file if it is not there; return its SHA-256.

    Any run may be first, and two may be at once: both write the same bytes, atomically.
    """
    if not path.exists():
        dataset.write(path)
    try:
        with open_dataset(path) as file:
            same_source = json.loads(str(file.attribute("sha256"))) == dict(dataset.sha256)
            if not same_source or not np.array_equal(file.array("val/index"), dataset.val.index):
                raise InputError(f"{path} was made from other data than {dataset.name}'s split")
    except ReplacedFile:
        # By the copy of a run that began in the same moment; none does so twice.
        return _shared_dataset(path, dataset)
    return file_sha256(path)


def history_arrays(config: RunConfig, state: TrainState) -> dict[str, Array]:
    """Return the history of a run as arrays for the results file; an AE has no KL."""
    return {
        f"history/{name}": np.array(values)
        for name, values in state.history.items()
        if config.model.kind != "ae" or not name.endswith("/kl")
    }


def _epoch_line(state: TrainState) -> str:
    values = {name: series[-1] for name, series in state.history.items()}
    return (
        f"train {values['train/loss']:.3f}, val {values['val/loss']:.3f} "
        f"(SSE {values['val/sse']:.3f}, KL {values['val/kl']:.3f}), "
        f"{values['epoch_seconds']:.2f} s"
    )
