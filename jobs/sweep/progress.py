"""How far a run has come, as its process last wrote it down."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from aevae.files.layout import RunPaths


@dataclass(frozen=True)
class Progress:
    """What is shown of a progress file; nothing where there is none, or none that can be read."""

    phase: str | None = None
    epoch: int = 0
    val_loss: float | None = None
    images_per_second: float | None = None
    seconds_per_epoch: float | None = None
    beat: AwareDatetime | None = None
    """When it was written."""

    @property
    def age_seconds(self) -> float | None:
        """Seconds since it was written; 0 where the clock of its host is ahead of ours."""
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
