"""The `aevae-analysis` command.

Exit codes: 0 ok, 1 incomplete or damaged, 2 bad usage, 75 interrupted.
"""

import os
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any, NoReturn, cast

import typer

from aevae.errors import ExitCode, InputError, RunFailed, importing, usage_line
from analysis.figures import EVIDENCE as FIGURE_EVIDENCE
from analysis.figures import FIGURE_FORMATS, FIGURES
from analysis.figures import SUBJECTS as FIGURE_SUBJECTS
from analysis.measures.embedding import NAMES as EMBEDDING_NAMES
from analysis.tables import EVIDENCE as TABLE_EVIDENCE
from analysis.tables import SUBJECTS as TABLE_SUBJECTS
from analysis.tables import TABLES

TABLE_FORMATS = ("csv", "md", "latex")
# Lists in the help of a command are as wide as a narrow terminal, in two columns.
HELP_COLUMNS, NAME_COLUMNS = 78, 22

# What typer raises for any wrong argument. It publishes only one kind of it, and keeps the rest in
# click or, in later versions, in a copy of click.
UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)

app = typer.Typer(
    help="Turn the results of a sweep into tables, figures and findings, without torch or cluster.",
    epilog="Exit codes: 0 ok, 1 incomplete or damaged, 2 bad usage, 75 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SweepDir = Annotated[Path, typer.Argument(metavar="SWEEP_DIR", help="Folder of the sweep.")]
To = Annotated[
    Path | None,
    typer.Option(help="Folder for the files, SWEEP_DIR/analysis by default; made if need be."),
]
AllowPartial = Annotated[
    bool, typer.Option("--allow-partial", help="Exit with 0 although runs are missing.")
]

At = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="In a sweep whose settings vary: a value of the reference cell, at which figures of "
        "the article are drawn and claims are tested. May be given for several settings.",
        show_default="the default of each setting, or the middle of its values",
    ),
]


def _described(outputs: Mapping[str, str], subjects: Mapping[str, Collection[str]]) -> str:
    """List outputs by subject, one a line, with what they are about."""
    words = {"noun": "class", "plural": "classes"}
    lines = []
    for subject, names in subjects.items():
        lines += ["", f"{subject}:"]
        for name in names:
            what = outputs[name].format_map(words)
            begin = f"  {name:<{NAME_COLUMNS}}"
            after = " " * len(begin)
            lines += wrap(what, HELP_COLUMNS, initial_indent=begin, subsequent_indent=after)
    return "\n".join(lines)


