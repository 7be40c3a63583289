"""Where the commands `aevae` and `aevae-analysis` begin."""

import os
import sys
from importlib import import_module

from aevae.imports import python_path, searched_first


def main() -> None:
    """Run `aevae`."""
    _run("jobs.cli.main")


def analyse() -> None:
    """Run `aevae-analysis`."""
    # For the processes that joblib starts. Jobs of a cluster must not have it: there, another
    # Python may run them.
    os.environ |= python_path()
    _run("analysis.cli")


def _run(module: str) -> None:
    sys.path[:0] = searched_first()
    # By name, because the science does not depend on the packages of the commands.
    import_module(module).main()


if __name__ == "__main__":
    main()
