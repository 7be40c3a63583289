"""What a CUDA device gives: four tables in about five minutes, and exit code 1 if a check fails.

It tells how long an epoch takes in each number format and how much of it the device computes, how
many runs are worth training side by side, where the time of a whole job goes, and whether results
agree with those of the CPU.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch
from bench_epoch import matrix_products
from bench_side_by_side import side_by_side
from measure import CPU, Row, best_of, parser, report, seconds, timed, training_state

from aevae.config import EvaluationConfig, ModelConfig, RunConfig, TrainConfig
from aevae.files import names
from aevae.files.layout import RunPaths
from aevae.files.schema import check_training, write_evaluation, write_training
from aevae.training.checkpoint import load_newest, save_checkpoint
from aevae.training.evaluation.codes import split_arrays
from aevae.training.evaluation.evaluate import evaluate
from aevae.training.evaluation.evaluator import Evaluator
from aevae.training.loop import DeviceImages, TrainState, batch_metrics, seeded_generator, train
from aevae.training.precision import FLOAT32, Format, Precision
from aevae.training.stages import history_arrays, weight_arrays
from jobs.sweep.spec import load_spec

FORMATS: tuple[Format, ...] = ("float32", "tf32", "bfloat16", "float16")
REPEATS = 3
# Largest relative differences from the CPU that count as agreement: of the loss of one batch and
# of its gradient. TF32 and float16 round to 10 bits of mantissa, bfloat16 to 7.
BOUNDS = {"float32": (1e-5, 1e-4), "tf32": (1e-3, 1e-2), "bfloat16": (1e-2, 5e-2)}
BOUNDS["float16"] = BOUNDS["tf32"]
TRAINED_BOUND = 0.02  # of the validation loss of the fast recipe, whose random numbers differ


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    options.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    options.add_argument("--epochs", type=int, default=50, help="epochs of the whole job")
    arguments = options.parse_args()
    data_dir, device = arguments.data_dir, arguments.device
    # The phases come first, since they begin with the start of CUDA in this process.
    phases = list(job_phases(data_dir, device, arguments.epochs))
    tables: dict[str, list[Row]] = {
        "a whole job, VAE-20, batch 1024": phases,
        "an epoch of VAE-20": [
            epoch_row(batch_size, name, data_dir, device)
            for batch_size in (128, 256, 1024)
            for name in FORMATS
        ],
        "agreement with the CPU": list(agreement(data_dir, device)),
        "runs side by side, VAE-20, batch 256, float32": list(side_by_side_rows(data_dir, device)),
    }
    for number, (title, rows) in enumerate(tables.items(), 1):
        path = arguments.json
        report(title, rows, path and path.with_stem(f"{path.stem}-{number}"))
    failed = [row["check"] for row in tables["agreement with the CPU"] if not row["agrees"]]
    for check in failed:
        print(f"does not agree: {check}")
    return 1 if failed else 0


def vae(batch_size: int, epochs: int) -> RunConfig:
    return RunConfig(
        model=ModelConfig(kind="vae", latent_size=20),
        train=TrainConfig(epochs=epochs, batch_size=batch_size),
    )


def fast_recipe() -> RunConfig:
    runs = load_spec(Path("fast"), ["models=['vae']", "latent_sizes=[20]"]).runs("fast")
    return runs[0]


def job_phases(data_dir: Path, device: torch.device, epochs: int) -> Iterator[Row]:
    """Time what a job does from its start to published results, one after another."""

    def row(phase: str, value: float) -> Row:
        print(f"{phase}: {value:.3g} s", flush=True)
        return {"phase": phase, "seconds": value}

    imports = [sys.executable, "-c", "import torch, torch._dynamo, aevae.training.stages"]
    yield row("import", seconds(lambda: subprocess.run(imports, check=True)))
    yield row("start of the device", seconds(lambda: torch.ones(8, device=device).sum().item()))
    config, settings = vae(1024, epochs), EvaluationConfig()
    (dataset, images, validation, state), loaded = timed(
        lambda: training_state(config, data_dir, device)
    )
    yield row("data and model", loaded)
    steps = train(config, state, images, validation)
    yield row("first epoch", seconds(lambda: next(steps)))
    yield row(f"{epochs - 1} epochs", seconds(lambda: list(steps)))
    arrays, evaluated = timed(
        lambda: evaluate(config, settings, state.model, dataset, images, data_dir)
    )
    yield row("evaluation", evaluated)
    with tempfile.TemporaryDirectory() as folder:
        paths = RunPaths(Path(folder))

        def write() -> None:
            model = weight_arrays(state.kept_weights) | history_arrays(config, state)
            write_training(paths.trained, config, model, {})
            trained = check_training(paths.trained)
            write_evaluation(
                paths.evaluation, trained, settings, arrays, provenance={}, dataset_sha256=""
            )

        yield row("writing", seconds(write))


def epoch_row(batch_size: int, name: Format, data_dir: Path, device: torch.device) -> Row:
    """Time epochs in one format, the products of one, and what the device computes in one."""
    config = vae(batch_size, REPEATS + 2)
    precision = Precision(name)
    _, images, validation, state = training_state(config, data_dir, device, precision)
    with mock.patch("aevae.training.loop.has_graphs", return_value=False):
        plain = train(config, TrainState.new(config, device, precision), images, validation)
        next(plain)  # the first epochs are warm-ups
    epochs = train(config, state, images, validation)
    next(epochs)
    multiply = matrix_products(state, batch_size, len(images), len(validation), precision.dtype)

    def products() -> None:
        with precision.tf32():
            multiply()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    products()
    sides = {"plain": lambda: next(plain), "ours": lambda: next(epochs), "products": products}
    least = best_of(REPEATS, sides)
    epoch_s = least["ours"]
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        next(epochs)
    kernels = [e for e in profile.key_averages() if e.device_type == torch.profiler.DeviceType.CUDA]
    busy_s = sum(event.self_device_time_total for event in kernels) / 1e6
    row = {
        "batch": batch_size,
        "format": name,
        "epoch_s": epoch_s,
        "plain_s": least["plain"],
        "speed_up": least["plain"] / epoch_s,
        "products_s": least["products"],
        "over_products": epoch_s / least["products"],
        "device_busy": busy_s / epoch_s,
        "kernels_per_step": round(sum(event.count for event in kernels) * batch_size / len(images)),
    }
    print(row, flush=True)
    return row


def side_by_side_rows(data_dir: Path, device: torch.device) -> Iterator[Row]:
    """Train 1 to 8 runs at the same time, and compare with training them one after another."""
    config, alone = vae(256, 21), 0.0
    for runs in (1, 2, 4, 8):
        together = side_by_side(config, runs, 1, data_dir, device)
        alone = alone or together
        row = {"runs": runs, "twenty_epochs_s": together, "speed_up": runs * alone / together}
        print(row, flush=True)
        yield row


def agreement(data_dir: Path, device: torch.device) -> Iterator[Row]:
    """Compare results with those of the CPU, and a resumed training with an undisturbed one."""

    def row(check: str, difference: float, bound: float) -> Row:
        found = {"check": check, "difference": difference, "bound": bound}
        print(found, flush=True)
        return {**found, "agrees": difference <= bound}

    exact = one_batch(data_dir, CPU, FLOAT32)
    for name in FORMATS:
        loss, gradient = one_batch(data_dir, device, Precision(name))
        resumed = resume_difference(data_dir, device, Precision(name))
        bounds = BOUNDS[name]
        yield row(f"{name}: loss of a batch", abs(loss / exact[0] - 1), bounds[0])
        apart = (gradient - exact[1]).norm() / exact[1].norm()
        yield row(f"{name}: gradient of a batch", float(apart), bounds[1])
        yield row(f"{name}: weights after a resume", resumed, 0.0)

    config = fast_recipe()
    dataset, images, validation, state = training_state(config, data_dir)
    list(train(config, state, images, validation))
    on_cpu = state.history["val/loss"][-1]
    for name in FORMATS:
        _, theirs, held_out, trained = training_state(config, data_dir, device, Precision(name))
        list(train(config, trained, theirs, held_out))
        apart = abs(trained.history["val/loss"][-1] / on_cpu - 1)
        yield row(f"{name}: validation loss of the fast recipe", apart, TRAINED_BOUND)
    found = []
    for where in (CPU, device):
        test = DeviceImages.of(dataset.test, config.data.classes, where)
        run = Evaluator(config, EvaluationConfig(), state.model.to(where), where)
        with torch.no_grad():
            found.append(split_arrays(run, test, "test"))
    for name in (names.of_split("test", names.MU), names.of_split("test", names.SSE_AT_MEAN)):
        ours, theirs = (torch.as_tensor(arrays[name]) for arrays in found)
        apart = float((ours - theirs).abs().max() / ours.abs().max())
        yield row(f"float32: evaluation, {name}", apart, 1e-4)


def one_batch(
    data_dir: Path, device: torch.device, precision: Precision
) -> tuple[float, torch.Tensor]:
    """Return the loss of an AE on its first 1,024 images, and the gradient as one vector."""
    config = RunConfig(model=ModelConfig(kind="ae", latent_size=20))
    _, images, _, state = training_state(config, data_dir, device, precision)
    x, y = images.batch(slice(0, 1024))
    noise = seeded_generator(device, 0, "noise")
    with precision.tf32():
        with precision.autocast(device):
            loss = batch_metrics(config.model, state.model, x, y, 1.0, noise)[0] / len(x)
        loss.backward()
    gradients = [weight.grad.flatten().cpu() for weight in state.model.parameters()]
    return loss.item(), torch.cat(gradients)


def resume_difference(data_dir: Path, device: torch.device, precision: Precision) -> float:
    """Return the largest difference of a weight between a resumed and an undisturbed training."""
    config = vae(1024, 4)
    _, images, validation, state = training_state(config, data_dir, device, precision)
    with tempfile.TemporaryDirectory() as folder:
        paths = RunPaths(Path(folder))
        for epoch in train(config, state, images, validation):
            if epoch == 2:
                save_checkpoint(paths, config, state)
        resumed = load_newest(paths, config, device)
    list(train(config, resumed, images, validation))
    return max(map(largest_difference, weights(state), weights(resumed)))


def weights(state: TrainState) -> list[torch.Tensor]:
    return [weight.detach() for weight in state.model.parameters()]


def largest_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max())


if __name__ == "__main__":
    sys.exit(main())
