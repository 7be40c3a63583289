"""The states that a run can be in, and which of them are active, terminal or resumable."""

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
    """Neither the files nor the scheduler say whether a process or a job works on the run."""

    @property
    def active(self) -> bool:
        """Whether a job waits for the run, or a process trains it."""
        return self in (State.PENDING, State.RUNNING)

    @property
    def terminal(self) -> bool:
        """Whether its last attempt has ended, so that only another launch changes the state."""
        return self in (State.DONE, State.INTERRUPTED, State.FAILED)

    @property
    def resumable(self) -> bool:
        """Whether a launch starts the run, from a checkpoint if there is one."""
        return self in (State.PLANNED, State.INTERRUPTED, State.FAILED)
