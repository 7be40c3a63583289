"""The states that a run can be in, and what each means for who shows, follows or launches runs."""

from enum import StrEnum


class State(StrEnum):
    """State of a run, in the order in which totals are shown."""

    PLANNED = "planned"
    """Nothing was started."""
    PENDING = "pending"
    """Its job waits in a queue."""
    RUNNING = "running"
    DONE = "done"
    """Its results are there."""
    INTERRUPTED = "interrupted"
    """Its last attempt ended early and left a checkpoint."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Neither files nor scheduler say whether a process or a job is at it."""

    @property
    def active(self) -> bool:
        """Whether a job waits for the run, or a process trains it."""
        return self in (State.PENDING, State.RUNNING)

    @property
    def terminal(self) -> bool:
        """Whether its last attempt has ended, so that it changes only by another launch."""
        return self in (State.DONE, State.INTERRUPTED, State.FAILED)

    @property
    def resumable(self) -> bool:
        """Whether a launch starts the run, from a checkpoint if there is one."""
        return self in (State.PLANNED, State.INTERRUPTED, State.FAILED)
