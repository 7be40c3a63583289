"""The configurations of a sweep's runs, for commands that look at them."""

from collections.abc import Sequence
from contextlib import suppress

from aevae.config import RunConfig
from aevae.errors import InputError
from aevae.files.filesystem import read_bytes
from jobs.sweep.folder import Sweep


def read_configs(sweep: Sweep, run_ids: Sequence[str]) -> dict[str, RunConfig]:
    """Return the configurations of runs by id, without those that cannot be known.

    The specification gives most of them. A run that has left the specification, or whose id an
    older release made, has its configuration in a file.
    """
    cells: dict[str, RunConfig] = {}
    with suppress(InputError):  # the specification was edited by hand
        cells = sweep.cells
    found = {}
    for run_id in run_ids:
        config = cells.get(run_id) or _read_config(sweep, run_id)
        if config is not None:
            found[run_id] = config
    return found


def _read_config(sweep: Sweep, run_id: str) -> RunConfig | None:
    path = sweep.paths.run(run_id).config
    with suppress(OSError, InputError, UnicodeDecodeError):
        return RunConfig.from_json(read_bytes(path).decode(), str(path))
    return None
