"""The progress of a run, as its process last wrote it to the progress file."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from aevae.files.layout import RunPaths


@dataclass(frozen=True)
class Progress:
    """The values of a progress file; the defaults if the file is missing or cannot be read."""

    phase: str | None = None
    epoch: int = 0
    val_loss: float | None = None
    images_per_second: float | None = None
    seconds_per_epoch: float | None = None
    beat: AwareDatetime | None = None
    """When the file was written (the heartbeat of the run)."""

    @property
    def trained_epochs(self) -> int:
        """Epochs of the finished training; 0 if it is not finished."""
        return self.epoch if self.phase in ("evaluating", "done") else 0

    @property
    def age_seconds(self) -> float | None:
        """Seconds since the file was written; 0 if the clock of the run's host is ahead."""
        if self.beat is None:
            return None
        return max(0.0, (datetime.now(UTC) - self.beat).total_seconds())


_PROGRESS = TypeAdapter(Progress)


def read_progress(paths: RunPaths) -> Progress:
    """Read the progress file of a run."""
    try:
        return _PROGRESS.validate_json(paths.progress.read_bytes())
    except (OSError, ValidationError):
        return Progress()
