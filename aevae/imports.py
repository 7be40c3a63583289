"""Which folders Python must search first, so that it imports our packages and no others.

Python searches the folders of PYTHONPATH before its own library and the installed packages. Shells
and environment modules set PYTHONPATH. If one of its folders holds a user's own jobs.py, analysis/
or queue.py, Python would import them in place of our packages or of its own modules.
"""

import os
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = ("aevae", "analysis", "jobs")


def searched_first() -> list[str]:
    """Return the folders to search before those of PYTHONPATH: Python's own, then that of aevae.

    The list is empty if no folder of PYTHONPATH has a module with such a name. Then the order of
    the user stays, because PYTHONPATH may hold the torch that the user wants.
    """
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if not any(_shadows(Path(folder)) for folder in given if folder):
        return []
    python = (sysconfig.get_path("stdlib"), sysconfig.get_config_var("DESTSHARED"))
    return [*(folder for folder in python if folder), str(ROOT)]


def python_path() -> dict[str, str]:
    """Return the PYTHONPATH of the Python processes that we start: they search in this order."""
    folders = [*searched_first(), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(folders)} if len(folders) > 1 else {}


def _shadows(folder: Path) -> bool:
    """Return whether a folder has a module named like one of our packages or of Python's own."""
    if folder.resolve() != ROOT:
        paths = [path for name in OURS for path in (folder / name, folder / f"{name}.py")]
        if any(path.exists() for path in paths):
            return True
    try:
        modules = {path.stem for path in folder.iterdir() if path.suffix == ".py"}
        packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    except OSError:
        return False
    return not sys.stdlib_module_names.isdisjoint(modules | packages)
