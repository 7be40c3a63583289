"""How the values of axes are written: as columns of a table, and in texts."""

from collections.abc import Sequence

import numpy as np

from aevae.axes import Axis, Value, value_of
from aevae.config import RunConfig


def written(value: Value) -> str:
    """Write a value as readers see it: ``0.001``, ``256x128``, ``true``; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        words = any(isinstance(part, str) for part in value)
        return (", " if words else "x").join(map(written, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else str(value)
    return str(value)


def is_numeric(axis: Axis) -> bool:
    """Whether all values of an axis are numbers, so that they have a place on a scale."""
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in axis.values)


def is_whole(axis: Axis) -> bool:
    """Whether all values of an axis are whole numbers."""
    return is_numeric(axis) and all(isinstance(value, int) for value in axis.values)


def columns(axes: Sequence[Axis], config: RunConfig | None) -> dict[str, float | int | str]:
    """Return the value on each axis by the name of its column in tables.

    Parameters
    ----------
    axes
        Of the sweep.
    config
        Of a run; None for what has no settings, such as PCA.

    Returns
    -------
    dict
        Numbers stay numbers, and other values are written. A value is empty (NaN, or no text) if
        the setting does not apply.
    """
    cells: dict[str, float | int | str] = {}
    for axis in axes:
        value = None if config is None else value_of(config, axis.key)
        if is_numeric(axis):
            cells[axis.name] = np.nan if value is None else value
        else:
            cells[axis.name] = written(value)
    return cells
