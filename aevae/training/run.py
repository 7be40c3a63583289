"""One run, from configuration to published results: what every launcher calls."""

import errno
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from aevae.config import EvaluationConfig, RunConfig
from aevae.data.sources import Dataset, load_dataset, split_sizes
from aevae.errors import InputError, Interrupted, RunFailed
from aevae.execution import ExecutionConfig, StopRequest, granted_threads
from aevae.files import names
from aevae.files.atomic import publish_text, remove_orphans
from aevae.files.attempt import Attempt, utc_now
from aevae.files.dataset import file_sha256, open_dataset
from aevae.files.fields import check_storable, variational
from aevae.files.filesystem import exists, read_bytes
from aevae.files.hdf5 import Array, InvalidFile, NewerFile, ReplacedFile, open_checked
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.schema import (
    CheckedTraining,
    check_evaluation,
    check_training,
    read_weights,
    write_evaluation,
    write_training,
)
from aevae.models.networks import Autoencoder, load_weights
from aevae.training.checkpoint import load_newest, remove_checkpoints, save_checkpoint
from aevae.training.device import gpu_problem
from aevae.training.evaluation.evaluate import evaluate
from aevae.training.loop import DeviceImages, TrainState, train
from aevae.training.provenance import collect_provenance, describe_process

log = logging.getLogger(__name__)


