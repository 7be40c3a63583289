"""Offline analysis: stored results in; tables and figures out. Needs no torch.

The command line and `interface` use `report`; that uses `findings`, `figures`, `tables` and
`measures`; these use `write`, `maths` and `sweep`. The HDF5 files of a sweep are all that this
package knows of training.

Programs that read results begin with `analysis.open_sweep`:

>>> import analysis
>>> sweep = analysis.open_sweep("runs/paper")  # doctest: +SKIP
>>> errors = sweep.table("per_digit_error")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aevae.errors import InputError
    from analysis.interface import StoredRun, StoredSweep, open_sweep
    from analysis.sweep.load import MissingIngredient

__all__ = ["InputError", "MissingIngredient", "StoredRun", "StoredSweep", "open_sweep"]

_MODULES = {"InputError": "aevae.errors", "MissingIngredient": "analysis.sweep.load"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type of each name is imported above
    """Import a public name at its first use, since the command line must start quickly."""
    if name not in __all__:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES.get(name, "analysis.interface")), name)
