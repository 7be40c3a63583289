"""The training loop of most tutorials, with which the benchmarks compare ours.

It uses a torchvision dataset that applies ToTensor to one image after another, a DataLoader with
workers, and `loss.item()` after every step. The model and the loss are ours. So the two loops
differ only in how they load batches and make steps.
"""

from pathlib import Path

import torch
from torch.utils.data import DataLoader, random_split
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from aevae.config import RunConfig
from aevae.models.networks import build_model, one_hot
from aevae.training.loop import batch_metrics


class ConventionalLoop:
    """Trains a model; each call of `epoch` is one pass over the data and the validation."""

    def __init__(self, config: RunConfig, data_dir: Path, *, workers: int = 2) -> None:
        whole = MNIST(data_dir, train=True, transform=ToTensor())
        training, validation = random_split(whole, [0.9, 0.1], torch.Generator().manual_seed(0))
        batch = config.train.batch_size
        self.config = config.model
        self.training = DataLoader(training, batch, shuffle=True, num_workers=workers)
        self.validation = DataLoader(validation, batch, num_workers=workers)
        self.model = build_model(config)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=config.train.learning_rate)
        self.noise = torch.Generator().manual_seed(0)

    def epoch(self) -> tuple[float, float]:
        """Return the mean loss per image in training and in validation."""
        self.model.train()
        train_loss = 0.0
        for images, labels in self.training:
            self.optimizer.zero_grad()
            loss = self._loss(images, labels)
            (loss / len(images)).backward()
            self.optimizer.step()
            train_loss += loss.item()
        self.model.eval()
        with torch.no_grad():
            val_loss = sum(self._loss(*batch).item() for batch in self.validation)
        return train_loss / len(self.training.dataset), val_loss / len(self.validation.dataset)

    def _loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        x, y = images.flatten(1), one_hot(labels, 10)
        return batch_metrics(self.config, self.model, x, y, 1.0, self.noise)[0]
