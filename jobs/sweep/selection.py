"""Choosing runs of a sweep by id, by pattern, or by the value of a setting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from aevae.axes import KEYS, Value, short, value_of
from aevae.config import RunConfig
from aevae.errors import InputError
from aevae.kinds import KINDS
from jobs.sweep.configs import read_configs
from jobs.sweep.folder import Sweep
from jobs.sweep.options import parse_values
from jobs.sweep.settings import check_key, check_value, shown_value

# Settings that are no axis, but that runs are chosen by.
_OWN: Mapping[str, Callable[[RunConfig], Value]] = {
    "model": lambda config: config.model.kind,
    "latent_size": lambda config: config.model.latent_size,
    "seed": lambda config: config.seed,
}
NAMES = {"d": "latent_size", **{name: name for name in _OWN}, **{short(key): key for key in KEYS}}
"""The key of each short name."""
MOST_VALUES = 10  # in a message


@dataclass(frozen=True)
class Selection:
    """Runs that a command works on."""

    run_ids: tuple[str, ...]
    """Ordered by index."""
    named: frozenset[str] = frozenset()
    """Runs whose ids the user wrote out. Only these are launched although they ran out of memory
    or time, or their state is unknown: a pattern or a value may cover more than the user knows."""


def select_runs(sweep: Sweep, terms: Sequence[str], among: Sequence[str] = ()) -> Selection:
    """Return the runs that at least one term names.

    Parameters
    ----------
    sweep
        The sweep.
    terms
        Each an id; or a pattern of ids, such as ``vae-*``; or ``key=value``, or several values
        between commas. None means all runs.
    among
        Runs that patterns and values are compared with; default: those launched last. An id may
        be that of any run ever planned.

    Raises
    ------
    InputError
        A term names no run; the message says which there are.
    """
    among = among or sweep.runs.current
    if not terms:
        return Selection(tuple(among))
    named = [term for term in terms if "=" not in term and not set("*?[") & set(term)]
    chosen = set(named)
    for term in terms:
        if term in chosen and term not in sweep.runs.index:
            raise InputError(f"{sweep.paths.root} has no run {term!r}: {_some(among)}")
        if "=" in term:
            chosen.update(_with_value(sweep, term, among))
        elif term not in chosen:
            chosen.update(_with_name(sweep, term, among))
    return Selection(tuple(sweep.select(sorted(chosen))), frozenset(named))


def _with_name(sweep: Sweep, pattern: str, among: Sequence[str]) -> list[str]:
    found = [run_id for run_id in among if fnmatchcase(run_id, pattern)]
    if not found:
        raise InputError(f"no run of {sweep.paths.root} matches {pattern!r}: {_some(among)}")
    return found


def _some(run_ids: Sequence[str]) -> str:
    return f"it has {len(run_ids)} runs, such as {run_ids[0]}"


def _with_value(sweep: Sweep, term: str, among: Sequence[str]) -> list[str]:
    """Return the runs that have one of the values of a setting."""
    name, _, text = term.partition("=")
    key = NAMES.get(name.strip(), name.strip())
    if key not in NAMES.values() and key.partition(".")[0] not in KINDS:
        raise InputError(
            f"{term!r} chooses no runs: no setting is called {name!r}; valid are "
            f"{', '.join(NAMES)}, also with a part or a kind, such as vae.kl_weight"
        )
    try:
        if key not in _OWN:
            check_key(key)
        wanted = [check_value(key, value) for value in parse_values(text)]
    except ValueError as error:
        raise InputError(f"{term!r} chooses no runs: {error}") from None
    values = {run: _value(config, key) for run, config in read_configs(sweep, among).items()}
    found = [run_id for run_id, value in values.items() if value in wanted]
    if not found:
        there = list(dict.fromkeys(value for value in values.values() if value is not None))
        shown = ", ".join(map(shown_value, there[:MOST_VALUES])) or "none"
        more = f" and {len(there) - MOST_VALUES} more" if len(there) > MOST_VALUES else ""
        raise InputError(f"no run of {sweep.paths.root} has {term}: there is {shown}{more}")
    return found


def _value(config: RunConfig, key: str) -> Value:
    """Return the value that a run has; None if the setting does not apply to it."""
    if key in _OWN:
        return _OWN[key](config)
    part, _, name = key.partition(".")
    if part not in KINDS:
        return value_of(config, key)
    return value_of(config, f"model.{name}") if part == config.model.kind else None
