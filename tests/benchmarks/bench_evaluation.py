"""Time to evaluate a model and write both files of its run, over the time of an epoch."""

import tempfile
from pathlib import Path
from typing import Any

from measure import Goal, parser, report, seconds, training_state

from aevae.config import EvaluationConfig, ModelConfig, RunConfig, TrainConfig
from aevae.files.schema import check_training, write_evaluation, write_training
from aevae.training.evaluation.evaluate import evaluate
from aevae.training.loop import train
from aevae.training.stages import history_arrays, weight_arrays

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
    worst = max(row["over an epoch"] for row in rows)
    size = max(row["files, MB"] for row in rows if row["d"] == 20)
    goals = [
        Goal("evaluation and writing of a run: time over that of an epoch", worst, most=2),
        Goal("files of a run with d = 20", size, most=30, unit="MB"),
    ]
    report("evaluation and writing, over an epoch of MNIST", rows, arguments.json, goals)


def measure(kind: str, d: int, data_dir: Path) -> dict[str, Any]:
    config = RunConfig(
        model=ModelConfig(kind=kind, latent_size=d), train=TrainConfig(epochs=EPOCHS)
    )
    dataset, training, validation, state = training_state(config, data_dir)
    epochs = train(config, state, training, validation)
    next(epochs)  # the first epoch is a warm-up
    epoch_s = min(seconds(lambda: next(epochs)) for _ in range(EPOCHS - 1))
    settings, arrays = EvaluationConfig(), {}
    with tempfile.TemporaryDirectory() as folder:
        trained, evaluated = Path(folder) / "trained.h5", Path(folder) / "evaluation.h5"
        evaluate_s = seconds(
            lambda: arrays.update(
                evaluate(config, settings, state.model, dataset, training, data_dir)
            )
        )

        def write() -> None:
            model = weight_arrays(state.kept_weights) | history_arrays(config, state)
            write_training(trained, config, model, {})
            checked = check_training(trained)
            write_evaluation(evaluated, checked, settings, arrays, provenance={}, dataset_sha256="")

        write_s = seconds(write)
        size_mb = (trained.stat().st_size + evaluated.stat().st_size) / 1e6
    return {
        "model": kind.upper(),
        "d": d,
        "epoch, s": epoch_s,
        "evaluation, s": evaluate_s,
        "writing, s": write_s,
        "over an epoch": (evaluate_s + write_s) / epoch_s,
        "files, MB": size_mb,
    }


if __name__ == "__main__":
    main()
