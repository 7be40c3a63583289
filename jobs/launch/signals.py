"""Asking running processes of this machine to stop."""

import os
import signal
import time
from collections.abc import Callable, Sequence

from aevae.files.attempt import AttemptRecord, newest_record
from aevae.files.layout import RunPaths


def live_attempt(paths: RunPaths) -> AttemptRecord | None:
    """Return the record of the attempt that runs on this machine now; None if none does."""
    record = newest_record(paths.attempts())
    return record if record is not None and record.alive else None


def send(record: AttemptRecord, number: signal.Signals) -> None:
    """Send a signal to the process of an attempt; nothing happens if it has just ended."""
    try:
        os.kill(record.pid, number)
    except ProcessLookupError:
        return


def stop_and_wait(
    runs: Sequence[RunPaths], grace_s: float, say: Callable[[str], None]
) -> list[str]:
    """Stop live attempts: TERM, so that they checkpoint; after `grace_s`, KILL.

    Returns
    -------
    list of str
        The runs that were stopped.
    """
    live = {paths.run_id: (paths, r) for paths in runs if (r := live_attempt(paths)) is not None}
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
    return stopped
