"""Time of an epoch of ours, compared with its matrix products alone and the conventional loop.

A linear layer needs one product forward and two backward. The first layer needs only one backward,
because its input needs no gradient. `ours over products` is the time of our epoch over that of the
products. Its excess over 1 is the cost of everything else: gathering the batches, activations and
losses (the validation has them, too), and the optimiser.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from conventional import ConventionalLoop
from measure import CPU, Goal, best_of, parser, report, training_state

from aevae.config import ModelConfig, RunConfig, TrainConfig
from aevae.training.loop import TrainState, train
from aevae.training.precision import Format, Precision, fastest_precision

CASES: list[tuple[str, int, int, Format]] = [
    # kind, batch size, threads, format of the products
    ("vae", 1024, 2, "float32"),
    ("ae", 1024, 2, "float32"),
    ("cvae", 1024, 2, "float32"),
    ("vae", 1024, 1, "float32"),
    ("vae", 128, 2, "float32"),
    ("vae", 1024, 2, "bfloat16"),
    ("vae", 256, 2, "bfloat16"),
    ("ae", 1024, 2, "bfloat16"),
    ("cvae", 1024, 2, "bfloat16"),
]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    options.add_argument("--repeats", type=int, default=2, help="each side is timed this often")
    arguments = options.parse_args()
    rows = []
    fastest, reason = fastest_precision(CPU)
    for kind, batch_size, threads, format_ in CASES:
        if format_ not in ("float32", fastest.format):
            print(f"left out {kind}, batch {batch_size}, in {format_}: {reason}")
            continue
        torch.set_num_threads(threads)
        precision = Precision(format_)
        rows.append(measure(kind, batch_size, arguments.repeats, arguments.data_dir, precision))
        print(rows[-1])
    title = f"epoch of MNIST, d = 20, best of {arguments.repeats}"
    report(title, rows, arguments.json, goals(rows))


def goals(rows: list[dict[str, Any]]) -> list[Goal]:
    """Take the goals from the rows of the VAE at batch 1024 with two threads, in each format."""
    most, least = {"float32": 1.10, "bfloat16": 1.25}, {"float32": 2.0, "bfloat16": 3.0}
    found = []
    for row in rows:
        if (row["model"], row["batch"], row["threads"]) == ("VAE", 1024, 2):
            name, format_ = f"epoch of VAE-20 in {row['format']}", row["format"]
            products = "time over that of its matrix products"
            speed = "times as fast as the conventional loop"
            found.append(Goal(f"{name}: {products}", row["ours over products"], most=most[format_]))
            found.append(Goal(f"{name}: {speed}", row["speed-up"], least=least[format_]))
    return found


def measure(
    kind: str, batch_size: int, repeats: int, data_dir: Path, precision: Precision
) -> dict[str, Any]:
    config = RunConfig(
        model=ModelConfig(kind=kind, latent_size=20),
        train=TrainConfig(epochs=repeats + 1, batch_size=batch_size),
    )
    _, training, validation, state = training_state(config, data_dir, CPU, precision)
    epochs = train(config, state, training, validation)
    next(epochs)  # the first epoch is a warm-up
    conventional = ConventionalLoop(config, data_dir)
    least = best_of(
        repeats,
        {
            "ours": lambda: next(epochs),
            "products": matrix_products(
                state, batch_size, len(training), len(validation), precision.dtype
            ),
            "conventional": conventional.epoch,
        },
    )
    return {
        "model": kind.upper(),
        "batch": batch_size,
        "threads": torch.get_num_threads(),
        "format": precision.format,
        **{f"{side}, s": value for side, value in least.items()},
        "ours over products": least["ours"] / least["products"],
        "speed-up": least["conventional"] / least["ours"],
    }


def matrix_products(
    state: TrainState,
    batch_size: int,
    training: int,
    validation: int,
    dtype: torch.dtype = torch.float32,
) -> Callable[[], None]:
    """Return a function that computes only the products of one epoch, validation included.

    They are computed in `dtype`, on the device of the model.
    """
    layers = [m for m in state.model.modules() if isinstance(m, torch.nn.Linear)]
    operands = [
        (
            torch.rand(batch_size, layer.in_features).to(layer.weight.device, dtype),
            torch.rand(batch_size, layer.out_features).to(layer.weight.device, dtype),
            layer.weight.detach().to(dtype),
            layer is layers[0],
        )
        for layer in layers
    ]

    def run() -> None:
        for _ in range(round(training / batch_size)):
            for inputs, gradients, weight, first in operands:
                torch.mm(inputs, weight.t())
                torch.mm(gradients.t(), inputs)
                if not first:
                    torch.mm(gradients, weight)
        for _ in range(round(validation / batch_size)):
            for inputs, _, weight, _ in operands:
                torch.mm(inputs, weight.t())

    return run


if __name__ == "__main__":
    main()
