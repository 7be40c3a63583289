"""Use of the trained model of a run: generate, encode, reconstruct, score, interpolate, export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from aevae.errors import InputError
from aevae.words import counted
from jobs.cli.console import DataDir, SweepDir, messages, say, shown_progress

if TYPE_CHECKING:
    from aevae.data.importing.source import Progress
    from aevae.use.images import GivenImages
    from aevae.use.model import Model
    from aevae.use.networks import Backend
    from aevae.use.samplers import SamplerName

Run = Annotated[
    str,
    typer.Argument(
        help="The run: its id, the beginning of its id, a pattern such as 'vae-*-s0-*', or a value "
        "such as d=20. May be left out if the sweep has one run."
    ),
]
GivenRun = Annotated[
    str,
    typer.Argument(
        help="The run: its id, the beginning of its id, a pattern such as 'vae-*-s0-*', or a value "
        "such as d=20; '' for a sweep of one run, or with --best."
    ),
]
Images = Annotated[
    list[str],
    typer.Argument(
        help="Name of a dataset; or an .npz or .h5 file, IDX files, or a folder of pictures, as "
        "for aevae data add."
    ),
]
Best = Annotated[
    bool,
    typer.Option("--best", help="Of several runs that match, take that of least validation loss."),
]
Class = Annotated[
    str | None,
    typer.Option("--class", metavar="NAME", help="Class for a conditional model, by its name."),
]
Split = Annotated[
    str | None,
    typer.Option(
        metavar="train|test", help="Which images. Default: test images; all, if there are none."
    ),
]
Resize = Annotated[
    bool, typer.Option("--resize", help="Scale images of another size to that of the model.")
]
Computes = Annotated[
    str,
    typer.Option(
        metavar="auto|numpy|torch",
        help="What computes; auto: torch with an NVIDIA GPU, otherwise NumPy.",
    ),
]
ImagesTo = Annotated[
    Path, typer.Option(help="A .png file (a sheet), a new folder (of PNG files), .npz or .h5.")
]


def generate(
    sweep_dir: SweepDir,
    to: ImagesTo,
    run: Run = "",
    count: Annotated[int, typer.Option(help="Number of images.")] = 100,
    class_: Class = None,
    sampler: Annotated[
        str,
        typer.Option(
            metavar="prior|diagonal|mixture|mixture_of_means",
            help="Where z is drawn from: N(0, I), or what is fitted to the training images.",
        ),
    ] = "prior",
    seed: Annotated[int, typer.Option(help="The same seed gives the same images.")] = 0,
    best: Best = False,
    backend: Computes = "auto",
) -> None:
    """Generate images; a conditional model gives equally many of each class, or those of one."""
    from aevae.use import tasks

    model = _load(sweep_dir, run, best, backend)
    request = tasks.Request(count, class_, cast("SamplerName", sampler), seed)
    with shown_progress() as progress:
        tasks.generate(model, request, to, progress)
    say(f"wrote {counted(count, 'image')} of {model.run_id} to {to}")


def encode(
    sweep_dir: SweepDir,
    run: GivenRun,
    images: Images,
    to: Annotated[Path, typer.Option(help="An .npz, .h5 or .csv file.")],
    class_: Class = None,
    split: Split = None,
    resize: Resize = False,
    best: Best = False,
    data_dir: DataDir = Path("data"),
    backend: Computes = "auto",
) -> None:
    """Encode images to the means and log-variances of their latents."""
    from aevae.use import tasks

    model = _load(sweep_dir, run, best, backend)
    with shown_progress() as progress:
        given = _open(model, images, to, data_dir, progress, split, resize)
        tasks.encode(model, given, class_, to, progress)
    _report(given)
    say(f"wrote the codes of {counted(given.count, 'image')} by {model.run_id} to {to}")


def reconstruct(
    sweep_dir: SweepDir,
    run: GivenRun,
    images: Images,
    to: ImagesTo,
    class_: Class = None,
    split: Split = None,
    resize: Resize = False,
    best: Best = False,
    data_dir: DataDir = Path("data"),
    backend: Computes = "auto",
) -> None:
    """Encode images and decode them again; arrays come with the errors of each image."""
    from aevae.use import tasks

    model = _load(sweep_dir, run, best, backend)
    with shown_progress() as progress:
        given = _open(model, images, to, data_dir, progress, split, resize)
        tasks.reconstruct(model, given, class_, to, progress)
    _report(given)
    say(f"wrote {counted(given.count, 'reconstruction')} by {model.run_id} to {to}")


def score(
    sweep_dir: SweepDir,
    run: GivenRun,
    images: Images,
    to: Annotated[Path, typer.Option(help="A .csv file, with a line for each image.")],
    false_positive_rate: Annotated[
        float,
        typer.Option(help="Share of images like the validation images that may be flagged."),
    ] = 0.05,
    class_: Class = None,
    split: Split = None,
    resize: Resize = False,
    best: Best = False,
    data_dir: DataDir = Path("data"),
    backend: Computes = "auto",
) -> None:
    """Score how unusual images are, compared with the validation images of the run."""
    from aevae.use import tasks

    model = _load(sweep_dir, run, best, backend)
    with shown_progress() as progress:
        given = _open(model, images, to, data_dir, progress, split, resize)
        flagged = tasks.score(model, given, class_, to, progress, false_positive_rate)
    _report(given)
    share, expected = f"{flagged / given.count:.1%}", f"{false_positive_rate:.1%}"
    say(
        f"flagged {flagged:,} of {counted(given.count, 'image')} ({share}); of images like the "
        f"validation images, at most {expected} are expected"
    )
    say(f"wrote the scores by {model.run_id} to {to}")


def interpolate(
    sweep_dir: SweepDir,
    run: GivenRun,
    images: Images,
    to: Annotated[
        Path,
        typer.Option(help="A .gif file; a .png file (a sheet), a new folder, .npz or .h5."),
    ],
    rows: Annotated[
        str, typer.Option(metavar="A,B", help="Numbers of the two images, from 0.")
    ] = "0,1",
    steps: Annotated[int, typer.Option(help="Number of images, with those at both ends.")] = 11,
    class_: Class = None,
    split: Split = None,
    resize: Resize = False,
    best: Best = False,
    data_dir: DataDir = Path("data"),
    backend: Computes = "auto",
) -> None:
    """Decode the line between the codes of two images: two picture files, or rows of a source."""
    from aevae.use import tasks

    model = _load(sweep_dir, run, best, backend)
    with shown_progress() as progress:
        _check_target(to, images)
        ends = tasks.Ends.of_pictures(model, images, resize)
        if ends is None:
            given = _open(model, images, to, data_dir, progress, split, resize)
            ends = tasks.Ends.of_rows(given, _two_rows(rows))
            _report(given)
        tasks.interpolate(model, ends, class_, steps, to)
    say(f"wrote a line of {steps} images by {model.run_id} to {to}")


def export(
    sweep_dir: SweepDir,
    to: Annotated[
        Path,
        typer.Option(
            help="A .safetensors file; or an .onnx file: -encoder and -decoder are added to its "
            "name."
        ),
    ],
    run: Run = "",
    best: Best = False,
) -> None:
    """Write the trained model for other programs: safetensors, or ONNX of encoder and decoder."""
    from aevae.use.export import export as write

    for path, checked in write(_load(sweep_dir, run, best, "auto").run, to):
        say(f"wrote {path}{checked}")


def _two_rows(text: str) -> tuple[int, int]:
    numbers = text.split(",")
    if len(numbers) != 2 or not all(number.strip().isdecimal() for number in numbers):
        raise InputError(f"--rows takes two numbers such as 3,17, got {text!r}")
    return int(numbers[0]), int(numbers[1])


def _load(sweep_dir: Path, run: str, best: bool, backend: str) -> "Model":
    """Load the model of the run that is named, by whatever `--only` takes too."""
    from aevae.files.layout import SweepPaths
    from aevae.use.model import Model
    from aevae.use.networks import build
    from aevae.use.runs import choose_run, matching

    with messages.status("reading the trained model"):
        if "=" in run:
            from jobs.sweep.folder import Sweep
            from jobs.sweep.selection import select_runs

            found = list(select_runs(Sweep.open(sweep_dir), [run]).run_ids)
        else:
            found = matching(SweepPaths(sweep_dir), run)
        trained = choose_run(SweepPaths(sweep_dir), found, best=best)
        return Model(trained, build(trained, cast("Backend", backend)))


def _open(
    model: "Model",
    images: list[str],
    to: Path,
    data_dir: Path,
    progress: "Progress",
    split: str | None,
    resize: bool,
) -> "GivenImages":
    from aevae.use.images import given_images

    _check_target(to, images)
    data = model.config.data
    return given_images(images, data, data_dir, progress, split=split, resize=resize)


def _check_target(to: Path, images: list[str]) -> None:
    """Check that the output takes the place of no image that is read."""
    if to.resolve() in (Path(path).resolve() for path in images):
        raise InputError(f"{to} is among the images that are read; --to takes another name")


def _report(given: "GivenImages") -> None:
    for remark in given.remarks.texts():
        say(f"note: {remark}")
