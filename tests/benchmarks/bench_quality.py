"""Time to quality: the fast recipe against the faithful one and the conventional loop.

One cell of the sweep at a time. The faithful recipe sets the mark, its validation loss after all
its epochs; the fast one must reach it in a fraction of the time, whatever the seed. The
conventional loop's time is that of a few of its epochs, times the faithful number of epochs.
"""

from pathlib import Path

import torch
from conventional import ConventionalLoop
from measure import parser, report, seconds, training_state

from aevae.config import RunConfig
from aevae.train import DeviceImages, TrainState, train
from jobs.spec import load_spec

CONVENTIONAL_EPOCHS = 3


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    options.add_argument("--model", default="vae")
    options.add_argument("--latent-size", type=int, default=20)
    options.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = options.parse_args()
    faithful, *fast = (
        cell(recipe, arguments.model, arguments.latent_size, seed)
        for recipe, seed in [("paper", 0), *(("fast", seed) for seed in arguments.seeds)]
    )
    _, *data, _ = training_state(faithful, arguments.data_dir)
    rows = [train_whole("paper", faithful, data)]
    rows += [train_whole("fast", config, data) for config in fast]
    loop = ConventionalLoop(faithful, arguments.data_dir)
    loop.epoch()  # warms up
    epoch_s = min(seconds(loop.epoch) for _ in range(CONVENTIONAL_EPOCHS))
    conventional_s = epoch_s * faithful.train.epochs
    mark = rows[0]
    for row in rows:
        row["over_paper"] = row["seconds"] / mark["seconds"]
        row["over_conventional"] = row["seconds"] / conventional_s
        row["reached"] = row["val_loss"] <= mark["val_loss"]
    name = f"{arguments.model}-{arguments.latent_size}"
    report(f"{name}: conventional loop {conventional_s:.0f} s", rows, arguments.json)


def cell(recipe: str, model: str, latent_size: int, seed: int) -> RunConfig:
    overrides = [f"models=['{model}']", f"latent_sizes=[{latent_size}]", f"seeds=[{seed}]"]
    return load_spec(Path(recipe), overrides).runs(recipe)[0]


def train_whole(recipe: str, config: RunConfig, data: list[DeviceImages]) -> dict[str, object]:
    state = TrainState.new(config, torch.device("cpu"))
    spent = seconds(lambda: [None for _ in train(config, state, *data)])
    row = {
        "recipe": recipe,
        "seed": config.seed,
        "epochs": config.train.epochs,
        "seconds": spent,
        "val_loss": state.history["val/loss"][-1],
    }
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
