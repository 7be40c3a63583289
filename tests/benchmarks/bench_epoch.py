"""Time of a training epoch over that of its matrix products alone, in one process run.

A linear layer costs one product forward and two backward (one less in the first layer, whose
input needs no gradient). What the ratio has above 1 is everything else: activations, losses,
optimiser, gathering the batch.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from aevae.config import ModelConfig, RunConfig, TrainConfig
from aevae.train import DeviceImages, TrainState, train

IMAGES = 54_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="each side is timed this often")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--json", type=Path, help="also write the table here")
    arguments = parser.parse_args()
    rows = [
        measure(kind, arguments.batch_size, arguments.repeats) for kind in ("ae", "vae", "cvae")
    ]
    print(
        f"{IMAGES} images, batch {arguments.batch_size}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, best of {arguments.repeats}"
    )
    print("model  epoch s  products s  ratio")
    for row in rows:
        print(
            f"{row['model']:5}  {row['epoch_s']:7.2f}  {row['products_s']:10.2f}"
            f"  {row['ratio']:5.2f}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


def measure(kind: str, batch_size: int, repeats: int) -> dict[str, object]:
    """Time both sides in turn, so that a slow moment of the machine meets both."""
    config = RunConfig(
        model=ModelConfig(kind=kind, latent_size=20),
        train=TrainConfig(epochs=repeats + 1, batch_size=batch_size),
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, IMAGES, dtype=np.uint8)
    data = DeviceImages.of(images, labels, torch.device("cpu"))
    few = DeviceImages.of(images[:10], labels[:10], torch.device("cpu"))
    state = TrainState.new(config, torch.device("cpu"))
    epochs = train(config, state, data, few)
    next(epochs)  # the first one warms up
    products = matrix_products(state, batch_size)
    epoch_s, products_s = [], []
    for _ in range(repeats):
        epoch_s.append(seconds(lambda: next(epochs)))
        products_s.append(seconds(products))
    return {
        "model": kind,
        "epoch_s": min(epoch_s),
        "products_s": min(products_s),
        "ratio": min(epoch_s) / min(products_s),
    }


def matrix_products(state: TrainState, batch_size: int) -> Callable[[], None]:
    """Return a function that does the products of one epoch and nothing else."""
    layers = [m for m in state.model.modules() if isinstance(m, torch.nn.Linear)]
    operands = [
        (
            torch.rand(batch_size, layer.in_features),
            torch.rand(batch_size, layer.out_features),
            layer.weight.detach(),
            layer is layers[0],
        )
        for layer in layers
    ]

    def run() -> None:
        for _ in range(round(IMAGES / batch_size)):
            for inputs, gradients, weight, first in operands:
                torch.mm(inputs, weight.t())
                torch.mm(gradients.t(), inputs)
                if not first:
                    torch.mm(gradients, weight)

    return run


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
