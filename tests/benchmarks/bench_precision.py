"""Losses of the fast recipe in several number formats: nine cells, three seeds each.

The losses of the validation images are computed in float32 for every format. A format is good
enough if no loss is above that of the faithful recipe: the last validation loss of the published
sweep `paper`.
"""

import multiprocessing
from itertools import product
from pathlib import Path
from typing import Any

import torch
from measure import Goal, faithful_losses, parser, report, training_state

from aevae.config import RunConfig
from aevae.training.loop import train
from aevae.training.precision import Format, Precision
from jobs.sweep.spec import load_spec

CELLS = list(product(("ae", "vae", "cvae"), (2, 20, 100)))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    options.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options.add_argument("--formats", nargs="+", default=["float32", "bfloat16"])
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--side-by-side", type=int, default=1, help="runs trained at once")
    arguments = options.parse_args()
    seeds = ", ".join(map(str, arguments.seeds))
    spec = load_spec(Path("fast"), [f"seeds=[{seeds}]"])
    runs = [run for run in spec.runs("fast") if (run.model.kind, run.model.latent_size) in CELLS]
    work = [
        (run, name, arguments.data_dir, arguments.device)
        for run, name in product(runs, arguments.formats)
    ]
    found: dict[tuple[str, int, Format], list[tuple[float, float]]] = {}
    with multiprocessing.get_context("spawn").Pool(arguments.side_by_side) as pool:
        losses = pool.imap(final_losses, work)
        for number, ((run, name, *_), loss) in enumerate(zip(work, losses, strict=True), 1):
            found.setdefault((run.model.kind, run.model.latent_size, name), []).append(loss)
            print(f"{number}/{len(work)}", run.run_id, name, *loss, flush=True)
    if arguments.device.type == "cuda":
        torch.cuda.init()  # or `report` does not name the GPU, which only child processes have used
    faithful = faithful_losses()
    rows: list[dict[str, Any]] = [
        {
            "model": kind.upper(),
            "d": d,
            "format": name,
            "faithful loss": faithful[kind, d],
            **spread(values),
        }
        for (kind, d, name), values in sorted(found.items())
    ]
    above = sum(row["largest loss"] > row["faithful loss"] for row in rows)
    goal = Goal("fast recipe: cells and formats above the faithful loss", above, most=0)
    report(f"fast recipe, seeds {seeds}", rows, arguments.json, [goal])


def final_losses(
    work: tuple[RunConfig, Format, Path, torch.device],
) -> tuple[float, float]:
    """Train a run; return its last validation loss and squared error per image."""
    config, format_, data_dir, device = work
    torch.set_num_threads(1 if device.type == "cuda" else torch.get_num_threads())
    _, images, validation, state = training_state(config, data_dir, device, Precision(format_))
    for epoch in train(config, state, images, validation):
        del epoch
    return state.history["val/loss"][-1], state.history["val/sse"][-1]


def spread(found: list[tuple[float, float]]) -> dict[str, float]:
    """Return mean, least and largest loss and squared error of the seeds."""
    losses, errors = zip(*found, strict=True)
    return {
        "mean loss": sum(losses) / len(losses),
        "smallest loss": min(losses),
        "largest loss": max(losses),
        "smallest error": min(errors),
        "largest error": max(errors),
    }


if __name__ == "__main__":
    main()
