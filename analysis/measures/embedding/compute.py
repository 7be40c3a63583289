"""Embeddings computed side by side over the cores, each kept as soon as it is done."""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from time import perf_counter

from joblib import Parallel, cpu_count, delayed

from aevae.files.hdf5 import InvalidFile
from analysis.measures.embedding.sources import Source


def find_missing(sources: Sequence[Source]) -> tuple[list[Source], list[str]]:
    """Find what has no usable embedding yet.

    Returns
    -------
    missing
        What is to be computed.
    notes
        Why files that are there are not used.
    """
    missing, notes = [], []
    for source in sources:
        try:
            stored = source.stored()
        except InvalidFile as error:
            stored = None
            notes.append(str(error))
        if stored is None:
            missing.append(source)
    return missing, notes


def compute_all(sources: Sequence[Source], jobs: int) -> Iterator[tuple[Source, float]]:
    """Compute and keep embeddings in `jobs` processes; yield each with its seconds as it ends.

    An interrupt ends the processes; what was yielded is kept.

    Raises
    ------
    ChildProcessError
        A process was killed.
    """
    if not sources:
        return
    # On an interrupt, joblib warns that tasks are cancelled, which the user has just asked for.
    warnings.filterwarnings("ignore", r"\d+ tasks ", UserWarning, "joblib")
    parallel = Parallel(n_jobs=min(jobs, len(sources)), return_as="generator_unordered")
    try:
        with _safe_path():
            yield from parallel(delayed(_compute)(source) for source in sources)
    except BrokenExecutor:
        raise ChildProcessError("a process computing t-SNE was killed; memory too small?") from None


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


def _compute(source: Source) -> tuple[Source, float]:
    begin = perf_counter()
    source.compute()
    return source, perf_counter() - begin


def usable_cores() -> int:
    """Count the cores that this process may use."""
    return int(cpu_count())
