"""Settings and lists of values that are given on the command line."""

import re
import tomllib
from collections.abc import Sequence
from typing import Any

from aevae.errors import InputError


def apply_setting(values: dict[str, Any], option: str) -> str:
    """Set one dotted key of a specification, ``train.epochs=2``, and return the key.

    Raises
    ------
    InputError
        The option has no key, or the key leads through a value that is no table.
    """
    key, equals, text = option.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts) or "\n" in text:
        raise InputError(f"--set takes key=value, such as train.epochs=2, got {option!r}")
    table = values
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise InputError(f"--set {key}: {part!r} is no table")
    table[parts[-1]] = parse_value(text)
    return ".".join(parts)


def parse_value(text: str) -> Any:  # noqa: ANN401 - whatever TOML can express
    """Parse a value as TOML; text that is not TOML is a string without quotes, or a list of them.

    A shell removes quotes, so ``["ae","vae"]`` arrives as ``[ae,vae]``.
    """
    text = text.strip()
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        listed = re.fullmatch(r"\[([^\[\]]*)\]", text)
        return parse_values(listed[1]) if listed else text


def read_grids(options: Sequence[str]) -> dict[str, list[Any]]:
    """Return the lists of options such as ``train.learning_rate=1e-3,1e-2``, by key.

    Raises
    ------
    InputError
        An option has no key, or two options have the same one.
    """
    lists: dict[str, list[Any]] = {}
    for option in options:
        key, equals, text = option.partition("=")
        key = key.strip()
        if not equals or not key or "\n" in text:
            raise InputError(
                "--grid takes key=value,value,..., such as train.learning_rate=1e-3,1e-2, "
                f"got {option!r}"
            )
        if key in lists:
            raise InputError(f"--grid names {key} twice: give one list of all its values")
        lists[key] = parse_values(text)
    return lists


def parse_values(text: str) -> list[Any]:
    """Parse values between commas as TOML, for example ``1e-3,1e-2`` or ``[256,128],[512]``.

    If one of them is not TOML, the commas outside brackets separate the values, and those that
    are not TOML are strings without quotes.
    """
    try:
        values: list[Any] = tomllib.loads(f"values = [{text}]")["values"]
    except ValueError:
        values = [parse_value(part) for part in re.split(r",(?![^\[]*\])", text)]
    return values
