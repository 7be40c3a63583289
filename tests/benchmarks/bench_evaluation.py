"""Time to compute and write a whole results file, over the time of a training epoch."""

import tempfile
from pathlib import Path

from measure import parser, report, seconds, training_state

from aevae.config import ModelConfig, RunConfig, TrainConfig
from aevae.files.schema import write_results
from aevae.training.evaluate import evaluate, weight_arrays
from aevae.training.loop import train
from aevae.training.run import history_arrays

CASES = [("vae", 20), ("ae", 20), ("cvae", 20), ("vae", 2), ("ae", 100)]
EPOCHS = 3


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    arguments = options.parse_args()
    rows = []
    for kind, d in CASES:
        rows.append(measure(kind, d, arguments.data_dir))
        print(rows[-1], flush=True)
    report("evaluation and writing, over an epoch of MNIST", rows, arguments.json)


def measure(kind: str, d: int, data_dir: Path) -> dict[str, object]:
    config = RunConfig(
        model=ModelConfig(kind=kind, latent_size=d), train=TrainConfig(epochs=EPOCHS)
    )
    dataset, training, validation, state = training_state(config, data_dir)
    epochs = train(config, state, training, validation)
    next(epochs)  # the first epoch is a warm-up
    epoch_s = min(seconds(lambda: next(epochs)) for _ in range(EPOCHS - 1))
    arrays = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.h5"
        evaluate_s = seconds(
            lambda: arrays.update(evaluate(config, state.model, dataset, training, data_dir))
        )
        arrays |= weight_arrays(state.model) | history_arrays(config, state)
        write_s = seconds(
            lambda: write_results(path, config, arrays, provenance={}, dataset_sha256="")
        )
        size_mb = path.stat().st_size / 1e6
    return {
        "model": kind,
        "d": d,
        "epoch_s": epoch_s,
        "evaluate_s": evaluate_s,
        "write_s": write_s,
        "over_epoch": (evaluate_s + write_s) / epoch_s,
        "file_mb": size_mb,
    }


if __name__ == "__main__":
    main()
