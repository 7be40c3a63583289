"""Time in which the fast recipe, the faithful recipe and the conventional loop reach one loss.

Two finished sweeps show whether the loss is reached: the target is the validation loss of `paper`
(the faithful recipe) after its last epoch, and every seed of `seeds` (the fast recipe) must reach
it. This script measures the times: it times epochs of the three programs alternately, and
multiplies the time of an epoch by the number of epochs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conventional import ConventionalLoop
from measure import Goal, best_of, parser, report, training_state

from aevae.config import RunConfig
from aevae.files.layout import SweepPaths
from aevae.files.schema import open_results
from aevae.training.loop import train


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    options.add_argument("--paper", type=Path, default=Path("runs/paper"))
    options.add_argument("--fast", type=Path, default=Path("runs/seeds"))
    options.add_argument("--latent-sizes", type=int, nargs="+", default=[2, 20, 100])
    options.add_argument("--repeats", type=int, default=2, help="each side is timed this often")
    arguments = options.parse_args()
    fast = list(finished(arguments.fast))
    rows: list[dict[str, Any]] = []
    for paper, mark in finished(arguments.paper):
        if paper.model.latent_size not in arguments.latent_sizes:
            continue
        same = [(config, loss) for config, loss in fast if config.model == paper.model]
        if not same:
            continue
        times = whole_times(paper, same[0][0], arguments.repeats, arguments.data_dir)
        rows.append(
            {
                "model": paper.model.kind,
                "d": paper.model.latent_size,
                "paper_loss": mark,
                "worst_fast_loss": max(loss for _, loss in same),
                "seeds": len(same),
                "reached": all(loss <= mark for _, loss in same),
                **{f"{side}_s": value for side, value in times.items()},
                "over_paper": times["fast"] / times["paper"],
                "over_conventional": times["fast"] / times["conventional"],
            }
        )
        print(rows[-1], flush=True)
    if not rows:
        raise SystemExit("no cell is finished in both: `aevae sweep paper`, `aevae sweep seeds`")
    missed = sum(not row["reached"] for row in rows)
    goals = [
        Goal("fast recipe: cells that miss the loss of the faithful recipe", missed, most=0),
        Goal("fast recipe: time over faithful", max(row["over_paper"] for row in rows), most=1 / 6),
        Goal(
            "fast recipe: time over 50 conventional epochs",
            max(row["over_conventional"] for row in rows),
            most=0.1,
        ),
    ]
    title = "time to the validation loss of the faithful recipe"
    report(title, rows, arguments.json, goals)


def finished(sweep: Path) -> Iterator[tuple[RunConfig, float]]:
    """Yield the configuration and the last validation loss of every finished run."""
    for paths in SweepPaths(sweep).planned():
        if paths.evaluation.exists():
            with open_results(paths) as results:
                yield results.config, float(results.array("history/val/loss")[-1])


def whole_times(
    paper: RunConfig, fast: RunConfig, repeats: int, data_dir: Path
) -> dict[str, float]:
    """Return the seconds of all epochs of each program: its fastest epoch times their number."""
    epochs = {
        "fast": our_epochs(fast, data_dir),
        "paper": our_epochs(paper, data_dir),
        "conventional": conventional_epochs(paper, data_dir),
    }
    for side in epochs.values():
        next(side)  # the first epoch is a warm-up
    least = best_of(repeats, {name: lambda side=side: next(side) for name, side in epochs.items()})
    number = {"fast": fast.train.epochs, "paper": paper.train.epochs}
    number["conventional"] = paper.train.epochs
    return {name: seconds * number[name] for name, seconds in least.items()}


def our_epochs(config: RunConfig, data_dir: Path) -> Iterator[object]:
    _, training, validation, state = training_state(config, data_dir)
    return train(config, state, training, validation)


def conventional_epochs(config: RunConfig, data_dir: Path) -> Iterator[object]:
    loop = ConventionalLoop(config, data_dir)
    while True:
        yield loop.epoch()


if __name__ == "__main__":
    main()
