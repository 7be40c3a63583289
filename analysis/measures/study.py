"""One command's work on a sweep, and the memory of what it has computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from analysis.measures import kept
from analysis.measures.processes import side_by_side
from analysis.sweep.dataset import StoredDataset
from analysis.sweep.load import MissingIngredient, SweepResults
from analysis.sweep.reference import At, at_reference

Found = TypeVar("Found")
Arguments = TypeVarTuple("Arguments")
Call = tuple[Callable[..., object], tuple[object, ...]]  # of a measure, with arguments

# Training images times measures: fewer are gone through sooner than processes start.
WORTHWHILE = 200_000
PARTS_PER_JOB = 2  # a process that is slowed down then has less left at the end


@dataclass(frozen=True, eq=False)
class Study:
    """A sweep, and what one command has computed from it so far.

    Tables, figures and findings share many measures. Each is computed at its first use and kept
    here until the command ends, so it must be small: numbers by image or by run, but no images.

    Parameters
    ----------
    sweep
        The runs and the dataset.
    embeddings
        Folder for what takes long and is worth keeping for the next command: the t-SNE layouts and
        the trained judges. Without a folder, they are computed again by every command.
    at
        Values of axes that the user wants the reference cell to have.
    whole
        The study of all runs, if this one is of the reference cell.
    """

    sweep: SweepResults
    embeddings: Path | None = None
    at: At = field(default_factory=dict)
    whole: "Study | None" = None
    _found: dict[tuple[object, ...], Any] = field(default_factory=dict, init=False, repr=False)
    _missing: dict[tuple[object, ...], str] = field(default_factory=dict, init=False, repr=False)

    @property
    def data(self) -> StoredDataset:
        """The dataset of the runs."""
        return self.sweep.data

    @cached_property
    def reference(self) -> "Study":
        """The study of the runs at the reference cell; in a sweep without axes, of all runs."""
        if self.whole is not None or not self.sweep.axes:
            return self
        part = at_reference(self.sweep, self.at)
        return Study(part, self.embeddings, self.at, whole=self)

    @cached_property
    def state(self) -> str:
        """Digest of what the measures of this study depend on, apart from their arguments."""
        return kept.state_of(self.sweep)

    def once(
        self, measure: "Callable[[Study, *Arguments], Found]", *arguments: *Arguments
    ) -> Found:
        """Return what a measure gives for some arguments, computing it at the first call only.

        What a measure gives may depend on the dataset, on all runs of the whole sweep and on its
        arguments, but not on which part of the sweep this study is of: a part asks the whole.

        Raises
        ------
        MissingIngredient
            The sweep lacks what the measure needs. The reason is remembered like a result.
        """
        if self.whole is not None:
            return self.whole.once(measure, *arguments)
        key = _key(measure, arguments)
        if key in self._missing:
            raise MissingIngredient(self._missing[key])
        if key not in self._found:
            try:
                self._found[key] = measure(self, *arguments)
            except MissingIngredient as error:
                self._missing[key] = str(error)
                raise
        found: Found = self._found[key]
        return found

    def compute(self, calls: "Sequence[Call]", jobs: int) -> None:
        """Compute measures side by side and keep what they give.

        Nothing is done if they take less time than processes take to start: then each is computed
        at its first use. What all of them need must be computed before, or each process does it.
        """
        if self.whole is not None:
            self.whole.compute(calls, jobs)
            return
        by_key = {_key(*call): call for call in calls}  # two tables may need the same
        missing = [call for key, call in by_key.items() if not self._knows(key)]
        if jobs == 1 or not self.is_long(len(missing)):
            return
        count = min(len(missing), PARTS_PER_JOB * jobs)
        groups = [missing[first::count] for first in range(count)]
        parts = [(self, group) for group in groups]
        # The study goes to the processes with every part, so it must not change before the last.
        computed = list(side_by_side(_compute, parts, jobs, ordered=True))
        for call, (found, reason) in zip(chain(*groups), chain(*computed), strict=True):
            if reason is None:
                self._found[_key(*call)] = found
            else:
                self._missing[_key(*call)] = reason

    def is_long(self, tasks: int) -> bool:
        """Tell whether so many measures, claims or figures are worth starting processes for."""
        return tasks * self.data.counts["train"] >= WORTHWHILE

    def _knows(self, key: tuple[object, ...]) -> bool:
        return key in self._found or key in self._missing


def _key(measure: Callable[..., object], arguments: tuple[object, ...]) -> tuple[object, ...]:
    """Return what a result is kept under, the same in every process."""
    return (f"{measure.__module__}.{measure.__qualname__}", *arguments)


def _compute(part: "tuple[Study, Sequence[Call]]") -> list[tuple[object, str | None]]:
    """Compute measures in a process; return the result of each, or the reason why there is none."""
    study, calls = part
    computed: list[tuple[object, str | None]] = []
    for measure, arguments in calls:
        try:
            computed.append((measure(study, *arguments), None))
        except MissingIngredient as error:
            computed.append((None, str(error)))
    return computed


def once_per_study(
    measure: Callable[[Study, *Arguments], Found],
) -> Callable[[Study, *Arguments], Found]:
    """Make a measure that every study computes once for the same (hashable) arguments."""

    @wraps(measure)
    def recalled(study: Study, *arguments: *Arguments) -> Found:
        return study.once(measure, *arguments)

    return recalled


def kept_for_commands(
    measure: Callable[[Study, *Arguments], Found],
) -> Callable[[Study, *Arguments], Found]:
    """Make a measure that takes long use what an earlier command has computed.

    This is for studies that keep embeddings, and for results that are small.
    """

    @wraps(measure)
    def recalled(study: Study, *arguments: *Arguments) -> Found:
        if study.embeddings is None:
            return measure(study, *arguments)
        name = repr(_key(measure, arguments))
        return kept.recall(study.state, name, lambda: measure(study, *arguments))

    return recalled
