"""Starting the missing runs of a sweep, on this machine or a cluster."""

from typing import TYPE_CHECKING, Literal

import typer

from aevae.errors import ExitCode, Interrupted
from aevae.words import counted
from jobs.cli.console import messages, say

if TYPE_CHECKING:
    from jobs.scheduler.profile import ClusterProfile
    from jobs.sweep.folder import Sweep
    from jobs.sweep.selection import Selection


def submit(
    sweep: "Sweep",
    chosen: "Selection",
    profile: "ClusterProfile",
    *,
    watch: bool,
    then_analyse: bool,
) -> None:
    """Submit the missing ones of some runs of a sweep to a cluster."""
    from jobs.cli.watch import follow_states
    from jobs.launch.analysis_job import submit_analysis
    from jobs.launch.slurm import submit_missing
    from jobs.sweep.state import State

    submitted = submit_missing(sweep, chosen.run_ids, profile, say, chosen.named)
    what = counted(submitted, "run")
    say(f"{what} submitted; aevae status {sweep.paths.root} --watch shows how they go on")
    if then_analyse:
        say(f"job {submit_analysis(sweep.paths, profile)}: the analysis, after all runs")
    if watch and any(status.state is not State.DONE for status in follow_states(sweep)):
        raise typer.Exit(ExitCode.INCOMPLETE)


def launch_here(
    sweep: "Sweep", chosen: "Selection", cluster: Literal["local", "debug"], jobs: int | None
) -> None:
    """Execute the missing ones of some runs of a sweep on this machine."""
    from jobs.cli.status_display import shown, summary_line
    from jobs.launch.local import run_debug, run_local
    from jobs.scheduler.queue import WatchedJobs
    from jobs.sweep.configs import read_configs
    from jobs.sweep.state import State
    from jobs.sweep.status import sweep_status
    from jobs.sweep.to_launch import runs_to_launch

    queue = WatchedJobs(sweep.paths)
    statuses = sweep_status(sweep, chosen.run_ids, queue.look())
    done = sum(status.state is State.DONE for status in statuses)
    say(f"{sweep.paths.root}: {done} of {len(statuses)} runs are done")
    unfinished = [status for status in statuses if status.state is not State.DONE]
    # A local run has no time limit, so a run that ran out of time on a cluster is launched.
    more_time = {status.run_id for status in unfinished}
    missing = runs_to_launch(unfinished, chosen.named, say, more_time=more_time)
    # These runs still run although their launcher was killed. This launcher waits for them.
    missing += [s.run_id for s in unfinished if s.state is State.RUNNING and s.job is None]
    completed = True
    if missing and cluster == "debug":
        run_debug(sweep, missing)
    elif missing:
        with shown(messages, read_configs(sweep, missing)) as show:
            completed = run_local(
                sweep,
                missing,
                jobs,
                lambda: show(sweep_status(sweep, missing, queue.look())),
            )
    final = sweep_status(sweep, chosen.run_ids, queue.look())
    say(summary_line(final))
    if not completed:
        raise Interrupted("a signal")
    unfinished = [status for status in final if status.state is not State.DONE]
    for status in unfinished:
        say(
            f"{status.run_id} {status.state}: {status.reason}; "
            f"see aevae logs {sweep.paths.root} {status.run_id}"
        )
    if unfinished:
        raise typer.Exit(ExitCode.INCOMPLETE)
