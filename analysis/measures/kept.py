"""Results of measures that a later command uses again: each in a file in the user's cache.

Whoever draws one figure again, or tests the claims after the tables, does not wait for what an
earlier command has computed. A result is used only for the same results files, the same dataset,
the same code and the same libraries; otherwise it is computed again.

The files are pickles, which can run any code when they are read. So they are not in the folder of
the sweep, which others may write to.
"""

import hashlib
import os
import platform
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from joblib import Memory

from analysis.sweep.load import SweepResults

Found = TypeVar("Found")

FOLDER = "AEVAE_CACHE_DIR"  # environment variable; if it is empty, nothing is kept
LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn")
CODE = (".py", ".csv")  # suffixes; the published numbers beside ours in tables are CSV
LIMIT = "500M"  # of all results that are kept
CLEANED = "cleaned"  # empty file whose time says when the limit was last looked at
A_DAY = 86400  # seconds


def recall(state: str, name: str, compute: Callable[[], Found]) -> Found:
    """Return what was kept under a name for a state, or compute and keep it.

    Parameters
    ----------
    state
        Identifies everything that the result depends on, apart from its name: see `state_of`.
    name
        Name of the measure, with its arguments.
    compute
        Computes the result. What it raises is not kept.
    """
    memory = _memory()
    if memory is None:
        return compute()
    with warnings.catch_warnings():
        # A file that cannot be read is replaced, and on a full disk nothing is kept.
        warnings.filterwarnings("ignore", module="joblib")
        found: Found = memory.cache(_call, ignore=["compute"])(state, name, compute)
        return found


def remove_oldest() -> None:
    """Remove the results that were not used for longest, if all together exceed the limit.

    To look at thousands of results takes seconds, so this is done once a day.
    """
    memory = _memory()
    if memory is None:
        return
    mark = Path(memory.location, CLEANED)
    with suppress(OSError):  # nothing can be written there
        if not mark.exists() or time.time() - mark.stat().st_mtime > A_DAY:
            memory.reduce_size(bytes_limit=LIMIT)
            mark.touch()


def state_of(sweep: SweepResults) -> str:
    """Return a digest of the results files of a sweep, its dataset, this code and its libraries."""
    results = sorted(
        (run.run_id, str(path), header.identity)
        for run in sweep.every
        for path, header in run.checked.files.items()
    )
    dataset = sweep.dataset.sha256 if sweep.dataset else ""
    return hashlib.sha256(repr((results, dataset, _code())).encode()).hexdigest()


@cache
def _code() -> str:
    """Return a digest of the code that measures, of its libraries and of the machine."""
    digest = hashlib.sha256(repr([platform.node(), *map(version, LIBRARIES)]).encode())
    for package in ("aevae", "analysis"):
        for path in sorted(Path(str(files(package))).rglob("*")):
            if path.suffix in CODE:
                digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _memory() -> Memory | None:
    """Return the store in the user's cache; None if there is none or nothing can be written."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = os.environ.get(FOLDER, str(Path(base, "aevae")))
    try:
        return Memory(folder, verbose=0) if folder else None
    except OSError:
        return None


def _call(state: str, name: str, compute: Callable[[], Found]) -> Found:
    return compute()
