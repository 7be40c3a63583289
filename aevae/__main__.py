"""Entry points of the commands `aevae` and `aevae-analysis`."""

import os
import sys
from importlib import import_module

from aevae.imports import python_path, searched_first


def main() -> None:
    """Run `aevae`."""
    _run("jobs.cli.main")


def analyse() -> None:
    """Run `aevae-analysis`."""
    # The processes that joblib starts need this variable. Jobs of a cluster must not inherit it,
    # because another Python may run them.
    os.environ |= python_path()
    _run("analysis.cli")


def _run(module: str) -> None:
    sys.path[:0] = searched_first()
    # The module is imported by name, because `aevae` may not depend on the packages of commands.
    import_module(module).main()


if __name__ == "__main__":
    main()
