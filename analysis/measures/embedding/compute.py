"""Embeddings computed side by side over the cores, each kept as soon as it is done."""

from collections.abc import Iterator, Sequence
from time import perf_counter

from aevae.files.hdf5 import InvalidFile
from analysis.measures.embedding.sources import Source
from analysis.measures.processes import side_by_side


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
    yield from side_by_side(_compute, sources, jobs)


def _compute(source: Source) -> tuple[Source, float]:
    begin = perf_counter()
    source.compute()
    return source, perf_counter() - begin
