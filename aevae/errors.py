"""The errors a user may see, the exit codes of the commands, and validation errors as one line."""

import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from enum import IntEnum

from pydantic import ValidationError
from pydantic_core import ErrorDetails

MOST_CHARACTERS = 60  # of a value in a message


class ExitCode(IntEnum):
    """Exit codes of the commands, the same for `aevae` and `aevae-analysis`."""

    OK = 0
    INCOMPLETE = 1
    """Runs are not done or failed, results are missing or damaged, or SLURM did not answer."""
    USAGE = 2
    """Bad input: one line says what is wrong, and nothing was changed."""
    INTERRUPTED = 75
    """A signal stopped the command (EX_TEMPFAIL). Finished work is kept for the next call."""
    KILLED = 130
    """A second Ctrl-C stopped the command at once. Shells use this number too (128 + SIGINT)."""


class InputError(Exception):
    """Bad input from outside; the message is one line with the value and what is valid (exit 2)."""


class NewerVersion(InputError):
    """A newer release wrote the data: they are not damaged and must stay unchanged."""


class RunFailed(Exception):
    """A run that cannot succeed as configured.

    Parameters
    ----------
    reason
        Short machine-readable reason, such as ``diverged``.
    detail
        One line for a person.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Interrupted(Exception):
    """The process stopped and the run can be resumed (exit code 75, EX_TEMPFAIL).

    Either a signal stopped the process after a checkpoint was written, or a newer attempt at the
    run has taken over.
    """


@contextmanager
def importing(extra: str) -> Iterator[None]:
    """Report every error during the import of a library as one line.

    A library that is missing, was built for another machine, or lacks a library that it needs
    raises an ImportError, an OSError, an AttributeError or any other error.

    Parameters
    ----------
    extra
        Group of optional dependencies of aevae that holds the library, such as ``train``.

    Raises
    ------
    RunFailed
        The library does not import (``broken_library``).
    MemoryError
        The machine has too little memory for the library.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or "Cannot allocate memory" in str(error):
            raise MemoryError(str(error)) from error
        missing = isinstance(error, ModuleNotFoundError)
        advice = f"; pip install 'aevae[{extra}]'" if missing else ""
        raise RunFailed("broken_library", one_line(error) + advice) from error


def one_line(error: Exception) -> str:
    """Return the type of an error and the first line of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ": ".join([type(error).__name__, *lines[:1]])


def usage_line(message: str, command: str) -> str:
    """Render a message of the argument parser as one line, like all other errors of bad input."""
    text = " ".join(message.split()).removesuffix(".")
    return f"{text[:1].lower()}{text[1:]}; see {command} --help"


def describe_validation_error(
    error: ValidationError, source: str, keys: Collection[str] = ()
) -> str:
    """Render the first problem of `error` as one line: key, problem, value, source.

    Parameters
    ----------
    error
        What pydantic found.
    source
        Where the values come from, such as the path of a file.
    keys
        The dotted keys that `source` may have, from which an unknown key is advised.
    """
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if not key.isprintable():
        key = repr(key)
    place = f"{key}: " if key else ""  # a rule about several keys names no key
    message = problem_message(problem)
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r} in {source}{advised_key(key, keys)}"
    if problem["type"] == "missing":
        return f"missing key {key!r} in {source}"
    if isinstance(problem["input"], (dict, list)) and problem["type"] == "value_error":
        return f"{place}{message} in {source}"
    return f"{place}{message}, got {short_repr(problem['input'])} in {source}"


def advised_key(key: str, valid: Collection[str]) -> str:
    """Return what follows in a message about an unknown key: the one that was meant, or a list.

    Meant may be a key of the same table with a similar name, or a key of another table with the
    same name.
    """
    if not valid:
        return ""
    table, _, name = key.rpartition(".")
    beside = {other.rpartition(".")[2]: other for other in valid if _table(other) == table}
    elsewhere = [other for other in valid if other.rpartition(".")[2] == name]
    similar = [beside[near] for near in get_close_matches(name, beside, n=1, cutoff=0.75)]
    if meant := [*similar, *elsewhere][:1]:
        return f"; did you mean {meant[0]}?"
    return f"; valid are {', '.join(beside.values() or (k for k in valid if not _table(k)))}"


def _table(key: str) -> str:
    return key.rpartition(".")[0]


def problem_message(problem: ErrorDetails) -> str:
    """Return the message of one problem of a ValidationError, to stand within a line."""
    if problem["type"] == "tuple_type":
        return f"must be a list{_such_as(problem['input'])}"
    message = problem["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _such_as(given: object) -> str:
    """Return the list that a user may have meant, if it is plain: ``2,20`` or ``vae``."""
    parts = given.split(",") if isinstance(given, str) else [given]
    values: list[object] = []
    for part in parts:
        if isinstance(part, str):
            number = re.fullmatch(r"\s*\d+\s*", part)
            values.append(int(part) if number else part.strip())
        else:
            values.append(part)
    plain = all(isinstance(v, int | float) or re.fullmatch(r"[\w-]+", str(v)) for v in values)
    return f", such as {json.dumps(values)}" if plain else ""


def short_repr(value: object) -> str:
    """Return the repr of a value that came from the user, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 3] + "..."
