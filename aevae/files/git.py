"""Which code is this: its commit, and whether it was changed since. Needs no torch."""

import json
import subprocess
from pathlib import Path

COPY_IDENTITY = "code.json"
"""File beside the packages of a copy of the code: the identity of what was copied."""
_NAME = "aevae code"


def git_identity() -> tuple[str | None, bool | None]:
    """Commit of the code and whether its repository has uncommitted changes.

    A copy of the code, which jobs run, has the identity of what was copied. Code that git does not
    track has none, (None, None): it may well lie in a repository, as a virtualenv does in that of
    a user's own project.
    """
    copied = _copied_identity()
    if copied is not None:
        return copied
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        return _git("rev-parse", "HEAD").strip(), bool(_git("status", "--porcelain").strip())
    except (OSError, subprocess.SubprocessError):
        return None, None


def identity_for_a_copy() -> str:
    """Return what `COPY_IDENTITY` holds in a copy of this code, JSON."""
    commit, dirty = git_identity()
    return json.dumps({"name": _NAME, "git_commit": commit, "git_dirty": dirty}) + "\n"


def _copied_identity() -> tuple[str | None, bool | None] | None:
    path = Path(__file__).resolve().parents[2] / COPY_IDENTITY
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(values, dict) or values.get("name") != _NAME:
        return None
    return values.get("git_commit"), values.get("git_dirty")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=Path(__file__).parent, check=True, capture_output=True, timeout=10
    )
    return done.stdout.decode(errors="replace")
