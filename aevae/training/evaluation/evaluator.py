"""The `Evaluator`, which all parts of the evaluation use."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aevae.config import EvaluationConfig, RunConfig
from aevae.files.hdf5 import Array
from aevae.models.networks import Autoencoder, one_hot
from aevae.training.loop import DeviceImages, seeded_generator

BATCH = 2000

Arrays = dict[str, Array]


@dataclass(frozen=True)
class Evaluator:
    """A trained model with its settings, random generators, batches and decoded images."""

    config: RunConfig
    evaluation: EvaluationConfig
    model: Autoencoder
    device: torch.device

    @property
    def variational(self) -> bool:
        """Whether the posterior is a distribution, so that there is a KL term and z is sampled."""
        return self.config.model.traits.variational

    @property
    def classes(self) -> int:
        """Number of classes; images without classes count as one class."""
        return max(self.config.data.classes, 1)

    def generator(self, purpose: str) -> torch.Generator:
        """Return a new random generator for one purpose, with the same sequence at every call."""
        return seeded_generator(self.device, self.config.seed, purpose)

    def batches(self, data: DeviceImages, purpose: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (B, V) inputs and (B, C) labels of a split.

        A run with dynamic binarisation gets binary images here too, the same at every call.
        """
        generator = self.generator(f"binarise-{purpose}")
        for start in range(0, len(data), BATCH):
            x, y = data.batch(slice(start, start + BATCH))
            if self.config.model.dynamic_binarisation:
                x = torch.bernoulli(x, generator=generator)
            yield x, y

    def decode(self, z: Array, labels: Array) -> NDArray[np.uint8]:
        """Decode (..., d) codes with (...) labels or (..., C) label weights to uint8 images."""
        soft = labels.ndim == z.ndim
        codes = torch.tensor(z.reshape(-1, z.shape[-1]), dtype=torch.float32)
        flat_labels = torch.tensor(
            labels.reshape(len(codes), -1) if soft else labels.reshape(-1).astype(np.int64)
        )
        images = []
        for code, label in zip(codes.split(BATCH), flat_labels.split(BATCH), strict=True):
            given = label.to(self.device)
            y = given.float() if soft else one_hot(given, self.classes)
            images.append(to_uint8(torch.sigmoid(self.model.decode(code.to(self.device), y))))
        return np.concatenate(images).reshape(*z.shape[:-1], *self.config.data.image_shape)

    def images(self, intensities: Tensor) -> NDArray[np.uint8]:
        """Turn (N, V) intensities into (N, *image_shape) uint8 images."""
        return to_uint8(intensities).reshape(-1, *self.config.data.image_shape)


def join(parts: Any) -> Array:  # noqa: ANN401 - any iterable of tensors
    """Join tensors along their first axis and copy them to the CPU."""
    joined: Array = torch.cat(list(parts)).cpu().numpy()
    return joined


def to_uint8(intensities: Tensor) -> NDArray[np.uint8]:
    """Round intensities in [0, 1] to whole steps of 1/255."""
    rounded: NDArray[np.uint8] = (intensities * 255).round().to(torch.uint8).cpu().numpy()
    return rounded
