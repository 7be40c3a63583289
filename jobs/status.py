"""States of runs, derived from what is on disk. Files decide; nothing here is ever written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aevae.attempt import AttemptRecord, read_record
from aevae.paths import RunPaths
from aevae.results import open_results
from aevae.store import InvalidFile
from jobs.sweep import Sweep

STATES = ("planned", "pending", "running", "done", "interrupted", "failed", "unknown")


@dataclass(frozen=True)
class RunStatus:
    """State of one run, and what its last beat said."""

    run_id: str
    state: str
    reason: str | None = None
    attempts: int = 0
    host: str | None = None
    phase: str | None = None
    epoch: int = 0
    epochs: int = 0
    val_loss: float | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    beat_age_seconds: float | None = None


def run_status(paths: RunPaths, epochs: int) -> RunStatus:
    """Read the state of one run.

    Parameters
    ----------
    paths
        The run's folder.
    epochs
        Epochs that the run will have.
    """
    attempts = paths.attempts()
    record = read_record(attempts[-1]) if attempts else None
    state, reason = _state(paths, bool(attempts), record)
    beat = _read_beat(paths)
    epoch = int(beat.get("epoch", 0))
    rate = beat.get("seconds_per_epoch")
    running = state == "running"
    return RunStatus(
        run_id=paths.run_id,
        state=state,
        reason=reason,
        attempts=len(attempts),
        host=record.host if record else None,
        phase=beat.get("phase") if running else None,
        epoch=epochs if state == "done" else epoch,
        epochs=epochs,
        val_loss=beat.get("val_loss"),
        images_per_second=beat.get("images_per_second"),
        eta_seconds=(epochs - epoch) * rate if running and rate else None,
        beat_age_seconds=_age(beat.get("beat")) if running else None,
    )


def sweep_status(sweep: Sweep, run_ids: Sequence[str] = ()) -> list[RunStatus]:
    """Read the states of all runs of a sweep, or of some."""
    epochs = sweep.spec.train.epochs
    return [run_status(sweep.paths.run(run_id), epochs) for run_id in sweep.select(run_ids)]


def _state(
    paths: RunPaths, attempted: bool, record: AttemptRecord | None
) -> tuple[str, str | None]:
    """Return state and reason."""
    if paths.results.exists():
        try:
            with open_results(paths.results):
                return "done", None
        except InvalidFile as error:
            return "failed", f"damaged results: {error}"
    if record is None:
        return ("unknown", "no readable record of the attempt") if attempted else ("planned", None)
    alive = record.alive
    if alive is None:
        return "unknown", f"process {record.pid} on {record.host} cannot be seen from here"
    if alive:
        return "running", None
    if record.outcome is None or record.outcome == "done":
        reason = "the process ended without a word"
        return ("interrupted" if paths.checkpoints() else "failed"), reason
    return record.outcome, record.reason


def _read_beat(paths: RunPaths) -> dict[str, Any]:
    try:
        beat = json.loads(paths.progress.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return beat if isinstance(beat, dict) else {}


def _age(beat: str | None) -> float | None:
    if beat is None:
        return None
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(beat)).total_seconds())
