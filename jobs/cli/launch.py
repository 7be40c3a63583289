"""Training a sweep on this machine or a cluster, or one run in this process."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aevae.errors import InputError
from jobs.cli.console import ChosenDataDir, SweepDir, say

if TYPE_CHECKING:
    from jobs.scheduler.profile import ClusterProfile
    from jobs.sweep.spec import SweepSpec


def sweep(
    spec: Annotated[Path, typer.Argument(help="TOML file, or the name of a shipped one.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the sweep; default: runs/<name>.")
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(
            help="local, debug (in this process), auto, or a cluster profile: a TOML file or the "
            "name of a shipped one."
        ),
    ] = "local",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Runs at once; default: one per GPU or core, at most 8."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, which replaces the file's value.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Short for --set data.dataset=...")] = None,
    data_dir: ChosenDataDir = None,
    only: Annotated[list[str] | None, typer.Option(help="Run ids to run; default: all.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the runs, or the batch script, and stop.")
    ] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Write the sweep's folder and stop.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="After submitting, follow the runs to their end.")
    ] = False,
    then_analyse: Annotated[
        bool,
        typer.Option("--then-analyse", help="Submit also the analysis, to start after the runs."),
    ] = False,
) -> None:
    """Train the missing runs of a sweep; done runs are skipped, interrupted runs are resumed."""
    from jobs.cli.plan import say_how_by_hand, show_plan
    from jobs.cli.start import launch_here, submit
    from jobs.scheduler.profile import choose_cluster
    from jobs.sweep.folder import check_launch, lay_out

    chosen = choose_cluster(cluster)
    loaded = _load(spec, settings or [], dataset, data_dir, chosen)
    if not isinstance(chosen, str):
        chosen = chosen.model_copy(update={"data_dir": loaded.execution.data_dir})
    runs = loaded.runs(f"{spec} with --set" if settings or dataset else str(spec))
    suffix = f"-{dataset}" if dataset is not None else ""
    folder = out or Path("runs") / f"{loaded.name}{suffix}"
    for duplicate in loaded.duplicates:
        say(f"{duplicate} is named more than once; its runs are trained once")
    if dry_run:
        show_plan(runs, folder, chosen, only or [])
        return
    check_launch(loaded, runs, folder)
    laid_out = lay_out(loaded, runs, folder)
    if prepare:
        say_how_by_hand(laid_out)
    elif isinstance(chosen, str):
        launch_here(laid_out, only or [], chosen, jobs)
    else:
        submit(laid_out, only or [], chosen, watch=watch, then_analyse=then_analyse)


def run(
    sweep_dir: SweepDir,
    run_id: Annotated[str | None, typer.Argument(help="The run's id.")] = None,
    index: Annotated[
        int | None,
        typer.Option(min=0, help="Index in the sweep's runs.json, from 0; instead of RUN_ID."),
    ] = None,
    capture: Annotated[
        bool, typer.Option("--capture", help="Write all output only to files in the run's folder.")
    ] = False,
    in_job: Annotated[
        bool,
        typer.Option(
            "--in-job", help="For batch scripts: this SLURM job was submitted to train the run."
        ),
    ] = False,
) -> None:
    """Train one run in this process; exit 75 if it was interrupted and can be resumed."""
    import logging

    from aevae.execution import StopRequest
    from aevae.files.attempt import LOG_FORMAT, SlurmJob
    from aevae.files.runs import check_listed
    from aevae.training.run import execute
    from jobs.sweep.folder import Sweep

    if in_job and "SLURM_JOB_ID" not in os.environ:
        raise InputError("--in-job is for the script of a SLURM job: there is no SLURM_JOB_ID")
    job = SlurmJob.of_environment() if in_job else None
    opened = Sweep.open(sweep_dir)
    check_listed(opened.paths)
    if (run_id is None) == (index is None):
        raise InputError("give either a RUN_ID or --index")
    if index is not None:
        planned = opened.runs.planned
        if index >= len(planned):
            raise InputError(f"--index must be below {len(planned)}, got {index}")
        run_id = planned[index]
    assert run_id is not None
    opened.select([run_id])
    stop = StopRequest().install()
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    spec = opened.spec
    execute(
        *(opened.paths, run_id, spec.execution, spec.evaluation, stop),
        capture=capture,
        slurm_job=job,
    )


def _load(
    spec: Path,
    settings: list[str],
    dataset: str | None,
    data_dir: Path | None,
    cluster: "ClusterProfile | str",
) -> "SweepSpec":
    """Read the specification, and add the settings of the command line and of the profile."""
    from aevae.data.sources import look_up
    from jobs.scheduler.profile import settle_execution
    from jobs.sweep.spec import load_spec

    named = [] if dataset is None else [f'data.dataset="{dataset}"']
    loaded = load_spec(spec, [*settings, *named])
    profile = None if isinstance(cluster, str) else cluster
    execution = settle_execution(loaded.execution, profile, data_dir)
    loaded = loaded.model_copy(update={"execution": execution})
    if loaded.data.fingerprint:
        return loaded
    return loaded.on(loaded.data.of(look_up(loaded.data.dataset, execution.data_dir)))
