"""A user's HDF5 file is read by another process first, which may crash or never end.

A few wrong bits make the HDF5 library crash its process or keep it busy for ever; see
`aevae.files.sandbox`. After such a reading has succeeded, this process reads the same again.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from aevae.data.importing.hdf5 import open_hdf5
from aevae.data.importing.shapes import arranged
from aevae.data.importing.source import Progress, Size, shown
from aevae.errors import InputError
from aevae.files.hdf5 import InvalidFile
from aevae.files.sandbox import follow, serve


def check_hdf5(path: Path, size: Size | None, progress: Progress) -> None:
    """Have another process read what an import of a file would read.

    Whatever else is wrong with the file is found, and said, by the import.

    Parameters
    ----------
    path
        The file.
    size
        Height and width that images will be scaled to.
    progress
        Called after every block.

    Raises
    ------
    InputError
        That process crashed, or a part of the file took it too long.
    """
    try:
        follow(path, __name__, [str(side) for side in size or ()], partial(progress, "checking"))
    except InvalidFile as error:
        raise InputError(str(error).replace(str(path), shown(path.name), 1)) from None


def _read(size: Size | None, path: Path) -> Iterator[dict[str, Any]]:
    """Read labels and images, and yield how many images were read after each block of them."""
    with suppress(InputError, MemoryError):
        source = open_hdf5(path)
        arranged(source, size)
        parts = source.parts().values()
        done, total = 0, sum(part.images.shape[0] for part in parts)
        for part in parts:
            for block in part.images.blocks(part.images.all_rows()):
                done += len(block)
                yield {"done": done, "total": total}
    yield {}


if __name__ == "__main__":
    given = tuple(map(int, sys.argv[1:]))
    serve(partial(_read, (given[0], given[1]) if given else None))
