"""What the commands do: images or codes stream from a model into files.

In every function, `to` is a path whose name chooses the form, and `progress` is called with a step,
the number of images done, and the number of all images. If it raises an exception, or bad input is
found, no incomplete file is left behind; only a folder of pictures may be incomplete.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aevae.data.importing.source import PICTURES, Progress, shown
from aevae.errors import InputError, importing
from aevae.use import arrays, checks
from aevae.use.arrays import array_writer
from aevae.use.checks import Labels
from aevae.use.images import GivenImages, picture
from aevae.use.model import Model
from aevae.use.outputs import Pixels, attributes, image_output, table_output
from aevae.use.samplers import SamplerName

MOST_STEPS = 10_000  # of a line between two images, which is computed as a whole


@dataclass(frozen=True)
class Request:
    """Images that a model is to generate."""

    count: int
    labels: Labels | None = None
    sampler: SamplerName = "prior"
    seed: int = 0


def generate(model: Model, request: Request, to: Path, progress: Progress) -> None:
    """Write generated images: a PNG sheet, a folder of PNG files, an .npz or an .h5 file.

    The arrays are `images` (uint8), `z` and, for a conditional model, `labels`.
    """
    count = request.count
    batches = model.generate_in_batches(
        count, request.labels, sampler=request.sampler, seed=request.seed
    )
    with image_output(model, to, count) as write:
        done = 0
        for part in batches:
            write(_uint8(part.images), part.labels, z=part.z)
            done += len(part.images)
            progress("generating", done, count)


def encode(
    model: Model, given: GivenImages, label: Labels | None, to: Path, progress: Progress
) -> None:
    """Write codes and known classes: `mu`, `logvar` and `labels` (.npz, .h5), or a CSV file."""
    labels = given_labels(model, given, label)
    if to.suffix == ".csv":
        _encode_to_table(model, given, labels, to, progress)
        return
    if to.suffix not in arrays.SUFFIXES:
        raise InputError(f"--to takes a name that ends in .npz, .h5 or .csv, got {shown(to)}")
    with array_writer(to, attributes(model)) as write:
        for images, of, numbers in _blocks(given, labels, progress, "encoding"):
            codes = model.encode(images, of)
            known = None if given.labels is None else given.labels[numbers]
            write(mu=codes.mu, logvar=codes.logvar, labels=known)


def _encode_to_table(
    model: Model, given: GivenImages, labels: Labels | None, to: Path, progress: Progress
) -> None:
    latents = range(model.latent_size)
    parts = ("mu", "logvar") if model.config.model.traits.variational else ("mu",)
    columns = [f"{part}_{latent}" for part in parts for latent in latents]
    known = [] if given.labels is None else ["label"]
    with table_output(to, ["image", *known, *columns]) as write:
        for images, of, numbers in _blocks(given, labels, progress, "encoding"):
            codes = [part for part in model.encode(images, of) if part is not None]
            values = np.concatenate(codes, axis=1).tolist()
            for number, row in zip(numbers.tolist(), values, strict=True):
                label = [] if given.labels is None else [model.class_names[given.labels[number]]]
                write([_name(given, number), *label, *(f"{value:.7g}" for value in row)])


def reconstruct(
    model: Model, given: GivenImages, label: Labels | None, to: Path, progress: Progress
) -> None:
    """Write reconstructions; on a sheet, each row of images is above its reconstructions.

    The arrays are `images` (uint8), `sse`, `kl` (zeros for an AE), and the known `labels`.
    """
    labels = given_labels(model, given, label)
    with image_output(model, to, given.count, pairs=True) as write:
        for images, of, numbers in _blocks(given, labels, progress, "reconstructing"):
            made = model.reconstruct(images, of)
            known = None if given.labels is None else given.labels[numbers]
            write(_uint8(made.images), known, images, sse=made.sse, kl=made.kl)


def score(
    model: Model,
    given: GivenImages,
    label: Labels | None,
    to: Path,
    progress: Progress,
    false_positive_rate: float,
) -> int:
    """Write a line for each image to a CSV file; return how many images are flagged."""
    labels = given_labels(model, given, label)
    if to.suffix != ".csv":
        raise InputError(f"--to takes a name that ends in .csv, got {shown(to)}")
    header = ["image", "sse", "kl", "loss", "percentile", "flagged"]
    flagged = 0
    with table_output(to, header) as write:
        for images, of, numbers in _blocks(given, labels, progress, "scoring"):
            scores = model.score(images, of, false_positive_rate=false_positive_rate)
            flagged += int(scores.flagged.sum())
            columns = [column.tolist() for column in scores]
            for number, (sse, kl, loss, percentile, flag) in zip(
                numbers.tolist(), zip(*columns, strict=True), strict=True
            ):
                found = f"{sse:.6g}", f"{kl:.6g}", f"{loss:.6g}", f"{percentile:.2f}", int(flag)
                write([_name(given, number), *found])
    return flagged


@dataclass(frozen=True)
class Ends:
    """The two images at the ends of a line, (2, *image_shape), and their classes, if known."""

    images: Pixels
    labels: NDArray[np.int64] | None = None

    @classmethod
    def of_pictures(cls, model: Model, paths: Sequence[str], resize: bool) -> Self | None:
        """Read two picture files; None if these are not two files."""
        if len(paths) != 2 or not all(Path(path).suffix.lower() in PICTURES for path in paths):
            return None
        data = model.config.data
        return cls(np.stack([picture(Path(path), data, resize=resize) for path in paths]))

    @classmethod
    def of_rows(cls, given: GivenImages, rows: Sequence[int]) -> Self:
        """Read two images of a source, by their numbers from 0."""
        images = given.rows(rows)
        return cls(images, None if given.labels is None else given.labels[list(rows)])


def interpolate(model: Model, ends: Ends, label: Labels | None, steps: int, to: Path) -> None:
    """Write a line between two images: a GIF, or what `generate` writes."""
    if steps > MOST_STEPS:
        raise InputError(f"a line has up to {MOST_STEPS:,} images, not {steps:,}")
    labels = label
    if label is None and model.is_conditional:
        labels = ends.labels
    line = _uint8(model.interpolate(ends.images[0], ends.images[1], steps, labels))
    if to.suffix == ".gif":
        with importing("train"):
            from aevae.use.pictures import write_animation
        write_animation(to, line)
        return
    with image_output(model, to, steps, columns=steps) as write:
        write(line, None)


def given_labels(model: Model, given: GivenImages, label: Labels | None) -> Labels | None:
    """Return the class of each image, or one for all; None for a model that takes no class.

    Raises
    ------
    InputError
        The model needs a class and there is none, or it takes none.
    """
    if label is not None or not model.is_conditional:
        checks.classes(label, 1, model.config)
        return label
    if given.labels is None:
        known = checks.listed(model.class_names)
        raise InputError(
            f"the {model.config.model.traits.title} needs the class of each image, and "
            f"{given.title} has none that it knows: --class gives one to all; valid are {known}"
        )
    return given.labels


def _blocks(
    given: GivenImages, labels: Labels | None, progress: Progress, step: str
) -> Iterator[tuple[Pixels, Any, NDArray[np.int64]]]:
    """Yield blocks of images with their classes and their numbers."""
    done = 0
    for images in given.blocks():
        numbers = np.arange(done, done + len(images))
        yield images, labels[numbers] if isinstance(labels, np.ndarray) else labels, numbers
        done += len(images)
        progress(step, done, given.count)


def _name(given: GivenImages, number: int) -> str:
    return str(number) if given.files is None else shown(given.files[number])


def _uint8(intensities: NDArray[np.float32]) -> Pixels:
    return np.rint(intensities * 255).astype(np.uint8)
