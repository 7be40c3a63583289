"""What computes: the networks in NumPy, or those in torch where a GPU makes them faster."""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

from aevae.errors import InputError, importing
from aevae.models.plain import Floats, PlainNetwork
from aevae.use.runs import TrainedRun

Backend = Literal["auto", "numpy", "torch"]


class Network(Protocol):
    """An encoder and a decoder; see `aevae.models.plain.PlainNetwork` for shapes."""

    def encode(self, x: Floats, y: Floats | None = None) -> tuple[Floats, Floats | None]:
        """Encode images to the mean and log-variance of q(z|x)."""

    def decode(self, z: Floats, y: Floats | None = None) -> Floats:
        """Decode codes to intensities."""


def build(run: TrainedRun, backend: Backend) -> Network:
    """Return the networks of a run.

    Parameters
    ----------
    run
        The trained model.
    backend
        ``numpy``, ``torch``, or ``auto``: torch if it is installed and there is an NVIDIA GPU.

    Raises
    ------
    InputError
        There is no such backend.
    RunFailed
        torch is asked for, but cannot be imported.
    """
    if backend not in ("auto", "numpy", "torch"):
        raise InputError(f"backend must be auto, numpy or torch, got {backend!r}")
    if backend == "numpy" or (backend == "auto" and not _gains_from_torch()):
        return PlainNetwork(run.config, run.weights)
    with importing("train"):
        from aevae.use.torch_network import TorchNetwork
    return TorchNetwork(run.config, run.weights)


def _gains_from_torch() -> bool:
    """Whether torch is installed and Linux has a device of an NVIDIA GPU; torch is not imported."""
    return find_spec("torch") is not None and any(Path("/dev").glob("nvidia[0-9]*"))
