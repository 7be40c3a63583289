"""The stages of a run, training and evaluation, and the files that each publishes."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aevae.config import EvaluationConfig, RunConfig
from aevae.data.sources import Dataset, load_dataset, split_sizes
from aevae.errors import InputError, Interrupted, RunFailed
from aevae.execution import ExecutionConfig, StopRequest, granted_threads
from aevae.files import names
from aevae.files.atomic import publish_text, remove_orphans
from aevae.files.attempt import Attempt, utc_now
from aevae.files.dataset import file_sha256, open_dataset
from aevae.files.fields import check_storable
from aevae.files.filesystem import exists
from aevae.files.hdf5 import Array, InvalidFile, ReplacedFile, open_checked
from aevae.files.layout import RunPaths, SweepPaths
from aevae.files.schema import (
    CheckedTraining,
    check_training,
    read_weights,
    write_evaluation,
    write_training,
)
from aevae.models.networks import load_weights
from aevae.training.checkpoint import load_newest, remove_checkpoints, save_checkpoint
from aevae.training.device import denormals_as_zero, gpu_problem
from aevae.training.evaluation.evaluate import evaluate
from aevae.training.loop import DeviceImages, TrainState, is_finished, train
from aevae.training.provenance import collect_provenance, describe_process

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stages:
    """The work on a run between the claim of its attempt and the record of the attempt's end."""

    sweep: SweepPaths
    paths: RunPaths
    config: RunConfig
    evaluation: EvaluationConfig
    execution: ExecutionConfig
    attempt: Attempt

    def train_and_evaluate(self, trained: CheckedTraining | None, stop: StopRequest) -> None:
        """Write the missing files of the run, and remove its checkpoints.

        Parameters
        ----------
        trained
            The checked ``trained.h5``; None if the run is not trained yet.
        stop
            Request to stop, which is read after every epoch.
        """
        remove_orphans(self.paths.root)
        with denormals_as_zero():
            torch.set_num_threads(self.execution.threads or granted_threads())
            device = choose_device(self.execution.device)
            dataset = load_dataset(self.config.data, self.execution.data_dir)
            self._check_storable()
            train_data = DeviceImages.of(dataset.train, self.config.data.classes, device)
            if trained is None:
                val_data = DeviceImages.of(dataset.val, self.config.data.classes, device)
                self._train(train_data.subset(self.config.data.trained_rows), val_data, stop)
                # The new file is read and checked before the checkpoints are removed.
                trained = check_training(self.paths.trained)
            remove_checkpoints(self.paths)
            self._evaluate(trained, dataset, train_data)
        log.info("%s is done", self.config.run_id)

    def _check_storable(self) -> None:
        """Refuse settings whose results would be too large to store, before training starts."""
        data_dir = self.execution.data_dir
        sizes = split_sizes(self.config.data, self.evaluation, data_dir)
        try:
            check_storable(self.config, self.evaluation, sizes)
        except InvalidFile as error:
            raise RunFailed("too_large", str(error)) from None

    def _train(self, train_data: DeviceImages, val_data: DeviceImages, stop: StopRequest) -> None:
        """Train from the newest checkpoint or from the start, and publish the trained model."""
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
            last = is_finished(config, state)
            due = time.monotonic() - saved_at >= self.execution.checkpoint_seconds
            # Read once per epoch: after a signal that comes later, the run trains another epoch.
            # Otherwise it would stop after this one, which may not have been saved.
            told = stop.signal
            if due or last or told:
                save_checkpoint(self.paths, config, state)
                saved_at = time.monotonic()
            self._write_progress(state.history, "training", len(train_data))
            if told and not last:
                raise Interrupted(f"{told.name} after epoch {epoch}")

        if state.epoch < epochs:
            log.info("stopped early: no lower validation loss since epoch %d", state.kept_epoch)
        provenance = collect_provenance(
            self.attempt.record,
            device,
            precision=state.precision.format,
            training_seconds=sum(state.history["epoch_seconds"]),
            wall_seconds=time.perf_counter() - started,
        )
        self.attempt.check_current()
        arrays = weight_arrays(state.kept_weights) | history_arrays(config, state)
        write_training(self.paths.trained, config, arrays, provenance, state.kept_epoch)

    def _evaluate(
        self, trained: CheckedTraining, dataset: Dataset, train_data: DeviceImages
    ) -> None:
        """Evaluate the trained model and publish ``evaluation.h5``."""
        device = train_data.images.device
        dataset_sha256 = _shared_dataset(self.sweep.dataset, dataset)
        with open_checked(self.paths.trained, trained.header) as file:
            weights = read_weights(file)
            history = {name: file.array(f"history/{name}").tolist() for name in _PROGRESS}
        trained_images = self.config.data.trained_images(len(train_data))
        self._write_progress(history, "evaluating", trained_images, trained.kept_epoch)
        model = load_weights(self.config, weights).to(device)
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
        self._write_progress(history, "done", trained_images, trained.kept_epoch)

    def _write_progress(
        self,
        history: Mapping[str, Sequence[float]],
        phase: str,
        images: int,
        kept_epoch: int | None = None,
    ) -> None:
        """Replace the progress file of the run, which `aevae status` shows.

        The losses are those of the epoch whose weights were kept, or of the last so far.
        """
        seconds = history.get("epoch_seconds", [])
        shown = (kept_epoch or len(seconds)) - 1
        progress = {
            "phase": phase,
            "epoch": len(seconds),
            "epochs": self.config.train.epochs,
            "train_loss": history.get("train/loss", [None])[shown],
            "val_loss": history.get("val/loss", [None])[shown],
            "images_per_second": images / seconds[-1] if seconds else None,
            "seconds_per_epoch": seconds[-1] if seconds else None,
            "beat": utc_now(),
        }
        publish_text(self.paths.progress, json.dumps(progress) + "\n", durable=False)


