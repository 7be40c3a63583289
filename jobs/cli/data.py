"""Datasets: staging images of the user's own, and showing what is staged."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aevae.errors import InputError
from aevae.words import counted
from jobs.cli.console import DataDir, messages, say, shown_progress

if TYPE_CHECKING:
    from aevae.data.importing.source import Size
    from aevae.data.summary import Summary

Name = Annotated[str, typer.Argument(help="Name of the dataset, built in or staged.")]


def add(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="An .npz or .h5 file, IDX files, or a folder of pictures or IDX files."
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the new dataset.")],
    size: Annotated[
        str | None, typer.Option(metavar="HxW", help="Scale all images to this height and width.")
    ] = None,
    transpose: Annotated[
        bool, typer.Option("--transpose", help="Exchange rows and columns, as EMNIST needs it.")
    ] = False,
    class_names: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="Names of the classes, in the order of the labels."),
    ] = None,
    noun: Annotated[str, typer.Option(help="Word for a class, such as letter.")] = "class",
    test_share: Annotated[
        float | None,
        typer.Option(help="Share of test images, if the source has none; default: 0.2."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Seed with which test images are drawn.")
    ] = 0,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace another dataset of this name.")
    ] = False,
    data_dir: DataDir = Path("data"),
) -> None:
    """Stage images of your own under a name that sweeps can use."""
    from aevae.data.importing.prepare import Options
    from aevae.data.importing.stage import add as add_images

    named = None if class_names is None else tuple(map(str.strip, class_names.split(",")))
    options = Options(name, _size(size), transpose, named, noun, test_share, seed, replace)
    with shown_progress() as progress:
        done = add_images(sources, options, data_dir, progress)
    for remark in done.description.remarks:
        say(f"note: {remark}")
    if done.written:
        say(f"staged {name} in {done.path}, fingerprint {done.fingerprint}")
        return
    say(f"{name} is staged already with the same images and labels: nothing was changed")
    if done.renamed:
        say("the staged dataset has another noun or other class names; --replace changes them")


def _size(text: str | None) -> "Size | None":
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text.lower())
    if match is None or 0 in (int(match[1]), int(match[2])):
        raise InputError(f"--size takes height x width such as 32x32, got {text!r}")
    return int(match[1]), int(match[2])


def show(
    name: Name,
    picture: Annotated[
        Path | None, typer.Option(help="Write a PNG file with ten images of each class.")
    ] = None,
    data_dir: DataDir = Path("data"),
) -> None:
    """Describe a dataset: shape, classes with counts, splits, fingerprint, source."""
    from aevae.data.summary import describe_shape, summarise
    from aevae.errors import importing

    with messages.status(f"reading {name}"):
        summary = summarise(name, data_dir)
    lines = [
        f"name         {summary.name}",
        f"images       {describe_shape(summary.image_shape)}",
        *(f"{split:<12} {counted(count, 'image')}" for split, count in summary.counts.items()),
        f"fingerprint  {summary.fingerprint}",
        f"source       {summary.source}",
        *(f"note         {remark}" for remark in summary.remarks),
    ]
    if not summary.class_names:
        lines.append("classes      none: the images have no labels")
    else:
        called = "" if summary.noun == "class" else f", each a {summary.noun}"
        lines.append(f"classes      {len(summary.class_names):,}{called}")
        lines += _aligned([("", "train", "test"), *_class_rows(summary)])
    _print(lines)
    if picture is not None:
        with importing("train"):
            from aevae.data.sheet import write_sheet
        left_out = write_sheet(picture, summary)
        say(f"wrote {picture}" + (f"; no room for {left_out:,} classes" if left_out else ""))


def list_sets(data_dir: DataDir = Path("data")) -> None:
    """List the built-in and the staged datasets."""
    from aevae.data.summary import list_all

    with messages.status("reading the datasets"):
        rows = [
            (row.name, row.shape, row.classes, row.images, row.state) for row in list_all(data_dir)
        ]
    _print(_aligned([("name", "images", "classes", "train + test", "state"), *rows], gap=3))


def _class_rows(summary: "Summary") -> Iterator[tuple[str, ...]]:
    for name, counts in summary.class_counts():
        yield f"  {name}", f"{counts['train']:,}", f"{counts['test']:,}"


def _aligned(rows: list[tuple[str, ...]], gap: int = 2) -> list[str]:
    """Pad the cells of a table, so that its columns are aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    space = " " * gap
    return [
        space.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _print(lines: list[str]) -> None:
    for line in lines:
        print(line)  # noqa: T201 - output
