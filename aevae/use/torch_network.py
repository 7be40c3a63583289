"""The networks in torch, with NumPy arrays outside; on a CUDA GPU if there is one."""

from collections.abc import Mapping

import torch
from torch import Tensor

from aevae.config import RunConfig
from aevae.files.hdf5 import Array
from aevae.models.networks import load_weights
from aevae.models.plain import Floats


class TorchNetwork:
    """Encoder and decoder of a trained model, computed by torch."""

    def __init__(self, config: RunConfig, weights: Mapping[str, Array]) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = load_weights(config, weights).to(self.device)

    @torch.inference_mode()
    def encode(self, x: Floats, y: Floats | None = None) -> tuple[Floats, Floats | None]:
        """Encode images to the mean and log-variance of q(z|x); see `PlainNetwork.encode`."""
        posterior = self._model.encode(self._tensor(x), self._tensor(y))
        logvar = posterior.logvar
        return posterior.mu.cpu().numpy(), None if logvar is None else logvar.cpu().numpy()

    @torch.inference_mode()
    def decode(self, z: Floats, y: Floats | None = None) -> Floats:
        """Decode codes to intensities; see `PlainNetwork.decode`."""
        logits = self._model.decode(self._tensor(z), self._tensor(y))
        intensities: Floats = torch.sigmoid(logits).cpu().numpy()
        return intensities

    def _tensor(self, values: Floats | None) -> Tensor:
        """Copy values to the device; a model that is not conditional reads no classes."""
        if values is None:
            return torch.empty(0, device=self.device)
        return torch.from_numpy(values).to(self.device)