_PROGRESS = ("train/loss", "val/loss", "epoch_seconds")


def choose_device(name: str) -> torch.device:
    """Return the device of the setting `device`.

    Raises
    ------
    RunFailed
        The device is missing, or torch has no kernels for it (``no_device``).
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
    """Write the sweep's ``dataset.h5`` if it is missing; return its SHA-256.

    Any run of the sweep may write it first. If two runs write it at the same time, both write the
    same bytes, atomically.
    """
    if not exists(path):
        dataset.write(path)
    try:
        with open_dataset(path) as file:
            same_source = json.loads(str(file.attribute("sha256"))) == dict(dataset.sha256)
            if not same_source or not np.array_equal(file.array("val/index"), dataset.val.index):
                name = dataset.config.dataset
                raise InputError(f"{path} was made from other data than the split of {name}")
    except ReplacedFile:
        # Another run that started at the same time has replaced the file by its own copy. No run
        # does this twice.
        return _shared_dataset(path, dataset)
    return file_sha256(path)


def weight_arrays(weights: Mapping[str, Tensor]) -> dict[str, Array]:
    """Return the trained parameters as arrays for ``trained.h5``, bit for bit."""
    return {names.weight(name): value.cpu().numpy() for name, value in weights.items()}


def history_arrays(config: RunConfig, state: TrainState) -> dict[str, Array]:
    """Return the history of training as (E,) arrays for ``trained.h5``; an AE has no KL."""
    return {
        f"history/{name}": np.array(values)
        for name, values in state.history.items()
        if config.model.traits.variational or not name.endswith("/kl")
    }


def _epoch_line(state: TrainState) -> str:
    values = {name: series[-1] for name, series in state.history.items()}
    return (
        f"train {values['train/loss']:.3f}, val {values['val/loss']:.3f} "
        f"(SSE {values['val/sse']:.3f}, KL {values['val/kl']:.3f}), "
        f"{values['epoch_seconds']:.2f} s"
    )
