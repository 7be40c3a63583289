"""Images per second that a trained model scores and generates, over the matrix products alone; and
time and peak memory of `aevae score` for many images, in a process of its own.

The goals are at most 1.5 times the time of the products, and the same peak memory for 1,000,000
images as for 100,000.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from measure import Goal, best_of, parser, report, run

import aevae
from aevae.use.model import BATCH

IMAGES = 20_000
COLUMNS = ("work", "computed by", "images", "seconds", "processor s", "images per s")
COLUMNS += ("products: images per s", "over products", "peak, MB")
TIMES = 3


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sweep", type=Path, default=Path("runs/quickstart"))
    options.add_argument("--run", default="vae-z020")
    options.add_argument("--images", type=int, nargs="+", default=[100_000, 1_000_000])
    arguments = options.parse_args()
    rows = rates(arguments.sweep, arguments.run)
    print(*rows, sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        many = [
            scored(arguments.sweep, arguments.run, count, Path(folder))
            for count in arguments.images
        ]
    slowest = max(row["over products"] for row in rows)
    growth = many[-1]["peak, MB"] / many[0]["peak, MB"]
    goals = [
        Goal("use of a model: time over that of its products", slowest, most=1.5),
        Goal(
            "aevae score: peak memory for 10 times as many images, over that for the fewer",
            growth,
            most=1.2,
        ),
    ]
    table = [dict.fromkeys(COLUMNS) | row for row in (*rows, *many)]
    title = (
        "score and generate within one process; `aevae score` of an HDF5 file in a separate process"
    )
    report(title, table, arguments.json, goals)


def rates(sweep: Path, run: str) -> list[dict[str, Any]]:
    """Time scoring and generating with both backends, and their products in the same library."""
    models = {name: aevae.load(sweep, run, backend=name) for name in ("numpy", "torch")}
    weights = models["numpy"].run.weights
    images = np.random.default_rng(0).integers(
        0, 256, (IMAGES, *models["numpy"].image_shape), dtype=np.uint8
    )
    encoder = [name for name in weights if name.startswith("encoder") and name.endswith("weight")]
    heads = [name for name in ("mu.weight", "logvar.weight") if name in weights]
    decoder = [name for name in weights if name.startswith("decoder") and name.endswith("weight")]
    down = [weights[name] for name in encoder]
    up = [weights[name] for name in (*decoder, "output.weight")]

    def generate_products() -> None:
        x = np.ones((BATCH, up[0].shape[1]), np.float32)
        for _ in range(IMAGES // BATCH):
            products(x, up)

    def score_products() -> None:
        x = np.ones((BATCH, down[0].shape[1]), np.float32)
        for _ in range(IMAGES // BATCH):
            hidden = products(x, down)
            for head in heads:
                products(hidden, [weights[head]])
        generate_products()

    sides = {("score", "products"): score_products, ("generate", "products"): generate_products}
    for name, model in models.items():
        sides["score", name] = lambda model=model: model.score(images)
        sides["generate", name] = lambda model=model: model.generate(IMAGES)
    found = best_of(TIMES, sides)
    return [
        {
            "work": work,
            "computed by": name,
            "images": IMAGES,
            "seconds": found[work, name],
            "images per s": round(IMAGES / found[work, name]),
            "products: images per s": round(IMAGES / found[work, "products"]),
            "over products": found[work, name] / found[work, "products"],
        }
        for work in ("score", "generate")
        for name in models
    ]


def products(x: np.ndarray, layers: list[np.ndarray]) -> np.ndarray:
    """Multiply by the weights of one layer after the other, and nothing else."""
    for weight in layers:
        x = x @ weight.T
    return x


def scored(sweep: Path, run_id: str, count: int, folder: Path) -> dict[str, Any]:
    path = folder / f"{count}.h5"
    rng = np.random.default_rng(0)
    shape = aevae.load(sweep, run_id).image_shape
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", (count, *shape), "u1", chunks=(1000, *shape))
        for start in range(0, count, 10_000):
            block = rng.integers(0, 256, (min(10_000, count - start), *shape), dtype=np.uint8)
            images[start : start + len(block)] = block
    to = folder / f"{count}.csv"
    score = [sys.executable, "-m", "jobs.cli", "score", sweep, run_id, path]
    cost = run([*score, "--to", to, "--backend", "numpy"])
    path.unlink()
    with to.open() as file:
        assert sum(1 for _ in file) == count + 1
    return {
        "work": "aevae score",
        "computed by": "numpy",
        "images": count,
        "seconds": cost.seconds,
        "processor s": cost.processor_s,
        "images per s": round(count / cost.seconds),
        "peak, MB": cost.peak_mb,
    }


if __name__ == "__main__":
    main()
