"""Time of two runs on one machine: at the same time with one thread each, or in turn with two."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import torch
from measure import CPU, parser, report, seconds, training_state

from aevae.config import ModelConfig, RunConfig, TrainConfig
from aevae.training.loop import train

RUNS = 2
CASES = [("vae", 1024), ("vae", 256), ("ae", 1024), ("cvae", 1024)]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    options.add_argument("--epochs", type=int, default=3)
    arguments = options.parse_args()
    rows = []
    for kind, batch_size in CASES:
        config = RunConfig(
            model=ModelConfig(kind=kind, latent_size=20),
            train=TrainConfig(epochs=arguments.epochs + 1, batch_size=batch_size),
        )
        in_turn = RUNS * side_by_side(config, 1, RUNS, arguments.data_dir)
        together = side_by_side(config, RUNS, 1, arguments.data_dir)
        rows.append(
            {
                "model": kind.upper(),
                "batch": batch_size,
                "in turn, s": in_turn,
                "side by side, s": together,
                "speed-up": in_turn / together,
            }
        )
        print(rows[-1], flush=True)
    report(f"{RUNS} runs of {arguments.epochs} epochs, d = 20", rows, arguments.json)


def side_by_side(
    config: RunConfig, runs: int, threads: int, data_dir: Path, device: torch.device = CPU
) -> float:
    """Train `runs` at once with `threads` each; return the seconds until the last one ends.

    The first epoch of each run is not timed.
    """
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(runs, initializer=_share, initargs=(spawn.Barrier(runs),)) as pool:
        return max(pool.starmap(_train, [(config, threads, data_dir, device)] * runs, chunksize=1))


def _share(barrier: Barrier) -> None:
    global _warm  # noqa: PLW0603 - a pool passes a barrier to its processes only in this way
    _warm = barrier


def _train(config: RunConfig, threads: int, data_dir: Path, device: torch.device) -> float:
    torch.set_num_threads(threads)
    _, training, validation, state = training_state(config, data_dir, device)
    epochs = train(config, state, training, validation)
    next(epochs)
    _warm.wait()
    return seconds(lambda: list(epochs))


if __name__ == "__main__":
    main()
