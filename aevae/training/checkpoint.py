"""Checkpoints: written atomically, newest intact one loaded, those of other runs refused."""

import io
import logging
from pathlib import Path
from typing import Any

import torch

from aevae.config import RunConfig
from aevae.errors import InputError, RunFailed
from aevae.files.atomic import publish
from aevae.files.filesystem import read_bytes
from aevae.files.layout import RunPaths
from aevae.training.loop import Best, TrainState
from aevae.training.precision import Precision

# Version 1 also held the settings of the evaluation; up to version 2 all training was in float32;
# up to version 3 there was no early stopping, so no best epoch.
CHECKPOINT_VERSION = 4
READABLE = (2, 3, 4)
KEEP = 2

log = logging.getLogger(__name__)


def save_checkpoint(paths: RunPaths, config: RunConfig, state: TrainState) -> None:
    """Publish the state of a run and remove all but the newest two checkpoints.

    Raises
    ------
    OSError
        The disk is full or not writable; earlier checkpoints are intact.
    """
    content = {
        "version": CHECKPOINT_VERSION,
        "config": config.canonical_json(),
        "epoch": state.epoch,
        "history": state.history,
        "model": state.model.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "precision": state.precision.format,
        "scaler": state.scaler.state_dict(),
        "best": vars(state.best) if state.best else None,
    }
    # torch writes into memory: if it wrote to a full disk, its error would not name the cause.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    publish(paths.checkpoint(state.epoch), lambda file: file.write(buffer.getbuffer()))
    for old in paths.checkpoints()[KEEP:]:
        old.unlink(missing_ok=True)


def load_newest(paths: RunPaths, config: RunConfig, device: torch.device) -> TrainState | None:
    """Restore the newest intact checkpoint; return None if there is none.

    Checkpoints are ordered by epoch, not by time. No code from the file is executed.

    Raises
    ------
    RunFailed
        The checkpoint belongs to another configuration, version or architecture.
    OSError
        The file system failed to read a checkpoint. An older one is not used instead, because the
        epochs since then would be trained again.
    """
    for path in paths.checkpoints():
        # torch does not read the file, because its errors do not tell a failing file system from
        # damaged content.
        image = io.BytesIO(read_bytes(path))
        try:
            content = torch.load(image, map_location=device, weights_only=True)
        except Exception as error:  # noqa: BLE001 - torch may raise any error on damage
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            log.warning("%s is damaged and skipped (%s)", path.name, reason)
            continue
        return _restore(path, content, config, device)
    return None


def remove_checkpoints(paths: RunPaths) -> None:
    """Remove all checkpoints of a run, once its results are published."""
    for path in paths.checkpoints():
        path.unlink(missing_ok=True)


def _restore(
    path: Path, content: dict[str, Any], config: RunConfig, device: torch.device
) -> TrainState:
    if (found := content.get("version")) not in READABLE:
        raise RunFailed("bad_checkpoint", f"{path}: version {found} is not {CHECKPOINT_VERSION}")
    try:
        theirs = RunConfig.from_json(content["config"], "its configuration")
    except InputError as error:
        raise RunFailed("bad_checkpoint", f"{path}: {error}") from error
    if theirs != config:
        raise RunFailed("bad_checkpoint", f"{path}: {_difference(theirs, config)}")
    # The format of the first attempt stays, also on a machine that would choose another.
    state = TrainState.new(config, device, Precision(content.get("precision", "float32")))
    try:
        state.model.load_state_dict(content["model"])
        state.optimizer.load_state_dict(content["optimizer"])
        state.scaler.load_state_dict(content.get("scaler", {}))
    except (RuntimeError, ValueError) as error:
        raise RunFailed("bad_checkpoint", f"{path}: {str(error).splitlines()[0]}") from error
    state.epoch, state.history = content["epoch"], content["history"]
    if content.get("best"):
        state.best = Best(**content["best"])
    return state


def _difference(theirs: RunConfig, config: RunConfig) -> str:
    """Name the first setting that differs between the checkpoint and this run."""
    found, wanted = (_flatten(values.model_dump(mode="json")) for values in (theirs, config))
    keys = sorted(found.keys() | wanted.keys())
    key = next(key for key in keys if found.get(key) != wanted.get(key))
    return f"made with {key} = {found.get(key)}, this run has {wanted.get(key)}"


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, dict)
        flat |= _flatten(value, f"{prefix}{key}.") if nested else {prefix + key: value}
    return flat
