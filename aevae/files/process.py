"""Processes as they are named on disk, so that another host or a later process is not confused."""

import os
import socket
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class ProcessIdentity:
    """A process; its start time tells it from a later one that was given the same number."""

    host: str
    pid: int
    started: float
    """Seconds since 1970."""

    @classmethod
    def of_this_process(cls) -> "ProcessIdentity":
        """Return the identity of the process that calls."""
        return cls(socket.gethostname(), os.getpid(), psutil.Process().create_time())

    @property
    def alive(self) -> bool | None:
        """Whether it still runs; None if it is on another host, whose processes are not seen."""
        if self.host != socket.gethostname():
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
