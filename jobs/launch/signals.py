"""Asking running processes of this machine to stop."""

import signal
import time
from collections.abc import Callable, Sequence

from aevae.files.attempt import AttemptRecord, newest_record
from aevae.files.layout import RunPaths


def live_attempt(paths: RunPaths) -> AttemptRecord | None:
    """Return the record of a run's attempt that is alive on this machine; None if there is none."""
    record = newest_record(paths.attempts())
    return record if record is not None and record.alive else None


def send(record: AttemptRecord, number: signal.Signals) -> None:
    """Send a signal to the process of an attempt; nothing happens if it has just ended."""
    record.process.send(number)


def stop_and_wait(
    runs: Sequence[RunPaths], grace_s: float, say: Callable[[str], None]
) -> list[str]:
    """Stop live attempts: send TERM, so that they save a checkpoint, and after `grace_s` send KILL.

    Returns
    -------
    list of str
        The runs that were stopped.

    Raises
    ------
    OSError
        The folder of a run cannot be read; the message names the runs that were stopped.
    """
    live, unreadable = _find_live(runs)
    stopped = list(live)
    for _, record in live.values():
        send(record, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while live and time.monotonic() < deadline:
        time.sleep(0.1)
        live = {name: pair for name, pair in live.items() if live_attempt(pair[0])}
    for name, (_, record) in live.items():
        say(f"{name} did not stop within {grace_s:g} s and is killed")
        send(record, signal.SIGKILL)
    while any(record.alive for _, record in live.values()):
        time.sleep(0.05)
    if unreadable:
        raise _with_stopped(unreadable[0], stopped)
    return stopped


def _with_stopped(error: OSError, stopped: Sequence[str]) -> OSError:
    """Return an error about a folder that also names the runs that were stopped."""
    what = f"{error.strerror}, so one run may still be alive (stopped: {', '.join(stopped) or '-'})"
    return OSError(error.errno, what, error.filename)


def _find_live(
    runs: Sequence[RunPaths],
) -> tuple[dict[str, tuple[RunPaths, AttemptRecord]], list[OSError]]:
    """Find the live attempts by run, and the errors of folders that cannot be read."""
    live, unreadable = {}, []
    for paths in runs:
        try:
            record = live_attempt(paths)
        except OSError as error:
            unreadable.append(error)
            continue
        if record is not None:
            live[paths.run_id] = paths, record
    return live, unreadable
