"""The `aevae` command: its subcommands, and the exit code and message of each error."""

from collections.abc import Callable
from typing import Annotated, NoReturn, cast

import typer

from aevae.errors import ExitCode, InputError, Interrupted, RunFailed, one_line, usage_line
from jobs.cli import cancel, data, evaluate, launch, prepare, use, watch
from jobs.cli.console import messages
from jobs.scheduler.commands import SchedulerError

EXAMPLES: dict[Callable[..., None], str] = {
    prepare.fetch: "aevae fetch --dataset mnist --data-dir /scratch/data",
    launch.sweep: "aevae sweep quickstart --set train.epochs=2 --out runs/short",
    launch.run: "aevae run runs/paper --index 3",
    evaluate.evaluate: "aevae evaluate runs/paper --set evaluation.grid_size=40",
    watch.status: "aevae status runs/paper --watch",
    watch.logs: "aevae logs runs/paper vae-z020 --follow",
    cancel.cancel: "aevae cancel runs/paper",
    prepare.doctor: "aevae doctor --cluster v100 --data-dir /scratch/data --on-node",
}

USE_EXAMPLES: dict[Callable[..., None], str] = {
    use.generate: "aevae generate runs/paper cvae-z020 --class 7 --count 100 --to sevens.png",
    use.encode: "aevae encode runs/paper vae-z020 cells.npz --to codes.npz",
    use.reconstruct: "aevae reconstruct runs/paper vae-z020 mnist --to reconstructions.h5",
    use.score: "aevae score runs/paper 'vae-*' pictures --best --to scores.csv",
    use.interpolate: "aevae interpolate runs/paper vae-z020 first.png second.png --to line.gif",
    use.export: "aevae export runs/paper vae-z020 --to vae.onnx",
}

DATA_EXAMPLES: dict[str, tuple[Callable[..., None], str]] = {
    "add": (data.add, "aevae data add cells.npz --name cells --size 32x32"),
    "show": (data.show, "aevae data show cells --picture cells.png"),
    "list": (data.list_sets, "aevae data list"),
}

# The base class of typer's errors for wrong arguments. typer exports only its subclass
# BadParameter; the base class is in click or, in later versions, in typer's copy of click.
UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__base__)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Train sweeps of autoencoders, VAEs and conditional VAEs on this machine or a cluster.",
    epilog="Example: aevae sweep quickstart && aevae status runs/quickstart",
)
for command, example in EXAMPLES.items():
    app.command(epilog=f"Example: {example}")(command)
for command, example in USE_EXAMPLES.items():
    app.command(rich_help_panel="Trained models", epilog=f"Example: {example}")(command)
data_app = typer.Typer(no_args_is_help=True, help="Stage images of your own, and look at them.")
for name, (command, example) in DATA_EXAMPLES.items():
    data_app.command(name, epilog=f"Example: {example}")(command)
app.add_typer(data_app, name="data")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # takes time that no other command needs

        typer.echo(f"aevae {version('aevae')}")
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


def main() -> None:
    """Run the command; bad input is one line on standard error."""
    try:
        # In standalone mode, typer itself would print its errors, in a box.
        code = app(prog_name="aevae", standalone_mode=False)
    except UsageError as error:
        _fail_usage(error)
    except InputError as error:
        _fail(str(error), ExitCode.USAGE)
    except (RunFailed, SchedulerError, OSError) as error:
        _fail(str(error), ExitCode.INCOMPLETE)
    except ImportError as error:
        _fail(f"a library cannot be imported: {one_line(error)}", ExitCode.INCOMPLETE)
    except Interrupted as error:
        _fail(f"interrupted by {error}; run the same command again to go on", ExitCode.INTERRUPTED)
    except KeyboardInterrupt:
        _fail("stopped", ExitCode.KILLED)
    raise SystemExit(code)


def _fail_usage(error: typer.BadParameter) -> NoReturn:
    """Print one line about wrong arguments; if there are no arguments, print the help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        raise SystemExit(ExitCode.USAGE)
    command = error.ctx.command_path if error.ctx is not None else "aevae"
    _fail(usage_line(error.format_message(), command), ExitCode.USAGE)


def _fail(message: str, code: ExitCode) -> NoReturn:
    messages.print(f"aevae: {message}", style="red", highlight=False, markup=False, soft_wrap=True)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
