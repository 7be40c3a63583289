"""Time and peak memory of `aevae data add`, each in a process of its own.

The pictures are smooth patterns with noise, which compress about as well as photographs.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from measure import Goal, parser, report, run
from PIL import Image


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--data-dir", type=Path, default=Path("data"))
    options.add_argument("--pictures", type=int, default=5_000)
    options.add_argument("--rows", type=int, default=30_000, help="of 12 KiB each, in HDF5 files")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = {
            "MNIST, IDX": arguments.data_dir / "MNIST" / "raw",
            f"{arguments.pictures:,} PNG, 64 x 64 RGB": pictures(folder, arguments.pictures),
            f"{arguments.rows:,} images, 64 x 64 RGB, uint8": hdf5(folder, arguments.rows, "u1"),
            f"{arguments.rows // 4:,} images, 64 x 64 RGB, float32": hdf5(
                folder, arguments.rows // 4, "f4"
            ),
        }
        rows = [add(what, source, folder / "data") for what, source in sources.items()]
    idx, png, *_ = rows
    goals = [
        Goal("import of MNIST's IDX files", idx["seconds"], most=5, unit="s"),
        Goal(
            "import of 1,000 PNG files, 64 x 64 RGB",
            1000 * png["seconds"] / arguments.pictures,
            most=3,
            unit="s",
        ),
        Goal("import: peak memory", max(row["peak, MB"] for row in rows), most=1000, unit="MB"),
    ]
    report("aevae data add", rows, arguments.json, goals)


def patterns(count: int, rng: np.random.Generator) -> np.ndarray:
    """Return (count, 64, 64, 3) uint8 images: smooth colours with a little noise."""
    small = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    smooth = [np.asarray(Image.fromarray(colours).resize((64, 64))) for colours in small]
    noise = rng.integers(-12, 13, (count, 64, 64, 3), dtype=np.int16)
    return np.clip(np.stack(smooth) + noise, 0, 255).astype(np.uint8)


def pictures(folder: Path, count: int) -> Path:
    rng = np.random.default_rng(0)
    for i in range(10):
        (folder / "pictures" / f"class {i}").mkdir(parents=True)
    for start in range(0, count, 500):
        for i, image in enumerate(patterns(min(500, count - start), rng), start):
            path = folder / "pictures" / f"class {i % 10}" / f"{i:06d}.png"
            Image.fromarray(image).save(path, compress_level=1)
    return folder / "pictures"


def hdf5(folder: Path, count: int, dtype: str) -> Path:
    block = patterns(500, np.random.default_rng(0))
    if dtype == "f4":
        block = (block / np.float32(255)).astype(dtype)
    with h5py.File(folder / f"{dtype}.h5", "w") as file:
        images = file.create_dataset("images", (count, 64, 64, 3), dtype, chunks=(100, 64, 64, 3))
        for start in range(0, count, 500):
            images[start : start + 500] = block[: count - start]
    return folder / f"{dtype}.h5"


def add(what: str, source: Path, data_dir: Path) -> dict[str, Any]:
    name = f"set-{len(list(data_dir.glob('*')))}"
    add = [sys.executable, "-m", "jobs.cli", "data", "add", source]
    cost = run([*add, "--name", name, "--data-dir", data_dir])
    return {
        "source": what,
        "seconds": cost.seconds,
        "processor s": cost.processor_s,
        "peak, MB": cost.peak_mb,
        "staged file, MB": (data_dir / f"{name}.h5").stat().st_size / 1e6,
    }


if __name__ == "__main__":
    main()
