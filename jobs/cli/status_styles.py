"""How the tables of states look."""

from jobs.sweep.state import State

STYLES = {
    State.DONE: "green",
    State.RUNNING: "cyan",
    State.INTERRUPTED: "yellow",
    State.FAILED: "red",
    State.UNKNOWN: "magenta",
}
GAP = "  "
