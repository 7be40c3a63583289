"""Work that is done side by side in processes, one per core."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from typing import TypeVar

from joblib import Parallel, cpu_count, delayed

Task = TypeVar("Task")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, *, ordered: bool = False
) -> Iterator[Result]:
    """Do tasks in `jobs` processes and yield each result as it ends, or in the order of the tasks.

    An interrupt ends the processes. With one job, the work is done in this process.

    Raises
    ------
    ChildProcessError
        A process was killed.
    """
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from map(work, tasks)
        return
    # On an interrupt, joblib warns that tasks are cancelled, which the user has just asked for.
    warnings.filterwarnings("ignore", r"\d+ tasks ", UserWarning, "joblib")
    results = "generator" if ordered else "generator_unordered"
    parallel = Parallel(n_jobs=jobs, return_as=results)
    try:
        with _safe_path():
            yield from parallel(delayed(work)(task) for task in tasks)
    except BrokenExecutor:
        raise ChildProcessError("a process at work was killed; memory too small?") from None


@contextmanager
def _safe_path() -> Iterator[None]:
    """Keep joblib's processes, started by `python -m`, from importing what lies in this folder."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def usable_cores() -> int:
    """Count the cores that this process may use."""
    return int(cpu_count())
