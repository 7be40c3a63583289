"""Evaluating trained runs again, with other settings or with newer code."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from aevae.errors import InputError
from aevae.words import counted
from jobs.cli.console import ChosenDataDir, Only, SweepDir, say

if TYPE_CHECKING:
    from jobs.sweep.folder import Sweep


def evaluate(
    sweep_dir: SweepDir,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="evaluation.KEY=VALUE; the sweep's specification keeps it."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Evaluate also runs whose settings did not change.")
    ] = False,
    cluster: Annotated[
        str, typer.Option(help="local, debug, auto, or a cluster profile; see aevae sweep --help.")
    ] = "local",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Runs at once; default: one per GPU or core, at most 8."),
    ] = None,
    only: Only = None,
    data_dir: ChosenDataDir = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="After submitting, follow the runs to their end.")
    ] = False,
) -> None:
    """Evaluate the trained runs of a sweep again, without training anything."""
    from dataclasses import replace

    from aevae.files.runs import RunList, check_listed
    from jobs.cli.start import launch_here, submit
    from jobs.scheduler.profile import choose_cluster, settle_execution
    from jobs.sweep.folder import Sweep, check_outliers, check_storable_runs, write_spec
    from jobs.sweep.selection import Selection, select_runs
    from jobs.sweep.spec import change_evaluation

    chosen = choose_cluster(cluster)
    opened = Sweep.open(sweep_dir)
    check_listed(opened.paths)
    spec = change_evaluation(opened.spec, settings or [])
    profile = None if isinstance(chosen, str) else chosen
    execution = settle_execution(spec.execution, profile, data_dir)
    spec = spec.model_copy(update={"execution": execution})
    check_outliers(spec)
    check_storable_runs(spec.runs(str(opened.paths.spec)), spec)
    trained = _trained(opened, select_runs(opened, only or []).run_ids)
    write_spec(opened.paths, spec)
    if again:
        for run_id in trained:
            opened.paths.run(run_id).evaluation.unlink(missing_ok=True)
    # Only the trained runs are shown and launched.
    chosen_runs = RunList(opened.runs.planned, tuple(trained))
    sweep = replace(opened, spec=spec, runs=chosen_runs)
    if isinstance(chosen, str):
        launch_here(sweep, Selection(chosen_runs.current), chosen, jobs)
    else:
        submit(sweep, Selection(chosen_runs.current), chosen, watch=watch, then_analyse=False)


def _trained(sweep: "Sweep", wanted: Sequence[str]) -> list[str]:
    """Return the runs that are trained, and tell the user how many are not."""
    trained = [run_id for run_id in wanted if sweep.paths.run(run_id).trained.exists()]
    if not trained:
        raise InputError(
            f"no run of {sweep.paths.root} is trained yet: there is nothing to evaluate"
        )
    if len(trained) < len(wanted):
        say(f"not trained yet, so left alone: {counted(len(wanted) - len(trained), 'run')}")
    return trained
