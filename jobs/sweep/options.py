"""Settings that are given on the command line."""

import tomllib
from typing import Any

from aevae.errors import InputError


def apply_setting(values: dict[str, Any], option: str) -> None:
    """Set one dotted key of a specification: ``train.epochs=2``.

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


def parse_value(text: str) -> Any:  # noqa: ANN401 - whatever TOML can express
    """Parse a value as TOML; text that is not TOML is a string without quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text.strip()