def execute(
    sweep: SweepPaths,
    run_id: str,
    execution: ExecutionConfig,
    evaluation: EvaluationConfig,
    stop: StopRequest,
    *,
    capture: bool = False,
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
    attempt = Attempt.claim(paths)
    attempt.keep_output(capture=capture)
    job = _Job(sweep, paths, config, evaluation, execution, attempt)
    try:
        job.train_and_evaluate(stop)
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
    attempt.finish("done", evaluation=evaluation.digest)


def _exhausted(error: Exception) -> str | None:
    """Name what the machine had too little of; None if the error has another cause."""
    # On the CPU, torch has no type of its own for want of memory.
    on_cpu = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    if on_cpu or isinstance(error, (torch.OutOfMemoryError, MemoryError)):
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


@dataclass(frozen=True)
class _Job:
    """The work of `execute`, between the claim of the attempt and the record of its end."""

    sweep: SweepPaths
    paths: RunPaths
    config: RunConfig
    evaluation: EvaluationConfig
    execution: ExecutionConfig
    attempt: Attempt

    def train_and_evaluate(self, stop: StopRequest) -> None:
        """Make the files of the run that are missing, and remove what only training needed."""
        remove_orphans(self.paths.root)
        torch.set_num_threads(self.execution.threads or granted_threads())
        device = choose_device(self.execution.device)
        dataset = load_dataset(self.config.data, self.execution.data_dir)
        self._check_storable()
        train_data = DeviceImages.of(dataset.train.images, dataset.train.labels, device)
        trained = _find_training(self.paths)
        if trained is None:
            val_data = DeviceImages.of(dataset.val.images, dataset.val.labels, device)
            self._train(train_data, val_data, stop)
            # What was just written is read once before the checkpoints go.
            trained = check_training(self.paths.trained)
        remove_checkpoints(self.paths)
        self._evaluate(trained, dataset, train_data)
        log.info("%s is done", self.config.run_id)

    def _check_storable(self) -> None:
        """Refuse settings whose results would be too large, before any time is spent on them."""
        try:
            check_storable(self.config, self.evaluation, split_sizes(self.config.data))
        except InvalidFile as error:
            raise RunFailed("too_large", str(error)) from None

    def _train(self, train_data: DeviceImages, val_data: DeviceImages, stop: StopRequest) -> None:
        """Train from the newest checkpoint or the beginning, and publish the trained model."""
        config, started = self.config, time.perf_counter()
        device = train_data.images.device
        state = load_newest(self.paths, config, device) or TrainState.new(config, device)
        epochs = config.train.epochs
        log.info("%s on %s, from epoch %d of %d", config.run_id, device, state.epoch, epochs)
        self._write_progress(state.history, "training", len(train_data))

        saved_at = time.monotonic()
        for epoch in train(config, state, train_data, val_data):
            self.attempt.check_current()
            log.info("epoch %d: %s", epoch, _epoch_line(state))
            last = epoch == epochs
            due = time.monotonic() - saved_at >= self.execution.checkpoint_seconds
            if due or last or stop.signal:
                save_checkpoint(self.paths, config, state)
                saved_at = time.monotonic()
            self._write_progress(state.history, "training", len(train_data))
            if stop.signal and not last:
                raise Interrupted(f"{stop.signal.name} after epoch {epoch}")

        provenance = collect_provenance(
            self.attempt.record,
            device,
            training_seconds=sum(state.history["epoch_seconds"]),
            wall_seconds=time.perf_counter() - started,
        )
        self.attempt.check_current()
        arrays = weight_arrays(state.model) | history_arrays(config, state)
        write_training(self.paths.trained, config, arrays, provenance)

    def _evaluate(
        self, trained: CheckedTraining, dataset: Dataset, train_data: DeviceImages
    ) -> None:
        """Make and publish what the analysis needs of the trained model."""
        device = train_data.images.device
        dataset_sha256 = _shared_dataset(self.sweep.dataset, dataset)
        with open_checked(self.paths.trained, trained.header) as file:
            weights = read_weights(file)
            history = {name: file.array(f"history/{name}").tolist() for name in _PROGRESS}
        self._write_progress(history, "evaluating", len(train_data))
        model = load_weights(self.config.model, weights).to(device)
        arrays = evaluate(
            self.config, self.evaluation, model, dataset, train_data, self.execution.data_dir
        )
        self.attempt.check_current()
        write_evaluation(
            self.paths.evaluation,
            trained,
            self.evaluation,
            arrays,
            provenance=describe_process(self.attempt.record, device),
            dataset_sha256=dataset_sha256,
        )
        self._write_progress(history, "done", len(train_data))

    def _write_progress(
        self, history: Mapping[str, Sequence[float]], phase: str, images: int
    ) -> None:
        """Replace the progress file of the run: what `status` shows while it trains."""
        seconds = history.get("epoch_seconds", [])
        progress = {
            "phase": phase,
            "epoch": len(seconds),
            "epochs": self.config.train.epochs,
            "train_loss": history.get("train/loss", [None])[-1],
            "val_loss": history.get("val/loss", [None])[-1],
            "images_per_second": images / seconds[-1] if seconds else None,
            "seconds_per_epoch": seconds[-1] if seconds else None,
            "beat": utc_now(),
        }
        publish_text(self.paths.progress, json.dumps(progress) + "\n", durable=False)


_PROGRESS = ("train/loss", "val/loss", "epoch_seconds")


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


def _shared_dataset(path: Path, dataset: Dataset) -> str:
    """Write the sweep's dataset file if it is not there; return its SHA-256.

    Any run may be first, and two may be at once: both write the same bytes, atomically.
    """
    if not exists(path):
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


def weight_arrays(model: Autoencoder) -> dict[str, Array]:
    """Trained parameters as arrays for the file, bit for bit."""
    state = model.state_dict()
    return {names.weight(name): value.cpu().numpy() for name, value in state.items()}


def history_arrays(config: RunConfig, state: TrainState) -> dict[str, Array]:
    """Return the course of training as arrays for the file; an AE has no KL."""
    return {
        f"history/{name}": np.array(values)
        for name, values in state.history.items()
        if variational(config) or not name.endswith("/kl")
    }


def _epoch_line(state: TrainState) -> str:
    values = {name: series[-1] for name, series in state.history.items()}
    return (
        f"train {values['train/loss']:.3f}, val {values['val/loss']:.3f} "
        f"(SSE {values['val/sse']:.3f}, KL {values['val/kl']:.3f}), "
        f"{values['epoch_seconds']:.2f} s"
    )
