"""Identities of processes in records, so that no other process is taken for a recorded one.

On Linux, a process is identified by the boot of its machine, its PID namespace, its number and the
clock ticks from the boot to its start. None of these depends on wall time, which changes when a
clock is set, or on the host name, which a container may change. macOS has no /proc. There, and in
records of earlier releases, the host name, the number and the start time identify a process.
"""

import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessIdentity:
    """Identity of a process; its start distinguishes it from a later process with its number."""

    host: str
    pid: int
    started: float
    """Start of the process in seconds since 1970; used only if `start_ticks` is None."""
    boot_id: str | None = None
    """Random identifier of a boot of the kernel; a container has that of its machine."""
    pid_namespace: str | None = None
    start_ticks: int | None = None
    """Clock ticks from the boot of the machine to the start of the process."""

    @classmethod
    def of_this_process(cls) -> "ProcessIdentity":
        """Return the identity of the calling process."""
        process = psutil.Process()
        boot_id, pid_namespace = _boot_id(), _pid_namespace()
        ticks = None
        if boot_id is not None and pid_namespace is not None:
            _, ticks = _state_and_start(process.pid)
        started = process.create_time()
        return cls(socket.gethostname(), process.pid, started, boot_id, pid_namespace, ticks)

    @property
    def alive(self) -> bool | None:
        """Whether the process still runs; None if this cannot be seen from here.

        A process of another host or PID namespace cannot be seen, and a system may hide the
        processes of other users.
        """
        if self.start_ticks is None:
            return self._alive_by_wall_time()
        boot_id = _boot_id()
        if boot_id != self.boot_id:
            # The same host with another boot was rebooted, so the process has ended.
            rebooted = boot_id is not None and self.host == socket.gethostname()
            return False if rebooted else None
        return self._alive_here() if _pid_namespace() == self.pid_namespace else None

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to a process that is alive; return False if it has just ended.

        Raises
        ------
        PermissionError
            The process belongs to another user.
        """
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError as error:
            what = f"process {self.pid} belongs to another user, and only that user can stop it"
            raise PermissionError(error.errno, what) from None
        return True

    def _alive_here(self) -> bool | None:
        try:
            state, start_ticks = _state_and_start(self.pid)
        except PermissionError:
            return None
        except (FileNotFoundError, ProcessLookupError):
            # /proc may be mounted such that it hides the processes of other users.
            return None if _exists(self.pid) else False
        return state not in "ZX" and start_ticks == self.start_ticks

    def _alive_by_wall_time(self) -> bool | None:
        if self.host != socket.gethostname():
            return None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None if _exists(self.pid) else False


def _state_and_start(pid: int) -> tuple[str, int]:
    """Read the state of a process (``Z``: a zombie) and its start in ticks since the boot."""
    # The second field is the name of the program, which may hold spaces and parentheses.
    fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    return fields[0].decode(), int(fields[19])


def _boot_id() -> str | None:
    with suppress(OSError):
        return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return None


def _pid_namespace() -> str | None:
    with suppress(OSError):
        return str((PROC / "self/ns/pid").readlink())
    return None


def _exists(pid: int) -> bool:
    """Return whether any process has this number, even one of another user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
