"""The identity of the running code: its commit, and whether the code was changed since then."""

import json
import os
import re
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY_IDENTITY = "code.json"
"""File with the identity of the original code; it lies beside the packages of a copy."""
TIMEOUT_S = 10
COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = "aevae code"


def git_identity() -> tuple[str | None, bool | None]:
    """Return the commit of the code, and whether its repository has uncommitted changes.

    A copy of the code, which jobs run, has the identity of the original. An installed package has
    the commit that pip recorded, if pip installed it from a repository. Other code that git does
    not track has no identity, (None, None), even if its folder is inside a repository: a virtualenv
    may be inside the repository of a user's own project. If git is missing, or refuses to read the
    repository of another user, the commit is read from the files in ``.git``, and it is unknown
    (None) whether there are changes.
    """
    copied = _copied_identity()
    if copied is not None:
        return copied
    try:
        if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
            return _installed_commit(), None
        commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return _checked_out_commit(ROOT / ".git") or _installed_commit(), None
    return commit, None if changes is None else bool(changes)


def identity_for_a_copy() -> str:
    """Return the content of `COPY_IDENTITY` for a copy of this code, as JSON."""
    commit, dirty = git_identity()
    return json.dumps({"name": _NAME, "git_commit": commit, "git_dirty": dirty}) + "\n"


def _copied_identity() -> tuple[str | None, bool | None] | None:
    try:
        values = json.loads((ROOT / COPY_IDENTITY).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(values, dict) or values.get("name") != _NAME:
        return None
    return values.get("git_commit"), values.get("git_dirty")


def _git(*arguments: str) -> str | None:
    """Return what git prints; None if git does not find what was asked for (exit code 1).

    Raises
    ------
    OSError, subprocess.SubprocessError
        git is missing, does not answer, or cannot read the repository.
    """
    # Variables such as GIT_DIR, which git sets for its hooks, would name another repository.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments],
        cwd=Path(__file__).parent,
        env=environment,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode == 1:
        return None
    done.check_returncode()
    return done.stdout.decode(errors="replace").strip()


def _checked_out_commit(folder: Path) -> str | None:
    """Read the commit that a repository has checked out from its ``.git``, without git."""
    try:
        if folder.is_file():  # a linked working tree (git worktree)
            folder = folder.parent / _after("gitdir: ", folder)
        common = folder / "commondir"
        shared = folder / _after("", common) if common.exists() else folder
        commit = _after("", folder / "HEAD")
        if commit.startswith("ref: "):
            commit = _tip(shared, commit.removeprefix("ref: "))
    except (OSError, ValueError):
        return None
    return commit if COMMIT.fullmatch(commit) else None


def _tip(shared: Path, branch: str) -> str:
    """Return the commit of a branch, from the file of the branch or from ``packed-refs``."""
    if (shared / branch).exists():
        return _after("", shared / branch)
    packed = (shared / "packed-refs").read_text(encoding="utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {branch}")), "")


def _after(prefix: str, path: Path) -> str:
    """Return the text of a file without `prefix`."""
    return path.read_text(encoding="utf-8").strip().removeprefix(prefix)


def _installed_commit() -> str | None:
    """Return the commit that pip recorded when it installed this package from a repository."""
    try:
        installed = distribution("aevae")
        if Path(str(installed.locate_file(""))).resolve() != ROOT:
            return None
        recorded = json.loads(str(installed.read_text("direct_url.json")))
        commit = recorded["vcs_info"]["commit_id"]
    except (PackageNotFoundError, OSError, ValueError, LookupError, TypeError):
        return None
    return commit if isinstance(commit, str) else None
