"""Looking at a sweep: the states of its runs, and the output of a run."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from aevae.errors import ExitCode, InputError
from jobs.cli.console import Only, SweepDir, messages

if TYPE_CHECKING:
    from jobs.sweep.folder import Sweep
    from jobs.sweep.status import RunStatus


def status(
    sweep_dir: SweepDir,
    only: Only = None,
    watch: Annotated[bool, typer.Option("--watch", help="Redraw until no run is active.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, on stdout.")] = False,
) -> None:
    """Show the states of runs; exit 0 if all of them are done, else 1."""
    import json
    from dataclasses import asdict

    from jobs.cli.status_display import report_view
    from jobs.sweep.configs import read_configs
    from jobs.sweep.folder import Sweep
    from jobs.sweep.selection import select_runs
    from jobs.sweep.state import State
    from jobs.sweep.status import sweep_report

    opened = Sweep.open(sweep_dir)
    run_ids = select_runs(opened, only or []).run_ids
    if watch:
        follow_states(opened, run_ids)
    report = sweep_report(opened, run_ids)
    if as_json:
        print(json.dumps(asdict(report), indent=1))  # noqa: T201 - output for scripts
    elif not watch:
        # A line must fit the terminal; in a file or a pipe it may be longer.
        console = Console(width=None if sys.stdout.isatty() else 160)
        configs = read_configs(opened, run_ids)
        console.print(report_view(report, configs, console.width))
    if any(run.state is not State.DONE for run in report.runs):
        raise typer.Exit(ExitCode.INCOMPLETE)


def follow_states(sweep: "Sweep", run_ids: Sequence[str] = ()) -> "list[RunStatus]":
    """Show the states of all runs, or of some, until none waits or runs; return the last ones."""
    import time

    from jobs.cli.status_display import shown
    from jobs.sweep.configs import read_configs
    from jobs.sweep.status import sweep_status

    configs = read_configs(sweep, run_ids or sweep.runs.current)
    with shown(messages, configs) as show:
        while True:
            statuses = sweep_status(sweep, run_ids)
            show(statuses)
            if not any(s.state.active for s in statuses):
                return statuses
            # Many users share a scheduler, so it is asked only every 10 s.
            time.sleep(10 if sweep.paths.submissions() else 1)


def logs(
    sweep_dir: SweepDir,
    run: Annotated[str, typer.Argument(help="The run's id, or the beginning of it.")],
    follow: Annotated[bool, typer.Option("--follow", help="Go on until the run ends.")] = False,
) -> None:
    """Print the output of a run's newest attempt, and of a job that made no attempt."""
    from aevae.use.runs import matching
    from jobs.sweep.folder import Sweep
    from jobs.sweep.logs import AttemptTail, follow_run, job_said

    opened = Sweep.open(sweep_dir)
    run_id, *others = matching(opened.paths, run)
    if others:
        raise InputError(f"{run!r} names {run_id}, {others[0]} and maybe more: name one run")
    paths = opened.paths.run(run_id)
    texts = (AttemptTail(attempt).read() for attempt in paths.attempts()[-1:])
    for text in follow_run(opened, run_id) if follow else texts:
        sys.stdout.write(text)
        sys.stdout.flush()
    said = job_said(paths)
    if not paths.attempts() and not said:
        raise InputError(f"{run_id} was not started yet")
    sys.stdout.write(said)
