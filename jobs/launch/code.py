"""The code that a job runs: a copy in the sweep's folder, made when the job is submitted.

A job may wait for days, and meanwhile the user may edit the checkout. Therefore the job runs a
copy. Code that was installed from a wheel is not edited, so it is not copied: the job runs the
installed code, and the submission records its version.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from aevae.files.filesystem import make_scratch
from aevae.files.git import COPY_IDENTITY, identity_for_a_copy
from aevae.files.layout import SweepPaths

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ("site-packages", "dist-packages")
COPIED = (
    "aevae/**/*",
    "jobs/**/*",
    "analysis/**/*",
    "slurm/*.sbatch",
    "slurm/clusters/*.toml",
)


def code_folder(paths: SweepPaths) -> Path | None:
    """Return the folder for a copy of this code; None if the code is installed and not copied.

    The name of the folder is a hash of the content, so submissions of the same code share a copy.
    """
    files = _own_files()
    return paths.code(_digest(files)) if files else None


def keep_code(paths: SweepPaths) -> Path | None:
    """Copy this code into a sweep, unless the copy exists; the caller holds the launcher's lock.

    Returns
    -------
    Path or None
        The folder of the copy; None if the code is installed. The folder is complete as soon as
        it exists, because it is renamed into place.
    """
    files = _own_files()
    if not files:
        return None
    folder = paths.code(_digest(files))
    if _read(folder, ("**/*",)) == files:
        return folder
    # A purge of old files may have left only a part of a copy.
    for rest in (folder, *folder.parent.glob(".code-*")):
        shutil.rmtree(rest, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = make_scratch(folder.parent, ".code-")
    for name, content in files.items():
        path = scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    scratch.rename(folder)
    return folder


def running_copy() -> Path | None:
    """Return the folder that this code was imported from; None if the code is installed."""
    return None if set(INSTALLED) & set(ROOT.parts) else ROOT


def _own_files() -> dict[str, bytes]:
    """Return the content of each file of a copy, by name; empty if the code is installed."""
    if running_copy() is None:
        return {}
    number = version("aevae")
    # With this file, the copy reports its own version, and not that of a version installed later.
    metadata = f"Metadata-Version: 2.1\nName: aevae\nVersion: {number}\n"
    return _read(ROOT, COPIED) | {
        COPY_IDENTITY: identity_for_a_copy().encode(),
        f"aevae-{number}.dist-info/METADATA": metadata.encode(),
    }


def _read(root: Path, patterns: tuple[str, ...]) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in _walk(root, patterns)}


def _walk(root: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    for pattern in patterns:
        for path in root.glob(pattern):
            # Hidden files of editors and Python's caches are not copied.
            if path.is_file() and "__pycache__" not in path.parts and path.name[0] != ".":
                yield path


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()[:16]
