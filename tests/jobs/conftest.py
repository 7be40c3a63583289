import os
import shlex
from pathlib import Path

import pytest


class FakeSlurm:
    """SLURM's commands as shell scripts; a command that a test does not define fails."""

    COMMANDS = ("squeue", "sacct", "sacctmgr", "scontrol", "sbatch", "scancel", "sinfo", "srun")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in self.COMMANDS:
            self(name, f"echo no {name} here >&2; exit 1")

    def __call__(self, name: str, body: str) -> None:
        """Define a command."""
        path = self._folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    @staticmethod
    def queued(key, name, state="PENDING", *, raw=None, start="N/A", node="", why="None") -> str:
        """A line of squeue in the format that `jobs.scheduler` asks for."""
        return f"{key}|{raw or key.split('_')[0]}|{state}|{start}|{node}|{why}|{name}"

    @staticmethod
    def accounted(key, state, *, raw="1", start="Unknown", seconds=0, tres="", step="0:0") -> str:
        """A line of sacct in the format that `jobs.scheduler` asks for, of a new job."""
        return f"{key}|{raw}|2099-01-01T00:00:00|{start}|{seconds}|{tres}|{step}|{state}"

    @staticmethod
    def printed(*lines: str) -> str:
        """The body of a command that prints these lines."""
        return f"printf '%s\\n' {' '.join(map(shlex.quote, lines))}" if lines else "exit 0"


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Fake commands of SLURM, first on the PATH, so that no test calls a real one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return FakeSlurm(folder)
