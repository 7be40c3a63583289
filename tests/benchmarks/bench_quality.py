"""Time in which the fast recipe, the faithful recipe and the conventional loop reach one loss.

The published tables in docs/results show whether the loss is reached: the target is the last
validation loss of `paper` (the faithful recipe), and every seed of `seeds` (the fast recipe) must
reach it. This script measures the times: it times epochs of the three programs alternately, and
multiplies the time of an epoch by the number of epochs. There is no warm-up, which would take as
long as the measurement; the first epoch of a run may be slower than the others.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conventional import ConventionalLoop
from measure import (
    CPU,
    Goal,
    best_of,
    faithful_losses,
    fast_losses,
    parser,
    report,
    training_state,
)

from aevae.config import RunConfig
from aevae.training.loop import train
from aevae.training.precision import Precision, choose_precision
from jobs.sweep.spec import load_spec

OVER_LOOP = "over conventional"


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    options.add_argument("--latent-sizes", type=int, nargs="+", default=[2, 20, 100])
    options.add_argument("--repeats", type=int, default=1, help="each side is timed this often")
    arguments = options.parse_args()
    targets, losses = faithful_losses(), fast_losses()
    fast, rows = cells_of("fast"), []
    for (kind, d), paper in cells_of("paper").items():
        if d in arguments.latent_sizes:
            row = {"model": kind.upper(), "d": d} | reached(targets[kind, d], losses[kind, d])
            row |= times(paper, fast[kind, d], arguments.repeats, arguments.data_dir)
            print(row, flush=True)
            rows.append(row)
    missed = sum(not row["reached"] for row in rows)
    slowest = {name: max(row[name] for row in rows) for name in ("over faithful", OVER_LOOP)}
    goals = [
        Goal("fast recipe: cells that miss the loss of the faithful recipe", missed, most=0),
        Goal("fast recipe: time over faithful", slowest["over faithful"], most=1 / 6),
        Goal("fast recipe: time over 50 conventional epochs", slowest[OVER_LOOP], most=0.1),
    ]
    title = "time to the validation loss of the faithful recipe"
    report(title, rows, arguments.json, goals)


def cells_of(spec: str) -> dict[tuple[str, int], RunConfig]:
    """Return the configuration of each model and latent size of a shipped specification."""
    runs = load_spec(Path(spec), []).runs(spec)
    return {(run.model.kind, run.model.latent_size): run for run in runs}


def reached(target: float, losses: list[float]) -> dict[str, Any]:
    """Compare the published losses of all seeds of the fast recipe with the target."""
    return {
        "target loss": target,
        "worst fast loss": max(losses),
        "seeds": len(losses),
        "reached": max(losses) <= target,
    }


def times(paper: RunConfig, fast: RunConfig, repeats: int, data_dir: Path) -> dict[str, Any]:
    """Return the seconds of all epochs of each program: its fastest epoch times their number."""
    precision = choose_precision(fast.train.precision, CPU)[0]
    epochs = {
        "fast": our_epochs(fast, precision, data_dir),
        "faithful": our_epochs(paper, choose_precision(paper.train.precision, CPU)[0], data_dir),
        "conventional": conventional_epochs(paper, data_dir),
    }
    least = best_of(repeats, {name: lambda side=side: next(side) for name, side in epochs.items()})
    whole = {name: seconds * paper.train.epochs for name, seconds in least.items()}
    whole["fast"] = least["fast"] * fast.train.epochs
    return {
        "format": precision.format,
        **{f"{side}, s": value for side, value in whole.items()},
        "over faithful": whole["fast"] / whole["faithful"],
        OVER_LOOP: whole["fast"] / whole["conventional"],
    }


def our_epochs(config: RunConfig, precision: Precision, data_dir: Path) -> Iterator[object]:
    _, training, validation, state = training_state(config, data_dir, CPU, precision)
    return train(config, state, training, validation)


def conventional_epochs(config: RunConfig, data_dir: Path) -> Iterator[object]:
    loop = ConventionalLoop(config, data_dir)
    while True:
        yield loop.epoch()


if __name__ == "__main__":
    main()
