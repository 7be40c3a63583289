"""Phrases that captions share."""

from collections.abc import Iterable, Sequence

from analysis.sweep.load import Run, SweepResults


def listed(items: Iterable[object]) -> str:
    """Join as prose: ``2, 5 and 10``."""
    words = [str(item) for item in items]
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def seeds(runs: Sequence[Run]) -> str:
    """Name the seeds of some runs: ``seed 0`` or ``seeds 0, 1 and 2``."""
    found = sorted({run.config.seed for run in runs})
    return f"seed{'s' if len(found) > 1 else ''} {listed(found)}"


def with_runs(caption: str, runs: Sequence[Run]) -> str:
    """Add to a caption the ids of the runs that a figure was made from, if any."""
    named = ", ".join(f"`{run.run_id}`" for run in runs)
    return f"{caption} Runs: {named}." if named else caption


def sentence(note: str) -> str:
    """Make a sentence of a note; an empty note stays empty."""
    return f"{note[0].upper()}{note[1:]}." if note else ""


def with_partial(caption: str, sweep: SweepResults) -> str:
    """Add to a caption that the sweep is partial, if it is."""
    return f"{caption} {sentence(sweep.partial_note)}".rstrip()
