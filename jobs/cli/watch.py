"""Looking at a sweep, and stopping it."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from aevae.errors import ExitCode, InputError
from jobs.cli.console import SweepDir, messages, say

if TYPE_CHECKING:
    from jobs.sweep.folder import Sweep
    from jobs.sweep.status import RunStatus


def status(
    sweep_dir: SweepDir,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw until no run is active.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Show the state of every run. Exit 0 if all are done, else 1."""
    import json
    from dataclasses import asdict

    from jobs.cli.display import report_view
    from jobs.sweep.folder import Sweep
    from jobs.sweep.state import State
    from jobs.sweep.status import sweep_report

    opened = Sweep.open(sweep_dir)
    if watch:
        follow_states(opened)
    report = sweep_report(opened)
    if as_json:
        print(json.dumps(asdict(report), indent=1))  # noqa: T201 - output for scripts
    elif not watch:
        # A terminal cuts long lines; in a file or a pipe they may be longer.
        Console(width=None if sys.stdout.isatty() else 160).print(report_view(report))
    if any(run.state is not State.DONE for run in report.runs):
        raise typer.Exit(ExitCode.INCOMPLETE)


def follow_states(sweep: "Sweep") -> "list[RunStatus]":
    """Show the states of all runs until none waits or runs; return the last ones."""
    import time

    from jobs.cli.display import shown
    from jobs.sweep.status import sweep_status

    with shown(messages) as show:
        while True:
            statuses = sweep_status(sweep)
            show(statuses)
            if not any(s.state.active for s in statuses):
                return statuses
            # Many users share a scheduler, so it is asked seldom.
            time.sleep(10 if sweep.paths.submissions() else 1)


def logs(
    sweep_dir: SweepDir,
    run_id: Annotated[str, typer.Argument(help="Which run.")],
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run ends.")] = False,
) -> None:
    """Print what the newest attempt at a run said."""
    from jobs.sweep.folder import Sweep
    from jobs.sweep.logs import AttemptTail, follow_run

    opened = Sweep.open(sweep_dir)
    paths = opened.paths.run(opened.select([run_id])[0])
    texts = (AttemptTail(attempt).read() for attempt in paths.attempts()[-1:])
    for text in follow_run(opened, run_id) if follow else texts:
        sys.stdout.write(text)
        sys.stdout.flush()
    if not paths.attempts():
        raise InputError(f"{run_id} was not started yet")


def cancel(
    sweep_dir: SweepDir,
    run_ids: Annotated[list[str] | None, typer.Argument(help="Runs; default: the sweep.")] = None,
    grace: Annotated[float, typer.Option(min=0, help="Seconds to save before KILL.")] = 60,
) -> None:
    """Stop runs here or in a queue; they save a checkpoint, and the next sweep resumes them."""
    from jobs.launch.cancel import cancel_queued
    from jobs.launch.signals import stop_and_wait
    from jobs.sweep.folder import Sweep
    from jobs.sweep.launcher import stop_launcher

    opened = Sweep.open(sweep_dir)
    # A run that left the specification may still wait in a queue or run.
    names = opened.select(run_ids or opened.runs.planned)
    runs = [opened.paths.run(name) for name in names]
    launcher_stopped = not run_ids and stop_launcher(opened.paths)
    with messages.status("waiting for the runs to save and stop"):
        stopped = cancel_queued(opened, [paths.run_id for paths in runs], grace)
        stopped += stop_and_wait(runs, grace, say)
    if launcher_stopped:
        say("the launcher was told to stop")
    for name in stopped:
        say(f"stopped {name}")
    if not stopped and not launcher_stopped:
        say("nothing was running")
