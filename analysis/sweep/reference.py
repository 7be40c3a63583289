"""The reference cell of a sweep: one value on each axis, at which the article's figures are drawn.

A kind of model has the value that is the setting's default if it was trained with it. Otherwise it
has the middle one of its ascending values; of two middle ones, the upper.
"""

from collections.abc import Mapping, Sequence

from aevae.axes import Axis, Value, short, value_of
from aevae.config import RunConfig
from aevae.errors import InputError
from aevae.kinds import KINDS
from analysis.sweep.axes import is_numeric, written
from analysis.sweep.groups import Group, group_runs
from analysis.sweep.load import SweepResults

At = Mapping[str, Value]  # by the dotted key of an axis: the value that was asked for


def at_reference(sweep: SweepResults, at: At | None = None) -> SweepResults:
    """Return the part of a sweep that its reference cell is; without axes, the sweep itself.

    Parameters
    ----------
    sweep
        All finished runs.
    at
        Values that replace those of the rule, for every kind of model that was trained with them.
    """
    if not sweep.axes:
        return sweep
    by_model: dict[str, list[Group]] = {}
    for group in group_runs(sweep):
        by_model.setdefault(group.model, []).append(group)
    chosen = [_choose(sweep.axes, groups, at or {}) for groups in by_model.values()]
    return sweep.part([run for group in chosen for run in group.runs])


def _choose(axes: Sequence[Axis], groups: Sequence[Group], at: At) -> Group:
    """Choose the group of one kind that differs from the wanted values in the fewest axes.

    A value that was asked for counts more than all others. The first of several such groups wins.
    """
    wanted = {axis.key: _wanted(axis, groups, at) for axis in axes}

    def distance(group: Group) -> tuple[int, int]:
        differing = {key for key, value in wanted.items() if value_of(group.config, key) != value}
        return len(differing & at.keys()), len(differing)

    return min(groups, key=distance)


def _wanted(axis: Axis, groups: Sequence[Group], at: At) -> Value:
    """Return the value that one kind should have on an axis; None if it has no such setting."""
    found = {value_of(group.config, axis.key) for group in groups}
    values = [value for value in axis.values if value in found]
    if axis.key in at and at[axis.key] in values:
        return at[axis.key]
    default = default_of(groups[0].config, axis.key)
    if default in values:
        return default
    return values[len(values) // 2] if values else None


def default_of(config: RunConfig, key: str) -> Value:
    """Return the default of a setting for the model of a run, which is the article's value."""
    if key == "model.hidden_sizes":
        return config.default_hidden_sizes
    part, _, name = key.partition(".")
    return type(getattr(config, part)).model_fields[name].get_default()


def described(sweep: SweepResults) -> str:
    """Name the values that the runs of a part have on the axes of the whole sweep.

    For example ``learning_rate = 0.001, kl_weight = 1 (VAE) and 4 (CVAE)``; empty without axes.
    """
    return ", ".join(f"{axis.name} = {_by_kind(sweep, axis)}" for axis in sweep.axes)


def values_of_axes(sweep: SweepResults) -> str:
    """Name the axes of a sweep with their values: ``learning_rate (0.001, 0.01)``."""
    return ", ".join(f"{a.name} ({', '.join(map(written, a.values))})" for a in sweep.axes)


def values_by_kind(sweep: SweepResults) -> dict[str, dict[str, Value]]:
    """Return the values on the axes by kind of model and key; settings that do not apply lack."""
    found: dict[str, dict[str, Value]] = {}
    for run in sweep.runs:
        values = {axis.key: value_of(run.config, axis.key) for axis in sweep.axes}
        found[run.model] = {key: value for key, value in values.items() if value is not None}
    return found


def _by_kind(sweep: SweepResults, axis: Axis) -> str:
    """Write the value on one axis, and whose it is if the kinds have different ones or none."""
    by_kind = values_by_kind(sweep)
    titles: dict[str, list[str]] = {}
    for model, values in by_kind.items():
        if axis.key in values:
            titles.setdefault(written(values[axis.key]), []).append(KINDS[model].title)
    if len(titles) == 1 and sum(map(len, titles.values())) == len(by_kind):
        return next(iter(titles))
    return " and ".join(f"{value} ({', '.join(names)})" for value, names in titles.items())


def parse_at(sweep: SweepResults, options: Sequence[str]) -> At:
    """Read values of axes as they are given on the command line: ``kl_weight=0.5``.

    Raises
    ------
    InputError
        The sweep has no such axis, or no run has such a value on it.
    """
    return dict(_parse(sweep, option) for option in options)


def _parse(sweep: SweepResults, option: str) -> tuple[str, Value]:
    key, equals, text = (part.strip() for part in option.partition("="))
    if not equals:
        raise InputError(f"--at: expected KEY=VALUE, got {option!r}")
    if not sweep.axes:
        raise InputError(f"--at {option}: no setting varies in this sweep")
    axis = next((axis for axis in sweep.axes if key in (axis.key, short(axis.key))), None)
    if axis is None:
        names = ", ".join(axis.name for axis in sweep.axes)
        raise InputError(f"--at: {key!r} does not vary in this sweep (what varies: {names})")
    for value in axis.values:
        if text == written(value) or (is_numeric(axis) and _number(text) == value):
            return axis.key, value
    valid = ", ".join(map(written, axis.values))
    raise InputError(f"--at: no run has {axis.name} = {text!r} (valid: {valid})")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
