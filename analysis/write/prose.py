"""Phrases that captions share."""

import re
from collections.abc import Iterable, Sequence

from analysis.sweep.load import Run, Sweep

_SOURCES = re.compile(r"\s*Runs: ((?:`[^`]+`(?:, )?)+)\.")


def listed(items: Iterable[object]) -> str:
    """Join as prose: ``2, 5 and 10``."""
    words = [str(item) for item in items]
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def seeds(runs: Sequence[Run]) -> str:
    """Name the seeds of some runs: ``seed 0`` or ``seeds 0, 1 and 2``."""
    found = sorted({run.config.seed for run in runs})
    return f"seed{'s' if len(found) > 1 else ''} {listed(found)}"


def sources(runs: Sequence[Run]) -> str:
    """Name the runs that a figure was made from."""
    return "Runs: " + ", ".join(f"`{run.run_id}`" for run in runs) + "."


def without_sources(caption: str) -> tuple[str, list[str]]:
    """Take what `sources` wrote out of a caption: the rest, and the run ids."""
    found = _SOURCES.search(caption)
    return _SOURCES.sub("", caption), re.findall("`([^`]+)`", found[1]) if found else []


def sentence(note: str) -> str:
    """Make a sentence of a note; nothing of nothing."""
    return f"{note[0].upper()}{note[1:]}." if note else ""


def with_note(text: str, sweep: Sweep, separator: str) -> str:
    """Add to a caption that the sweep is partial, if it is."""
    return separator.join(filter(None, [text, sentence(sweep.partial_note)]))
