"""Which code is this: the commit, and what was changed since. Needs no torch."""

import subprocess
from pathlib import Path


def git_identity() -> tuple[str | None, bool | None]:
    """Commit of the code and whether it has uncommitted changes; (None, None) outside git."""
    try:
        return _git("rev-parse", "HEAD").strip(), bool(_git("status", "--porcelain").strip())
    except (OSError, subprocess.SubprocessError):
        return None, None


def git_diff() -> str:
    """Changes to tracked files since the commit, as a patch; empty outside git."""
    try:
        return _git("diff", "HEAD", "--no-color", "--no-ext-diff")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=Path(__file__).parent, check=True, capture_output=True, timeout=10
    )
    return done.stdout.decode(errors="replace")
