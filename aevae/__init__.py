"""The science: runs, their data, models and training, and the files that runs write.

`use` is what a program does with a trained model, and `training` is how it is made; both use
`models` and `data`; these use `files`; all use the modules of this folder. No module here depends
on a cluster, on the launching of sweeps, or on figures.

Programs that use trained models begin with `aevae.load`:

>>> import aevae
>>> model = aevae.load("runs/paper", "vae-z020")  # doctest: +SKIP
>>> images = model.generate(100).images  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aevae.errors import InputError, RunFailed
    from aevae.use.model import Model, load
    from aevae.use.values import Codes, Generated, Reconstructed, Scores

__all__ = [
    "Codes",
    "Generated",
    "InputError",
    "Model",
    "Reconstructed",
    "RunFailed",
    "Scores",
    "load",
]

_MODULES = {
    "InputError": "aevae.errors",
    "RunFailed": "aevae.errors",
    "Model": "aevae.use.model",
    "load": "aevae.use.model",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type of each name is imported above
    """Import a public name at its first use, since commands that need none must start quickly."""
    if name not in __all__:
        raise AttributeError(f"module 'aevae' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES.get(name, "aevae.use.values")), name)
