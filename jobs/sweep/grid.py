"""Reading the tables of a specification that say which settings vary, and how."""

from collections.abc import Iterator

from jobs.sweep.settings import LISTS, Values, check_key, check_value, check_values

Grid = dict[str, Values]
"""Values by key: the lists of a grid, or what a row of ``exclude`` or ``include`` names."""


def read_grid(table: object) -> Grid:
    """Return the lists of a ``[grid]``; ``[grid.train]`` holds the keys that begin with ``train.``.

    Raises
    ------
    ValueError
        It is no table, or a key or a value is not valid, or a key or a value is named twice.
    """
    grid: Grid = {}
    for key, values in dotted(table):
        if own := next((own for own in LISTS.items() if key in own), None):
            raise ValueError(f"{key} has a list of its own: {own[1]}")
        check_key(key)
        if key in grid:
            raise ValueError(f"{key} is named twice")
        if not isinstance(values, list | tuple):
            raise ValueError(f"{key} must be a list of values, such as [{values!r:.60}]")
        grid[key] = check_values(key, values)
    return grid


def read_rows(rows: object) -> tuple[Grid, ...]:
    """Return the rows of ``[[exclude]]`` or ``[[include]]``; a key has a value or a list of them.

    Raises
    ------
    ValueError
        A row is no table or is empty, or a key or a value is not valid.
    """
    if not isinstance(rows, list | tuple):
        raise ValueError("must be rows, each a table of keys and values")
    return tuple(_read_row(number, row) for number, row in enumerate(rows, 1))


def _read_row(number: int, row: object) -> Grid:
    read: Grid = {}
    try:
        for key, given in dotted(row):
            if key not in LISTS:
                check_key(key)
            if key in read:
                raise ValueError(f"{key} is named twice")
            read[key] = _one_or_more(key, given)
        if not read:
            raise ValueError("it has no key")
    except ValueError as error:
        raise ValueError(f"row {number}: {error}") from None
    return read


def _one_or_more(key: str, given: object) -> Values:
    """Return the values of a key; a list that is itself a value, such as sizes, is one value."""
    try:
        return (check_value(key, given),)
    except ValueError as error:
        if not isinstance(given, list | tuple):
            raise ValueError(f"{key}: {error}") from None
    return check_values(key, given)


def dotted(table: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the keys and values of nested tables; TOML reads ``a.b = 1`` as a nested table.

    Raises
    ------
    ValueError
        `table` is no table.
    """
    if not isinstance(table, dict):
        raise ValueError("must be a table of keys and values")
    for key, value in table.items():
        if isinstance(value, dict):
            yield from dotted(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
