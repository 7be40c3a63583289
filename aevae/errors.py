"""The errors a user may see, the exit codes of the commands, and validation errors as one line."""

from enum import IntEnum

from pydantic import ValidationError


class ExitCode(IntEnum):
    """What the exit code of a command says: the same for `aevae` and `aevae-analysis`."""

    OK = 0
    INCOMPLETE = 1
    """Runs are not done or failed, results are missing or damaged, or SLURM did not answer."""
    USAGE = 2
    """Bad input, one line says what; nothing was changed."""
    INTERRUPTED = 75
    """Stopped by a signal (EX_TEMPFAIL); what is finished is kept: the same command goes on."""
    KILLED = 130
    """Stopped at once by a second Ctrl-C, as a shell has it (128 + SIGINT)."""


class InputError(Exception):
    """Bad input from outside: one line that names what came and what is valid (exit code 2)."""


class NewerVersion(InputError):
    """A newer release wrote what was read: it is not damaged, and must be left as it is."""


class RunFailed(Exception):
    """A run that cannot succeed as configured.

    Parameters
    ----------
    reason
        Short machine-readable reason, such as ``diverged`` (see the run states in the README).
    detail
        One line for a person.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class Interrupted(Exception):
    """The run was asked to stop and left a checkpoint behind (exit code 75, EX_TEMPFAIL)."""


def describe_validation_error(error: ValidationError, source: str) -> str:
    """Render the first problem of `error` as one line: key, what is wrong, what came, where."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"]) or "value"
    if not key.isprintable():
        key = repr(key)
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r} in {source}"
    if problem["type"] == "missing":
        return f"missing key {key!r} in {source}"
    if isinstance(problem["input"], (dict, list)) and problem["type"] == "value_error":
        return f"{key}: {message} in {source}"
    value = repr(problem["input"])
    shown = value if len(value) <= 60 else value[:57] + "..."
    return f"{key}: {message}, got {shown} in {source}"
