"""Stopping the runs of a sweep."""

from typing import Annotated

import typer

from jobs.cli.console import Only, SweepDir, messages, say


def cancel(
    sweep_dir: SweepDir,
    run_ids: Annotated[
        list[str] | None, typer.Argument(help="Short for --only of each of these.")
    ] = None,
    only: Only = None,
    grace: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds to wait for the runs to end; then local runs are killed."
        ),
    ] = 60,
) -> None:
    """Stop runs on this machine and in the queue; each saves a checkpoint to resume from."""
    from jobs.launch.cancel import cancel_queued
    from jobs.launch.signals import stop_and_wait
    from jobs.sweep.folder import Sweep
    from jobs.sweep.launcher import stop_launcher
    from jobs.sweep.selection import select_runs

    opened = Sweep.open(sweep_dir)
    # A run that left the specification may still wait in a queue or run.
    terms = [*(run_ids or []), *(only or [])]
    names = select_runs(opened, terms, among=opened.runs.planned).run_ids
    runs = [opened.paths.run(name) for name in names]
    launcher_stopped = not terms and stop_launcher(opened.paths)
    with messages.status("waiting for the runs to save and stop"):
        stopped = cancel_queued(opened, [paths.run_id for paths in runs], grace)
        stopped += stop_and_wait(runs, grace, say)
    if launcher_stopped:
        say("the launcher was told to stop")
    for name in stopped:
        say(f"stopped {name}")
    if not stopped and not launcher_stopped:
        say("nothing was running")