def main() -> None:
    """Run the command line; wrong arguments are one line on standard error."""
    try:
        code = app(prog_name="aevae-analysis", standalone_mode=False)
    except UsageError as error:
        code = _fail_usage(error)
    raise SystemExit(code)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aevae-analysis {version('aevae')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: aevae-analysis check runs/quickstart")
def check(sweep_dir: SweepDir) -> None:
    """Validate every results file: what is ok, missing or damaged, and why."""
    _finish(lambda commands: commands.check(sweep_dir))


@app.command(
    help="Write the tables, each with a caption.\n\n"
    "Tables with thousands of rows are written as CSV only. Where the images show\n"
    "no digits, the names of files and columns say class instead of digit.\n"
    + _described(TABLES, TABLE_SUBJECTS),
    epilog="Example: aevae-analysis tables runs/quickstart --to out --format csv,md",
)
def tables(
    sweep_dir: SweepDir,
    to: To = None,
    format_: Annotated[
        str, typer.Option("--format", help="Formats, separated by commas.")
    ] = ",".join(TABLE_FORMATS),
    allow_partial: AllowPartial = False,
) -> None:
    """Write the tables."""
    _finish(
        lambda commands: commands.write_tables(
            sweep_dir, to, _chosen("--format", format_, TABLE_FORMATS), allow_partial
        )
    )


@app.command(
    help="Draw the figures, each with a caption (Markdown) written from the data.\n"
    + _described(FIGURES, FIGURE_SUBJECTS),
    epilog="Example: aevae-analysis figures runs/quickstart --to out --only by_digit",
)
def figures(
    sweep_dir: SweepDir,
    to: To = None,
    only: Annotated[
        str,
        typer.Option(
            help="Names of figures, separated by commas.",
            show_default="all that the sweep can show",
        ),
    ] = "",
    format_: Annotated[
        str, typer.Option("--format", help="Formats, separated by commas.")
    ] = ",".join(FIGURE_FORMATS),
    at: At = None,
    allow_partial: AllowPartial = False,
) -> None:
    """Draw the figures."""
    _finish(
        lambda commands: commands.write_figures(
            sweep_dir,
            to,
            _chosen("--only", only, FIGURES) if only else [],
            _chosen("--format", format_, FIGURE_FORMATS),
            allow_partial,
            at or [],
        )
    )


@app.command(
    help="Test the claims of the article on a sweep: effect, interval and verdict of each.\n\n"
    "The tables and figures that the findings rest on are written too:\n"
    + _described(
        TABLE_EVIDENCE | FIGURE_EVIDENCE, {"Tables": TABLE_EVIDENCE, "Figures": FIGURE_EVIDENCE}
    ),
    epilog="Example: aevae-analysis findings runs/quickstart --to out",
)
def findings(
    sweep_dir: SweepDir, to: To = None, at: At = None, allow_partial: AllowPartial = False
) -> None:
    """Test the claims of the article."""
    _finish(lambda commands: commands.write_findings(sweep_dir, to, allow_partial, at or []))


@app.command(epilog="Example: aevae-analysis report runs/quickstart --to out")
def report(
    sweep_dir: SweepDir, to: To = None, at: At = None, allow_partial: AllowPartial = False
) -> None:
    """Write all tables, findings and figures, and report.html, one page that shows them.

    The page has a latent explorer too, opens from disk in any recent browser,
    and needs no network.
    """
    _finish(lambda commands: commands.write_report(sweep_dir, to, allow_partial, at or []))


@app.command(
    rich_help_panel="Several sweeps",
    epilog="Example: aevae-analysis compare runs/paper runs/fast --to out",
)
def compare(
    sweep_dirs: Annotated[
        list[Path],
        typer.Argument(
            metavar="SWEEP_DIR",
            help="Folders of the sweeps; the others are compared with the first.",
        ),
    ],
    to: Annotated[Path, typer.Option(help="Folder for the files; made if need be.")],
    format_: Annotated[
        str, typer.Option("--format", help="Formats, separated by commas.")
    ] = ",".join((*TABLE_FORMATS, *FIGURE_FORMATS)),
    allow_partial: AllowPartial = False,
) -> None:
    """Compare sweeps, across recipes, datasets or versions of the code: a table and a figure.

    Cells are compared that have the same model, latent size and values of the
    settings that both sweeps vary. The table has the differences with their 95%
    intervals, and says in which settings, images and code the sweeps differ.
    """
    formats = _chosen("--format", format_, (*TABLE_FORMATS, *FIGURE_FORMATS))
    _finish(lambda commands: commands.compare(sweep_dirs, to, formats, allow_partial))


@app.command(epilog="Example: aevae-analysis embed runs/quickstart --to out --jobs 2")
def embed(
    sweep_dir: SweepDir,
    to: To = None,
    only: Annotated[
        str,
        typer.Option(
            help=f"Names, separated by commas: {', '.join(EMBEDDING_NAMES)}.", show_default="all"
        ),
    ] = "",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes side by side.", show_default="all cores")
    ] = None,
    at: At = None,
    allow_partial: AllowPartial = False,
) -> None:
    """Lay out images and latents by t-SNE, keep that for the figures, and print scores.

    Figures do the same where it has not been done. Embeddings are kept below the
    output's folder and used again as long as the results, the recipe,
    scikit-learn and openTSNE stay the same. Without --only, the scores are also
    written as a table.
    """
    _finish(
        lambda commands: commands.embed(
            sweep_dir,
            to,
            _chosen("--only", only, EMBEDDING_NAMES) if only else [],
            jobs,
            allow_partial,
            at or [],
        )
    )


def _chosen(option: str, text: str, valid: Collection[str]) -> list[str]:
    """Split a list given with commas, in the order given and without repetitions."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = next((name for name in names if name not in valid), None)
    if unknown is not None or not names:
        raise InputError(f"{option}: unknown {unknown or text!r} (valid: {', '.join(valid)})")
    return names


def _finish(command: Callable[[Any], int]) -> NoReturn:
    """Run a command and exit; bad input ends in one line, not in a traceback."""
    # Figures are only written to files. The user's choice may need a display, or not be valid here,
    # and matplotlib then raises when it is imported.
    os.environ["MPLBACKEND"] = "agg"
    # These are imported here, so that --help and bad usage do not wait for pandas and matplotlib.
    try:
        with importing("analysis"):
            from aevae.files.hdf5 import InvalidFile
            from analysis import commands
    except (RunFailed, MemoryError) as error:
        raise typer.Exit(_fail(error, ExitCode.INCOMPLETE)) from None
    try:
        code = command(commands)
    except InputError as error:
        code = _fail(error, ExitCode.USAGE)
    except KeyboardInterrupt:
        code = _fail("interrupted; what is finished is kept", ExitCode.INTERRUPTED)
    except (InvalidFile, OSError) as error:
        code = _fail(error, ExitCode.INCOMPLETE)
    raise typer.Exit(code)


def _fail_usage(error: typer.BadParameter) -> int:
    """Say in one line what is wrong with the arguments; without any, show the help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return ExitCode.USAGE
    command = error.ctx.command_path if error.ctx is not None else "aevae-analysis"
    return _fail(usage_line(error.format_message(), command), ExitCode.USAGE)


def _fail(error: Exception | str, code: int) -> int:
    line = " ".join(str(error).split())
    typer.echo(f"aevae-analysis: {line}", err=True)
    return code


if __name__ == "__main__":
    main()
